// One entry of the ledger: form, rights and order (PROTOCOL.md, "Entry", "Who may write which key", "Which entry stays").
import { base32, base32Bytes, blake2b } from "./encoding.js";
import { malformed } from "./errors.js";
import { nodeOf, signatureFits } from "./keys.js";
import { Fields, pack } from "./pack.js";

const MAX_KEY_BYTES = 256;
const MAX_VALUE_BYTES = 16384;
export const MAX_ENTRY_BYTES = MAX_KEY_BYTES + MAX_VALUE_BYTES + 160;
const SIGN = "zswarm ledger entry";

/** An entry whose form and limits are right; SwarmError "malformed" otherwise. Neither right nor signature is looked at. */
export function readEntry(data, network) {
  if (data.length > MAX_ENTRY_BYTES) throw malformed("an entry of the ledger is too large");
  const fields = Fields.of(data);
  if (fields.left !== 7) throw malformed("an entry of the ledger has seven elements");
  const entry = {
    cell: fields.uint(0xffffffff), key: fields.text(MAX_KEY_BYTES), erased: fields.uint(1) === 1, value: fields.bin(MAX_VALUE_BYTES),
    stamp: fields.uint64((1n << 63n) - 1n), author: fields.fixed(32), signature: fields.fixed(64),
  };
  if ((entry.erased && entry.value.length > 0) || !isKey(entry.key)) throw malformed("bytes are not an entry of the ledger");
  entry.signed = pack([network, ...contentOf(entry)]);
  entry.hash = blake2b(entry.signed);
  entry.node = nodeOf(entry.author);
  entry.permanent = entry.key.startsWith("network/");
  entry.position = positionOf(entry);
  return entry;
}

const contentOf = ({ cell, key, erased, value, stamp, author }) => [cell, key, erased ? 1 : 0, value, stamp, author];

export const encodeEntry = (entry) => pack([...contentOf(entry), entry.signature]);
export const isSigned = (entry) => signatureFits(entry.author, SIGN, entry.signed, entry.signature);

/** Where it stands in the order that reconciliation goes through: 40 bytes. */
function positionOf({ stamp, hash, permanent }) {
  const position = Buffer.alloc(40);
  position.writeBigUInt64BE(permanent ? stamp | (1n << 63n) : stamp);
  position.set(hash, 8);
  return position;
}

const epochOf = ({ key, value }) => (key.startsWith("placement/") && value.length >= 8 ? value.readBigUInt64BE() : 0n);

/** Of two entries with one key the greater one stays: below, equal to or above 0. */
export function compareEntries(one, other) {
  for (const [a, b] of [[epochOf(one), epochOf(other)], [one.stamp, other.stamp]]) if (a !== b) return a < b ? -1 : 1;
  return Buffer.compare(base32Bytes(one.node), base32Bytes(other.node)) || Buffer.compare(one.hash, other.hash);
}

function isKey(key) {
  const parts = key.split("/");
  return parts.length >= 2 && parts.every((part) => /^[!-~]+$/.test(part));
}

/** The node that network/revoked/ID speaks of, or null. */
export function revokedNode(key) {
  const node = /^network\/revoked\/([^/]+)$/.exec(key)?.[1];
  return node !== undefined && isNodeId(node) ? node : null;
}

function isNodeId(text) {
  const data = base32Bytes(text);
  return data?.length === 16 && base32(data) === text;
}

/** Whether the author of an entry may write its key. */
export function mayWrite(entry, operator) {
  const [first, ...rest] = entry.key.split("/");
  if (first === "network") return entry.author.equals(operator) && (!entry.key.startsWith("network/revoked/") || revokedNode(entry.key) !== null);
  if (first === "placement") return rest.length === 1 && !entry.erased && epochOf(entry) > 0n && epochOf(entry) <= entry.stamp;
  const owner = first === "model" ? rest[1] : rest[0];
  return rest.length >= 2 && owner === entry.node;
}
