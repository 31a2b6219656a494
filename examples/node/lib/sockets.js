// Sockets of ZeroMQ with CURVE and every limit set (PROTOCOL.md, "Sockets"). libzmq's own defaults have no limit on sizes.
import { Dealer, Subscriber } from "zeromq";

import { z85 } from "./encoding.js";
import { canonicalEndpoint } from "./endpoint.js";
import { malformed } from "./errors.js";

const KIB = 1024;
const PART_BYTES = { join: 64 * KIB, gossip: 256 * KIB, control: 1024 * KIB, dispatch: 1024 * KIB };

/** Our end of another node's socket: DEALER, or SUB for gossip. Connecting goes on in the background, again and again. */
export function connect(name, endpoint, serverKey, keys) {
  if (!canonicalEndpoint(endpoint)) throw malformed("an address is HOST:PORT: 192.0.2.7:7000, [2001:db8::7]:7000 or node.example.org:7000");
  const socket = new (name === "gossip" ? Subscriber : Dealer)({
    linger: 200, // milliseconds for what is still to be sent when it closes
    ipv6: true,
    maxMessageSize: PART_BYTES[name],
    receiveHighWaterMark: 1000,
    handshakeInterval: 3000,
    tcpKeepalive: 1,
    tcpKeepaliveIdle: 15, // seconds
    tcpKeepaliveInterval: 5,
    tcpKeepaliveCount: 3,
    tcpMaxRetransmitTimeout: 15000,
    reconnectInterval: 100,
    reconnectMaxInterval: 5000,
    curveServerKey: z85(serverKey),
    curvePublicKey: z85(keys.public),
    curveSecretKey: z85(keys.secret),
    ...(name === "gossip" ? {} : { sendHighWaterMark: 1000, sendTimeout: 0 }),
  });
  socket.connect(`tcp://${endpoint}`);
  return socket;
}
