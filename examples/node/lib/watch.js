// Who comes and goes: changes of `node/ID/card` in the ledger, and the news of lives and ends that members publish.
//
// Cards stay in the ledger for a day after their node has gone, so the ledger alone tells of comings only. Ends are news, and news are published on
// gossip sockets. A guest is nobody's neighbour: it may subscribe, and is not told again what it has missed. So it listens to two members, and
// reconciles the ledger now and then.
import { setTimeout as pause } from "node:timers/promises";

import { SwarmError } from "./errors.js";
import { Type, readMessage } from "./message.js";
import { Kind, Lives, entryIn, readNews } from "./news.js";
import { Queue } from "./queue.js";

const LISTEN_TO = 2;
const REPAIR_EVERY_MS = 5000;

/** Yields {event, node, name, incarnation} for ever; events: present (at the beginning), joined, changed, left, dead, revoked, forgotten. */
export async function* watch(network) {
  const watching = new Watching(network);
  try {
    await watching.listen(); // before the ledger is read, so that nothing falls between
    await network.readLedger();
    yield* watching.changes("present");
    for (;;) {
      await watching.turn();
      yield* watching.changes("joined");
    }
  } finally {
    watching.close();
  }
}

class Watching {
  #network;
  #lives = new Lives();
  #listening = new Map(); // by node: SUB socket
  #shown = new Map(); // by node: {state, card}
  #news = new Queue(1);
  #closed = null; // ends maintenance
  #failure = null;

  constructor(network) {
    this.#network = network;
  }

  /** Subscribes to so many members as there should be. */
  async listen() {
    while (this.#listening.size < LISTEN_TO) {
      let member;
      try {
        member = await this.#network.someMember(new Set([...this.#listening.keys(), ...this.#gone()]));
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        if (this.#listening.size > 0) return;
        member = await this.#network.join();
      }
      const socket = member.subscribe();
      this.#listening.set(member.card.node, socket);
      this.#hear(socket);
    }
  }

  /** Until there is news. Beside that, the connections are looked after and what was missed is made up for. */
  async turn() {
    if (!this.#closed) this.#maintain(new AbortController());
    await this.#news.take(REPAIR_EVERY_MS);
    if (this.#failure) throw this.#failure;
  }

  async #maintain(closed) {
    this.#closed = closed;
    while (!closed.signal.aborted) {
      try {
        await this.#repair();
      } catch (error) {
        if (!(error instanceof SwarmError) || error.code !== "unreachable") this.#failure = error; // else the network may come back
      }
      this.#news.put(true);
      await pause(REPAIR_EVERY_MS, null, { signal: closed.signal }).catch(() => {}); // closed
    }
  }

  async #repair() {
    for (const node of [...this.#listening.keys()]) {
      // A member that was started anew has forgotten us: it must see our card again.
      if (await this.#answers(node)) continue;
      this.#listening.get(node).close();
      this.#listening.delete(node);
      await this.#network.drop(node);
    }
    await this.listen();
    await this.#network.readLedger();
  }

  async #answers(node) {
    try {
      return await (await this.#network.member(node)).probe();
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      return false;
    }
  }

  async #hear(socket) {
    for await (const parts of socket) {
      try {
        this.#take(readMessage(parts.at(-1)));
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error; // malformed, or of a later version: passed over
      }
    }
  }

  #take({ type, fields }) {
    if (type !== Type.GOSSIP) return;
    for (const news of readNews(fields)) {
      const entry = news.kind === Kind.PAYLOAD ? entryIn(news) : null;
      if (entry) this.#network.ledger.merge(entry);
      else if (news.kind !== Kind.PAYLOAD) this.#lives.learn(news);
    }
    this.#news.put(true);
  }

  /** What is different from what was told last. */
  *changes(first) {
    this.#network.checkEpoch();
    const states = this.#states();
    for (const [node, { state, card }] of states) {
      const before = this.#shown.get(node);
      if (state === "alive" && before?.state !== "alive") yield toldOf(first, card);
      else if (state === "alive" && card.incarnation !== before.card.incarnation) yield toldOf("changed", card);
      else if (before && state !== before.state) yield toldOf(state, card);
    }
    for (const [node, { card }] of this.#shown) if (!states.has(node)) yield toldOf("forgotten", card);
    this.#lives.keepOnly(states);
    this.#shown = states;
  }

  #states() {
    const states = new Map();
    for (const [node, card] of this.#network.cards()) {
      const end = this.#lives.endOf(card);
      states.set(node, { state: end === null ? "alive" : end === Kind.DEAD ? "dead" : "left", card });
    }
    for (const [node, { card }] of this.#shown) if (this.#network.ledger.revoked.has(node)) states.set(node, { state: "revoked", card });
    return states;
  }

  #gone() {
    return [...this.#shown].filter(([, { state }]) => state !== "alive").map(([node]) => node);
  }

  close() {
    this.#closed?.abort();
    for (const socket of this.#listening.values()) socket.close();
  }
}

const toldOf = (event, card) => ({ event, node: card.node, name: card.name, incarnation: Number(card.incarnation) });
