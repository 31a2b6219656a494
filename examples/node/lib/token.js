// The token of a network and the keys that follow from it (PROTOCOL.md, "Token" and "Keys of a network").
import { timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";

import { base32Bytes, blake2b, subKey } from "./encoding.js";
import { canonicalEndpoint } from "./endpoint.js";
import { SwarmError, malformed } from "./errors.js";
import { curveKeys } from "./keys.js";

const NO_TOKEN = "this is no token: a token is one word that begins with zsw1";
const NEWER = "the token is of a newer format than this program knows: update it";
const TYPO = "the token has a typo or a part of it is missing (its checksum does not fit): copy it again, whole";
const FAULTY = "the token was made by a faulty program: its checksum fits, its contents make no sense";
const LAST_SECOND = 253402300799n;

/** {epoch, secret, operator, expiresS, bootstrap}. SwarmError says which of PROTOCOL.md's five cases it is. Expiry is not looked at. */
export function parseToken(text) {
  const word = text.replace(/\s/g, "").toLowerCase();
  if (!/^zsw[1-9il]/.test(word)) throw malformed(NO_TOKEN);
  if (/[2-9]/.test(word[3])) throw new SwarmError("unsupported", NEWER);
  const data = word.length <= 4096 ? base32Bytes(word.slice(4)) : null;
  if (!data || data.length < 5) throw malformed(TYPO);
  const payload = data.subarray(0, -4);
  const sum = blake2b(Buffer.concat([Buffer.from("zsw1"), payload])).subarray(0, 4);
  if (!timingSafeEqual(sum, data.subarray(-4))) throw malformed(TYPO);
  return parsePayload(payload);
}

function parsePayload(payload) {
  let left = payload;
  const take = (size) => {
    if (size > left.length) throw malformed(FAULTY);
    const taken = left.subarray(0, size);
    left = left.subarray(size);
    return taken;
  };
  const format = take(1)[0];
  if (format > 1) throw new SwarmError("unsupported", NEWER);
  const token = { epoch: take(4).readUInt32BE(), secret: take(32), operator: take(32), expiresS: null, bootstrap: [] };
  const flags = take(1)[0];
  if (format !== 1 || flags > 1) throw malformed(FAULTY);
  if (flags === 1) token.expiresS = take(8).readBigUInt64BE();
  const count = take(1)[0];
  if (count > 8 || token.expiresS > LAST_SECOND) throw malformed(FAULTY);
  for (let i = 0; i < count; i++) {
    const endpoint = canonicalEndpoint(take(take(1)[0]).toString());
    if (!endpoint) throw malformed(FAULTY);
    token.bootstrap.push(endpoint);
  }
  if (left.length > 0) throw malformed(FAULTY);
  return token;
}

/** SwarmError "refused" from the second of its expiry on. */
export function checkExpiry(token, nowMs = Date.now()) {
  if (token.expiresS === null || BigInt(Math.floor(nowMs / 1000)) < token.expiresS) return;
  const when = new Date(Number(token.expiresS) * 1000).toISOString().replace("T", " ").slice(0, 19);
  throw new SwarmError("refused", `the token expired on ${when} UTC`);
}

export function networkKeys(token) {
  return {
    network: blake2b(token.operator).subarray(0, 8), // the network's id
    epoch: token.epoch,
    operator: token.operator,
    joinServer: curveKeys(subKey(token.secret, 2)).public,
    joinClient: curveKeys(subKey(token.secret, 3)),
    membership: subKey(token.secret, 5),
  };
}

/** From a text, a file, "-" for standard input, or the environment; checked, and not expired. */
export function loadToken(where = process.env.ZSWARM_TOKEN || process.env.TOKEN) {
  if (!where) throw new SwarmError("not_found", "no token: give --token FILE, or set ZSWARM_TOKEN");
  if (where === "-") where = readFileSync(0, "utf8").slice(0, 16384);
  else if (where.length < 4096 && existsSync(where) && statSync(where).isFile()) where = readFileSync(where, "utf8").slice(0, 16384);
  const token = parseToken(where);
  checkExpiry(token);
  return token;
}
