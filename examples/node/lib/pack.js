// msgpack arrays, written in their shortest form and read with limits (PROTOCOL.md, "Messages and versions").
//
// msgpackr reads. It does not write here: numbers of 64 bits become signed ones or floating point, and signatures need one form only.
import { Unpackr } from "msgpackr";

import { malformed } from "./errors.js";

const unpackr = new Unpackr({ useRecords: false, int64AsType: "bigint" });

/** Of numbers from 0, bigints, texts, booleans, byte strings and arrays of these. */
export function pack(value) {
  const parts = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value, parts) {
  if (typeof value === "boolean") parts.push(Buffer.from([value ? 0xc3 : 0xc2]));
  else if (typeof value === "number" || typeof value === "bigint") parts.push(number(BigInt(value)));
  else if (typeof value === "string") writeBytes(Buffer.from(value), parts, [[31, 0xa0], [0xff, 0xd9], [0xffff, 0xda], [0xffffffff, 0xdb]]);
  else if (value instanceof Uint8Array) writeBytes(value, parts, [[-1, 0], [0xff, 0xc4], [0xffff, 0xc5], [0xffffffff, 0xc6]]);
  else if (Array.isArray(value)) {
    parts.push(head(value.length, [[15, 0x90], [-1, 0], [0xffff, 0xdc], [0xffffffff, 0xdd]]));
    for (const element of value) write(element, parts);
  } else throw new TypeError(`no message holds a ${typeof value}`);
}

function writeBytes(data, parts, forms) {
  parts.push(head(data.length, forms), data);
}

/** The head of something that long: `forms` are [longest, first byte], with 0, 1, 2 and 4 bytes of length. */
function head(length, forms) {
  const form = forms.findIndex(([longest]) => length <= longest);
  if (form === 0) return Buffer.from([forms[0][1] | length]);
  const bytes = Buffer.alloc(1 + [0, 1, 2, 4][form]);
  bytes[0] = forms[form][1];
  bytes.writeUIntBE(length, 1, bytes.length - 1);
  return bytes;
}

function number(value) {
  if (value < 0n || value >= 1n << 64n) throw new RangeError("a number of a message has 64 bits and no sign");
  if (value < 0x80n) return Buffer.from([Number(value)]);
  const size = value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8;
  const bytes = Buffer.alloc(1 + size);
  bytes[0] = { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf }[size];
  if (size === 8) bytes.writeBigUInt64BE(value, 1);
  else bytes.writeUIntBE(Number(value), 1, size);
  return bytes;
}

/**
 * Takes the elements of an array in order, and checks type and limit of each; SwarmError "malformed" if one is not as it should be. Elements behind
 * those that are taken belong to later versions and are passed over.
 */
export class Fields {
  #elements;
  #at = 0;

  constructor(elements) {
    this.#elements = elements;
  }

  static of(data) {
    let elements;
    try {
      elements = unpackr.unpack(data);
    } catch {
      throw malformed("bytes are no msgpack"); // or they claim more than there is, or nest without end
    }
    if (!Array.isArray(elements)) throw malformed("a message is no array");
    return new Fields(elements);
  }

  get left() {
    return this.#elements.length - this.#at;
  }

  #next(fits) {
    if (this.left === 0 || !fits(this.#elements[this.#at])) throw malformed("an element is missing, of another type or over its limit");
    return this.#elements[this.#at++];
  }

  /** A number that JavaScript holds exactly. */
  uint(most = Number.MAX_SAFE_INTEGER) {
    return Number(this.#next((value) => isUint(value) && BigInt(value) <= BigInt(most)));
  }

  /** A bigint. */
  uint64(most = (1n << 64n) - 1n) {
    return BigInt(this.#next((value) => isUint(value) && BigInt(value) <= most));
  }

  boolean() {
    return this.#next((value) => typeof value === "boolean");
  }

  text(most) {
    return this.#next((value) => typeof value === "string" && Buffer.byteLength(value) <= most);
  }

  bin(most) {
    return this.#next((value) => value instanceof Uint8Array && value.length <= most);
  }

  fixed(size) {
    return this.#next((value) => value instanceof Uint8Array && value.length === size);
  }

  array(most) {
    return new Fields(this.#next((value) => Array.isArray(value) && value.length <= most));
  }
}

const isUint = (value) => (typeof value === "bigint" || Number.isSafeInteger(value)) && value >= 0;
