// Our connections to one member that has admitted us, and what this guest says there (PROTOCOL.md, "Guests").
import { randomInt } from "node:crypto";

import { SwarmError } from "./errors.js";
import { Lane } from "./lane.js";
import { Type, writeMessage } from "./message.js";
import { Queue } from "./queue.js";
import { Caller } from "./service.js";
import { connect } from "./sockets.js";

const PROBE_WITHIN_MS = 2000;
const WAITING = 8; // messages of one session that wait to be read; an honest member has two under way

export class Member {
  #identity;
  #control = null;
  #caller = null;
  #sessions = new Map(); // by request id: queues of messages that answer ours

  constructor(identity, card) {
    this.#identity = identity;
    this.card = card;
  }

  /** For requests to the services of this member. */
  get caller() {
    this.#caller ??= new Caller(this.#endpoint("dispatch"), this.card.curveKey, this.#identity.curve, this.#identity.incarnation);
    return this.#caller;
  }

  /** {id, answers}: messages of the control socket with this request id go to the queue until closeSession(). */
  openSession() {
    const id = randomInt(2 ** 32);
    const answers = new Queue(WAITING);
    this.#sessions.set(id, answers);
    return { id, answers };
  }

  closeSession(id) {
    this.#sessions.delete(id);
  }

  send(message) {
    this.#control ??= new Lane("control", this.#endpoint("control"), this.card.curveKey, this.#identity.curve, (received) => this.#onControl(received));
    return this.#control.send(message);
  }

  /** Whether the member answers within two seconds. */
  async probe() {
    const { id, answers } = this.openSession();
    await this.send(writeMessage(Type.PROBE, [this.#identity.incarnation, this.#identity.instance, 0, 0], id));
    const answer = await answers.take(PROBE_WITHIN_MS);
    this.closeSession(id);
    return answer !== null;
  }

  /** A SUB socket that hears whole news of this member; its messages are [topic, message]. */
  subscribe() {
    const socket = connect("gossip", this.#endpoint("gossip"), this.card.curveKey, this.#identity.curve);
    socket.subscribe(Buffer.from([0])); // the eager topic
    return socket;
  }

  #onControl(message) {
    if (message.type === Type.PROBE) {
      // Every node answers: what it is, and that it counts nobody as a neighbour.
      this.send(writeMessage(Type.PROBE_ACK, [this.#identity.incarnation, this.#identity.instance, false], message.requestId));
    } else if (message.type === Type.NEIGHBOUR) {
      this.send(writeMessage(Type.NEIGHBOUR_REPLY, [false]));
    } else {
      this.#sessions.get(message.requestId)?.put(message); // who sends more than the protocol lets it is not listened to
    }
  }

  #endpoint(name) {
    if (!this.card.sockets[name]) throw new SwarmError("unreachable", `node ${this.card.node} has no ${name} socket`);
    return this.card.sockets[name];
  }

  async close() {
    await Promise.all([this.#control?.close(), this.#caller?.close()]);
    this.#control = this.#caller = null;
  }
}
