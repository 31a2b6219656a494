// The ledger as this client holds it: who takes which entry (PROTOCOL.md, "Taking an entry" and "Life").
//
// This client only reads: it has no clock of its own to move, and writes nothing.
import { compareEntries, isSigned, mayWrite, readEntry, revokedNode } from "./entry.js";
import { SwarmError } from "./errors.js";

const AHEAD_MS = 5000;
const LIFE_MS = 24 * 3600 * 1000;
const DROP_AFTER_MS = 10_000;
const OVERHEAD_BYTES = 256; // of an entry, beside key and value
const AUTHOR = { entries: 8192, bytes: 4 << 20 };
const OPERATOR = { entries: 65536, bytes: 16 << 20 }; // beyond the total
const TOTAL = { entries: 1 << 20, bytes: 384 << 20 };

const cost = (entry) => (entry ? entry.key.length + entry.value.length + OVERHEAD_BYTES : 0); // keys are ASCII
const exceeds = (used, most) => used.entries > most.entries || used.bytes > most.bytes;

export class Ledger {
  revoked = new Set();
  #entries = new Map(); // by key
  #used = new Map(); // by author: {entries, bytes}
  #bytes = 0;
  #order = null; // made anew when somebody asks for it after a change

  constructor(network, operator, cell = 0) {
    Object.assign(this, { network, operator, cell });
  }

  get size() {
    return this.#entries.size;
  }

  /** The entry of a key, unless it was erased. */
  get(key) {
    const entry = this.#entries.get(key);
    return entry && !entry.erased ? entry : null;
  }

  /** Entries with a value, in the order of their keys. */
  items(prefix = "") {
    const found = [...this.#entries.values()].filter((entry) => entry.key.startsWith(prefix) && !entry.erased);
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** {verdict, entry}: an entry that passes every check is "new" and replaces what was held. */
  merge(data, nowMs = Date.now()) {
    let entry;
    try {
      entry = readEntry(data, this.network);
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      return { verdict: "malformed", entry: null };
    }
    let verdict = this.#judge(entry, nowMs);
    if (verdict === "new" && !isSigned(entry)) verdict = "forged";
    if (verdict === "new") this.#apply(entry);
    return { verdict, entry };
  }

  #judge(entry, nowMs) {
    if (entry.cell !== (entry.permanent ? 0 : this.cell)) return "other cell";
    if (!mayWrite(entry, this.operator)) return "forbidden";
    if (entry.stamp >> 16n > BigInt(nowMs + AHEAD_MS)) return "ahead";
    if (!entry.permanent && entry.stamp < Ledger.horizon(nowMs)) return "stale";
    if (!entry.permanent && this.revoked.has(entry.node)) return "revoked";
    const held = this.#entries.get(entry.key);
    if (held && compareEntries(held, entry) >= 0) return held.hash.equals(entry.hash) ? "duplicate" : "older";
    return this.#isFull(entry, held) ? "full" : "new";
  }

  #isFull(entry, held) {
    const byOperator = entry.author.equals(this.operator);
    const own = this.#used.get(entry.node) ?? { entries: 0, bytes: 0 };
    const ownGone = held?.node === entry.node ? held : undefined;
    const after = (used, gone) => ({ entries: used.entries + 1 - (gone ? 1 : 0), bytes: used.bytes + cost(entry) - cost(gone) });
    if (exceeds(after(own, ownGone), byOperator ? OPERATOR : AUTHOR)) return true;
    return !byOperator && exceeds(after({ entries: this.size, bytes: this.#bytes }, held), TOTAL);
  }

  #apply(entry) {
    if (this.#entries.has(entry.key)) this.#remove(entry.key);
    this.#entries.set(entry.key, entry);
    const used = this.#used.get(entry.node) ?? { entries: 0, bytes: 0 };
    this.#used.set(entry.node, { entries: used.entries + 1, bytes: used.bytes + cost(entry) });
    this.#bytes += cost(entry);
    this.#order = null;
    const node = revokedNode(entry.key);
    if (node === null) return;
    if (entry.erased) {
      this.revoked.delete(node);
      return;
    }
    this.revoked.add(node);
    for (const held of [...this.#entries.values()]) if (held.node === node && !held.permanent) this.#remove(held.key);
  }

  #remove(key) {
    const entry = this.#entries.get(key);
    const used = this.#used.get(entry.node);
    this.#entries.delete(key);
    if (used.entries === 1) this.#used.delete(entry.node);
    else this.#used.set(entry.node, { entries: used.entries - 1, bytes: used.bytes - cost(entry) });
    this.#bytes -= cost(entry);
    this.#order = null;
  }

  /** Stamps before this one are past their life. */
  static horizon(nowMs) {
    return BigInt(Math.max(0, nowMs - LIFE_MS)) << 16n;
  }

  /** Forgets what is past its life; call it now and then. */
  dropExpired(nowMs = Date.now()) {
    const old = Ledger.horizon(nowMs - DROP_AFTER_MS);
    for (const entry of [...this.#entries.values()]) if (!entry.permanent && entry.stamp < old) this.#remove(entry.key);
  }

  get order() {
    this.#order ??= new Order([...this.#entries.values()]);
    return this.#order;
  }
}

/** Entries by position, with sums of their hashes, so that the sum of any range is one subtraction. */
export class Order {
  #sums = [0n];

  constructor(entries) {
    this.entries = entries.sort((a, b) => Buffer.compare(a.position, b.position));
    for (const entry of this.entries) this.#sums.push(this.#sums.at(-1) + littleEndian(entry.hash));
  }

  /** Indices [first, last) of the entries from the bound `lower` on and below `upper`; an upper bound of null is the end. */
  span(lower, upper) {
    return [this.#below(lower), upper === null ? this.entries.length : this.#below(upper)];
  }

  sum(first, last) {
    return (this.#sums[last] - this.#sums[first]) % (1n << 256n);
  }

  /** How many positions are below the bound. */
  #below(bound) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(this.entries[middle].position, bound) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const littleEndian = (hash) => BigInt(`0x${Buffer.from(hash).reverse().toString("hex")}`);
