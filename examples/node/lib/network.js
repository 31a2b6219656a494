// A network as a guest sees it: it shows its card to members, reads their ledger and calls their services (PROTOCOL.md, "Guests").
//
//   const network = new Network(loadToken("home.token"), startIdentity("client.identity"), ["192.0.2.7:7000"]);
//   await network.readLedger();
//   for (const card of network.cards().values()) …
//   for await (const event of (await network.member(node)).caller.call("zswarm.info")) …
//   await network.close();
import { sealCard, verifyCard } from "./card.js";
import { SwarmError } from "./errors.js";
import { sayHello } from "./joining.js";
import { Ledger } from "./ledger.js";
import { Member } from "./member.js";
import { reconcile } from "./reconcile.js";
import { networkKeys } from "./token.js";

const VERSION = "example 1";

export class Network {
  #identity;
  #card;
  #contacts;
  #members = new Map(); // by node: those that have admitted us
  #shown = new Map(); // by node: cards that welcomes showed

  constructor(token, identity, contacts = [], name = "") {
    this.keys = networkKeys(token);
    this.ledger = new Ledger(this.keys.network, this.keys.operator);
    this.#identity = identity;
    this.#card = sealCard(identity, this.keys, name, VERSION);
    this.#contacts = [...contacts, ...token.bootstrap];
  }

  /** Says hello at a join socket; the Member that listens there. */
  async introduce(endpoint) {
    const { card, others } = await sayHello(this.keys, this.#card, endpoint);
    for (const shown of [...others, card]) this.#shown.set(shown.node, shown);
    await this.drop(card.node); // connections to its earlier run lead nowhere
    const member = new Member(this.#identity, card);
    this.#members.set(card.node, member);
    return member;
  }

  /** The first contact that lets us in. SwarmError with the last one's reason if none does. */
  async join() {
    let reason = new SwarmError("not_found", "no address to start from: give --contact HOST:PORT of a member's join socket");
    for (const endpoint of this.#contacts) {
      try {
        return await this.introduce(endpoint);
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        reason = error;
      }
    }
    throw reason;
  }

  /** A member by its id, which must be in the ledger or in a welcome; it is shown our card first. */
  async member(node) {
    if (this.#members.has(node)) return this.#members.get(node);
    const card = this.cards().get(node) ?? this.#shown.get(node);
    if (!card) throw new SwarmError("not_found", `node ${node} is not known here`);
    if (!card.sockets.join) throw new SwarmError("unreachable", `node ${node} has no join socket`);
    const member = await this.introduce(card.sockets.join);
    if (member.card.node !== node) throw new SwarmError("unreachable", `another node answers at the address of node ${node}`);
    return member;
  }

  /** One that has admitted us, or lets us in now. SwarmError if there is none. */
  async someMember(exceptFor = new Set()) {
    const known = new Set([...this.#members.keys(), ...this.#shown.keys(), ...this.cards().keys()]);
    for (const node of known) {
      if (exceptFor.has(node) || this.ledger.revoked.has(node)) continue;
      try {
        return await this.member(node);
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error; // it has gone: another one will do
      }
    }
    if (exceptFor.size > 0) throw new SwarmError("unreachable", "there is no further member");
    return this.join();
  }

  /** What the ledger holds that is new to us, from one member or, if it is silent, from another. */
  async readLedger() {
    this.ledger.dropExpired();
    const member = await this.someMember();
    let report;
    try {
      report = await reconcile(member, this.ledger);
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      await this.drop(member.card.node);
      report = await reconcile(await this.someMember(), this.ledger);
    }
    this.checkEpoch();
    return report;
  }

  /** SwarmError "refused" once the network has a newer token: members' cards cannot be checked with ours any more ("Rotation"). */
  checkEpoch() {
    const epochs = this.ledger.items("network/epoch/").map((entry) => Number(/^network\/epoch\/([0-9]+)\/[^/]+$/.exec(entry.key)?.[1] ?? 0));
    const newest = Math.max(0, ...epochs);
    if (newest > this.keys.epoch)
      throw new SwarmError("refused", `the network's token has been replaced (epoch ${newest}, this one is of epoch ${this.keys.epoch}): ask for the new one`);
  }

  /** Cards of members by node id, as the ledger holds them; those of revoked nodes and of other epochs are left out. */
  cards() {
    const cards = this.ledger.items("node/").map((entry) => this.#cardOf(entry)).filter(Boolean);
    return new Map(cards.map((card) => [card.node, card]));
  }

  #cardOf(entry) {
    if (entry.key !== `node/${entry.node}/card` || this.ledger.revoked.has(entry.node)) return null;
    try {
      const card = verifyCard(entry.value, this.keys);
      return card.node === entry.node ? card : null;
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      return null;
    }
  }

  /** Closes our connections to a member. */
  async drop(node) {
    const member = this.#members.get(node);
    this.#members.delete(node);
    await member?.close();
  }

  async close() {
    for (const node of [...this.#members.keys()]) await this.drop(node);
  }
}
