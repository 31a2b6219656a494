// What members publish on their gossip sockets (PROTOCOL.md, "News"), and what follows from it about their lives.
import { base32 } from "./encoding.js";
import { MAX_ENTRY_BYTES } from "./entry.js";
import { SwarmError } from "./errors.js";
import { Fields } from "./pack.js";

export const Kind = Object.freeze({ PAYLOAD: 0, ALIVE: 1, DEAD: 2, LEFT: 3 });
const LEDGER_ENTRY = 1; // kind of a payload
const MAX_NEWS = 1024;
const MAX_NEWS_BYTES = 65536;

/** [{kind, origin, number, payload}]; hops and via, which follow, concern neighbours. */
export function readNews(fields) {
  const listed = fields.array(MAX_NEWS);
  const news = [];
  while (listed.left > 0) {
    const item = listed.array(16);
    news.push({ kind: item.uint(255), origin: base32(item.fixed(16)), number: item.uint64(), payload: item.bin(MAX_NEWS_BYTES) });
  }
  return news;
}

/** The entry of the ledger that news carry, as bytes; null if they carry something else. */
export function entryIn(news) {
  try {
    const fields = Fields.of(news.payload);
    return fields.uint() === LEDGER_ENTRY ? fields.bin(MAX_ENTRY_BYTES) : null;
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return null;
  }
}

/** Who lives: of a node's lives and ends the one with the highest incarnation counts, an end before a life. */
export class Lives {
  #ended = new Map(); // by node: {incarnation, kind}
  #alive = new Map(); // by node: incarnation

  learn({ kind, origin, number }) {
    if (kind === Kind.ALIVE) {
      if (number > (this.#alive.get(origin) ?? -1n)) this.#alive.set(origin, number);
    } else if (kind === Kind.DEAD || kind === Kind.LEFT) {
      const known = this.#ended.get(origin);
      if (!known || number > known.incarnation || (number === known.incarnation && kind > known.kind)) this.#ended.set(origin, { incarnation: number, kind });
    }
  }

  /** Kind.DEAD or Kind.LEFT; null if the node of this card lives. */
  endOf(card) {
    const end = this.#ended.get(card.node);
    return end && end.incarnation >= card.incarnation && end.incarnation >= (this.#alive.get(card.node) ?? 0n) ? end.kind : null;
  }

  keepOnly(nodes) {
    for (const known of [this.#ended, this.#alive]) for (const node of [...known.keys()]) if (!nodes.has(node)) known.delete(node);
  }
}
