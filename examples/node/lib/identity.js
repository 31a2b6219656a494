// Who this client is: a seed, the keys that follow from it, and a count of starts (PROTOCOL.md, "Identity of a node").
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { SwarmError } from "./errors.js";
import { curveKeys, nodeOf, signKeys } from "./keys.js";

const INCARNATIONS_PER_START = 1 << 20;

/** {node, signKey, sign(purpose, data), curve, incarnation, instance} */
export function identityFrom(seed, incarnation, instance = randomBytes(8).readBigUInt64BE()) {
  const keys = signKeys(seed);
  return { node: nodeOf(keys.public), signKey: keys.public, sign: keys.sign, curve: curveKeys(seed), incarnation, instance };
}

/**
 * Loads the identity, or makes one in a file that only its owner can read, and counts this start before anybody hears of it. One process at a time
 * may use an identity: of two, the network would take the second for the first one, started anew.
 */
export function startIdentity(path) {
  mkdirSync(dirname(path), { mode: 0o700, recursive: true });
  let seed = randomBytes(32);
  let incarnation = 0;
  if (existsSync(path)) {
    if (statSync(path).mode & 0o077)
      throw new SwarmError("refused", `${path}: others than its owner may read this identity; chmod 600 it, or remove it to start with a new one`);
    ({ seed, incarnation } = readIdentity(path));
  }
  incarnation += INCARNATIONS_PER_START;
  replace(path, `${JSON.stringify({ seed: seed.toString("hex"), incarnation })}\n`);
  return identityFrom(seed, incarnation);
}

function readIdentity(path) {
  try {
    const kept = JSON.parse(readFileSync(path, "utf8"));
    const seed = Buffer.from(kept.seed, "hex");
    if (seed.length === 32 && Number.isSafeInteger(kept.incarnation) && kept.incarnation >= 0) return { seed, incarnation: kept.incarnation };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new SwarmError("malformed", `${path}: this is no identity of a client; remove it to start with a new one`);
}

function replace(path, text) {
  const fresh = `${path}.${process.pid}.new`;
  const file = openSync(fresh, "wx", 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(fresh, path);
}
