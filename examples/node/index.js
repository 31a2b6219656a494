// A client of zswarm networks, written from bus/PROTOCOL.md: zeromq.js, msgpackr, BLAKE2b from @noble/hashes, all other cryptography from node:crypto.
// Start reading at lib/network.js, which composes the rest; command.js is a small command on top of it.
export { SwarmError } from "./lib/errors.js";
export { startIdentity } from "./lib/identity.js";
export { Network } from "./lib/network.js";
export { Caller } from "./lib/service.js";
export { loadToken, parseToken } from "./lib/token.js";
export { watch } from "./lib/watch.js";
