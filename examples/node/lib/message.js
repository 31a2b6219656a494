// One message: a header of eight bytes, then one msgpack array (PROTOCOL.md, "Messages and versions").
import { SwarmError, malformed } from "./errors.js";
import { Fields, pack } from "./pack.js";

const MAJOR = 1;
const MINOR = 0;
const HEADER_BYTES = 8;

export const Type = Object.freeze({
  VERSION: 0x00,
  HELLO: 0x01, WELCOME: 0x02, REFUSAL: 0x03,
  NEIGHBOUR: 0x12, NEIGHBOUR_REPLY: 0x13,
  PROBE: 0x20, PROBE_ACK: 0x21,
  GOSSIP: 0x30,
  SYNC_OPEN: 0x40, SYNC_RANGES: 0x41, SYNC_ENTRIES: 0x42,
  REQUEST: 0x50, EVENT: 0x51, CREDIT: 0x52, CANCEL: 0x53, END: 0x54, BEAT: 0x55, ALIVE: 0x56,
});

export function writeMessage(type, elements, requestId = 0) {
  const header = Buffer.from([MAJOR, MINOR, type, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(requestId, 4);
  return Buffer.concat([header, pack(elements)]);
}

/** {type, requestId, fields}; SwarmError "unsupported" for another major version, of which only the header is read, "malformed" for what is no message. */
export function readMessage(data) {
  if (data.length < HEADER_BYTES) throw malformed("a message is shorter than its header");
  const type = data[2];
  const fields = () => Fields.of(data.subarray(HEADER_BYTES));
  const major = type === Type.VERSION ? fields().uint(255) : data[0]; // VERSION is the one message that all versions can read
  if (type === Type.VERSION || major !== MAJOR)
    throw new SwarmError("unsupported", `the other side speaks version ${major} of the protocol, this program version ${MAJOR}`);
  return { type, requestId: data.readUInt32BE(4), fields: fields() };
}
