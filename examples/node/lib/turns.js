// One turn of reconciliation after the other, from the ledger's entries as they are now (PROTOCOL.md, "Reconciliation"). No I/O.
import { randomInt } from "node:crypto";

import { encodeEntry } from "./entry.js";
import { MAX_ENTRIES, State, asksNothing, boundBetween, emptyTurn, fingerprint, shortId, trimmed } from "./ranges.js";

// What this client sends at most in one turn; below the limits of the protocol.
const LEAF = 32;
const PIECES = 16;
const RANGES = 1024;
const IDS = 4096;
const ENTRY_BYTES = 64 << 10;

export class TurnMaker {
  turn = emptyTurn();
  entries = []; // to send before the turn, as bytes
  #order;
  #nonce;
  #ids = 0;
  #entryBytes = 0;
  #left = null; // a range for later turns

  constructor(order, nonce) {
    this.#order = order;
    this.#nonce = nonce;
  }

  opening(lower) {
    this.#listOrCut({ lower, upper: null });
    return this.turn;
  }

  /** The turn that answers `asked`. */
  answer(asked) {
    const jobs = [
      ...asked.wants.map((range) => ({ range, run: () => this.#sendWanted(range) })),
      ...asked.lists.map((range) => ({ range, run: () => this.#compare(range) })),
      ...asked.fingerprints.filter((range) => !this.#fingerprint(range).equals(range.fingerprint)).map((range) => ({ range, run: () => this.#listOrCut(range) })),
    ];
    for (const { range, run } of jobs.sort((a, b) => Buffer.compare(a.range.lower, b.range.lower))) {
      if (this.#hasRoom()) run();
      else this.#leave(range);
    }
    if (this.#left) this.turn.fingerprints.push({ ...this.#left, fingerprint: this.#fingerprint(this.#left) });
    if (asksNothing(this.turn)) this.turn.state = State.DONE;
    return this.turn;
  }

  #fingerprint({ lower, upper }) {
    const [first, last] = this.#order.span(lower, upper);
    return fingerprint(this.#nonce, this.#order.sum(first, last), last - first);
  }

  #entriesIn({ lower, upper }) {
    return this.#order.entries.slice(...this.#order.span(lower, upper));
  }

  #hasRoom() {
    const { fingerprints, lists, wants } = this.turn;
    return fingerprints.length + lists.length + wants.length < RANGES && this.#ids < IDS && this.#entryBytes < ENTRY_BYTES;
  }

  #leave({ lower, upper }) {
    const left = this.#left ?? { lower, upper };
    const later = left.upper === null || upper === null ? null : Buffer.compare(left.upper, upper) < 0 ? upper : left.upper;
    this.#left = { lower: Buffer.compare(left.lower, lower) < 0 ? left.lower : lower, upper: later };
  }

  #listOrCut(range) {
    const entries = this.#entriesIn(range);
    if (entries.length > LEAF) return this.#cut(range, entries);
    this.#ids += entries.length;
    this.turn.lists.push({ lower: range.lower, upper: range.upper, ids: entries.map((entry) => shortId(this.#nonce, entry.hash)) });
  }

  #cut({ lower, upper }, entries) {
    const count = entries.length;
    const parts = Math.max(2, Math.min(PIECES, Math.floor((2 * count) / LEAF)));
    for (let part = 1; part <= parts; part++) {
      let until = upper;
      if (part < parts) {
        // Chance moves the cuts, so that nobody knows beforehand which entries share a range.
        const rank = Math.floor((count * part) / parts) - randomInt(Math.floor(count / parts / 4) + 1);
        until = trimmed(boundBetween(entries[rank - 1].position, entries[rank].position));
      }
      this.turn.fingerprints.push({ lower, upper: until, fingerprint: this.#fingerprint({ lower, upper: until }) });
      lower = until;
    }
  }

  /** Sends what the list does not name, and wants what is missing here. */
  #compare(range) {
    const theirs = new Set(range.ids);
    const missingThere = this.#entriesIn(range).filter((entry) => !theirs.delete(shortId(this.#nonce, entry.hash)));
    this.#send(missingThere, range.upper);
    if (theirs.size === 0) return;
    const ids = [...theirs].sort().slice(0, IDS);
    this.turn.wants.push({ lower: range.lower, upper: range.upper, ids });
    this.#ids += ids.length;
    if (theirs.size > IDS) this.#leave(range);
  }

  #sendWanted(range) {
    const wanted = new Set(range.ids);
    this.#send(this.#entriesIn(range).filter((entry) => wanted.has(shortId(this.#nonce, entry.hash))), range.upper);
  }

  #send(entries, upper) {
    for (const entry of entries) {
      if (this.#entryBytes >= ENTRY_BYTES || this.entries.length === MAX_ENTRIES) return this.#leave({ lower: trimmed(entry.position), upper });
      this.entries.push(encodeEntry(entry));
      this.#entryBytes += this.entries.at(-1).length;
    }
  }
}
