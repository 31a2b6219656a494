// The messages of range-based set reconciliation (PROTOCOL.md, "Reconciliation").
//
// A bound is a byte string that begins a position; missing bytes are zero, and trailing zeros are dropped, so equal bounds are equal strings and
// strings compare as positions do. null is the end of everything. A turn has `fingerprints` {lower, upper, fingerprint}, in order, and `lists` and
// `wants` {lower, upper, ids}, ids being hexadecimal.
import { blake2b } from "./encoding.js";
import { malformed } from "./errors.js";
import { Type, writeMessage } from "./message.js";

export const State = Object.freeze({ GO_ON: 0, DONE: 1, BUSY: 2, OTHER_CELL: 3 });
export const MAX_ENTRIES = 1024;
const MAX_RANGES = 2048;
const MAX_IDS = 16384;
const ID_BYTES = 6;

export const emptyTurn = () => ({ state: State.GO_ON, fingerprints: [], lists: [], wants: [] });
export const asksNothing = (turn) => turn.fingerprints.length + turn.lists.length + turn.wants.length === 0;

export function fingerprint(nonce, sum, count) {
  const data = Buffer.alloc(40);
  data.set(Buffer.from(sum.toString(16).padStart(64, "0"), "hex").reverse());
  data.writeBigUInt64LE(BigInt(count), 32);
  return blake2b(data, 16, nonce).subarray(0, 12);
}

export const shortId = (nonce, hash) => blake2b(hash, 16, nonce).toString("hex", 0, ID_BYTES);

/** The shortest bound above one position and not above the next. */
export function boundBetween(below, above) {
  const differ = above.findIndex((byte, at) => byte !== below[at]);
  return above.subarray(0, differ + 1);
}

export function trimmed(bound) {
  let length = bound.length;
  while (length > 0 && bound[length - 1] === 0) length--;
  return bound.subarray(0, length);
}

const NOTHING = Buffer.alloc(0);

function blocks(ranges) {
  const blocks = [];
  let end;
  for (const { lower, upper, fingerprint } of ranges) {
    if (end !== lower || blocks.length === 0) blocks.push([lower]);
    blocks.at(-1).push(fingerprint, upper ?? NOTHING);
    end = upper;
  }
  return blocks;
}

const flat = (ranges) => ranges.flatMap(({ lower, upper, ids }) => [lower, upper ?? NOTHING, Buffer.from(ids.join(""), "hex")]);

export const writeOpen = (session, nonce, cell, turn) => writeMessage(Type.SYNC_OPEN, [nonce, cell, blocks(turn.fingerprints), flat(turn.lists)], session);

/** Of the opener. */
export const writeTurn = (session, turn) =>
  writeMessage(Type.SYNC_RANGES, [true, turn.state, blocks(turn.fingerprints), flat(turn.lists), flat(turn.wants)], session);

export const writeEntries = (session, entries) => writeMessage(Type.SYNC_ENTRIES, [true, entries], session);

/** Bounds the ranges and ids of one message altogether. */
class Counter {
  #ranges = 0;
  #ids = 0;

  range(lower, upper) {
    if (lower === null || ++this.#ranges > MAX_RANGES || (upper !== null && Buffer.compare(lower, upper) >= 0))
      throw malformed("a range of the reconciliation");
    return { lower, upper };
  }

  split(packed) {
    this.#ids += packed.length / ID_BYTES;
    if (packed.length % ID_BYTES !== 0 || this.#ids > MAX_IDS) throw malformed("ids of the reconciliation");
    return packed.toString("hex").match(/.{12}/g) ?? [];
  }
}

const readLower = (fields) => trimmed(fields.bin(40));

function readUpper(fields) {
  const bound = fields.bin(40);
  return bound.length === 0 ? null : trimmed(bound);
}

function readFingerprints(fields, counter) {
  const ranges = [];
  const listed = fields.array(MAX_RANGES);
  while (listed.left > 0) {
    const block = listed.array(2 * MAX_RANGES + 1);
    if (block.left < 3 || block.left % 2 === 0) throw malformed("fingerprints of the reconciliation");
    let lower = readLower(block);
    while (block.left > 0) {
      const value = block.fixed(12);
      const upper = readUpper(block);
      ranges.push({ ...counter.range(lower, upper), fingerprint: value });
      lower = upper;
    }
  }
  return ranges;
}

function readLists(fields, counter) {
  const ranges = [];
  const listed = fields.array(3 * MAX_RANGES);
  if (listed.left % 3 !== 0) throw malformed("lists of the reconciliation");
  while (listed.left > 0) {
    const range = counter.range(readLower(listed), readUpper(listed));
    ranges.push({ ...range, ids: counter.split(listed.bin(MAX_IDS * ID_BYTES)) });
  }
  return ranges;
}

/** {fromOpener, turn} */
export function readTurn(fields) {
  const counter = new Counter();
  const fromOpener = fields.boolean();
  const state = fields.uint(State.OTHER_CELL);
  const turn = { state, fingerprints: readFingerprints(fields, counter), lists: readLists(fields, counter), wants: readLists(fields, counter) };
  return { fromOpener, turn };
}

/** The entries of a message, as bytes. */
export function readEntries(fields, mostBytes) {
  fields.boolean(); // whether the opener says it
  const listed = fields.array(MAX_ENTRIES);
  const entries = [];
  while (listed.left > 0) entries.push(listed.bin(mostBytes));
  return entries;
}
