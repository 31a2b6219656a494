// The introduction at a member's join socket (PROTOCOL.md, "Joining").
import { MAX_CARD_BYTES, verifyCard } from "./card.js";
import { isPlain } from "./encoding.js";
import { SwarmError, malformed } from "./errors.js";
import { Type, readMessage, writeMessage } from "./message.js";
import { connect } from "./sockets.js";

const ANSWER_WITHIN_MS = 5000;

/** Shows our card at a join socket; from the welcome on the member admits our key. {card, others}; SwarmError says why it does not. */
export async function sayHello(keys, ourCard, endpoint) {
  const socket = connect("join", endpoint, keys.joinServer, keys.joinClient);
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new SwarmError("unreachable", `no node answers at ${endpoint}`)), ANSWER_WITHIN_MS);
  });
  const answer = socket.receive();
  answer.catch(() => {}); // when the socket closes before an answer
  try {
    await socket.send(writeMessage(Type.HELLO, [ourCard]));
    const [data] = await Promise.race([answer, shutDoor(socket, endpoint), silence]);
    return readAnswer(data, keys);
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** Rejects once somebody has taken our connection and closed it during CURVE's handshake: its server key is not the one of our token. */
function shutDoor(socket, endpoint) {
  return new Promise((_, reject) => {
    let connected = false;
    const shut = () => {
      if (!connected) return;
      reject(new SwarmError("refused", `the node at ${endpoint} does not know this token: it is of another network, or has been replaced by a newer one`));
    };
    socket.events.on("connect", () => (connected = true));
    socket.events.on("handshake", () => (connected = false));
    for (const event of ["disconnect", "handshake:error:protocol", "handshake:error:auth", "handshake:error:other"]) socket.events.on(event, shut);
  });
}

function readAnswer(data, keys) {
  const { type, fields } = readMessage(data);
  if (type === Type.REFUSAL) {
    const code = fields.text(64);
    const sentence = fields.text(512);
    if (!isPlain(code + sentence)) throw malformed("a refusal that cannot be read");
    throw new SwarmError(code, sentence);
  }
  if (type !== Type.WELCOME) throw malformed("no welcome came back");
  const card = verifyCard(fields.bin(MAX_CARD_BYTES), keys);
  const listed = fields.array(8);
  const others = [];
  while (listed.left > 0) {
    const data = listed.bin(MAX_CARD_BYTES);
    try {
      others.push(verifyCard(data, keys));
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      // Out of date, or of another epoch: the member itself is what counts.
    }
  }
  return { card, others };
}
