// Requests to a node's services, answered with streams (PROTOCOL.md, "Requests and streams": "The caller").
import { randomInt } from "node:crypto";

import { SwarmError } from "./errors.js";
import { Lane } from "./lane.js";
import { Type, writeMessage } from "./message.js";

const TICK_MS = 50;
const BEAT_MS = 1000;
const RETRY_MS = 2000;
const SILENCE_MS = 5000;
const STALL_MS = 1000; // a tick that is so late shows that this process did not run: the node is not to blame for silence
const EVENT_BYTES = 262_144;
const TRAILER_BYTES = 65_536;
const MAX_FRAMES = 16;
const FRAME_BYTES = 524_288;
const CODES = ["malformed", "refused", "unsupported", "too_large", "not_found", "busy", "deadline", "cancelled", "unreachable", "io"];

/** The dispatch socket of one node, with all streams over it. For members, and for clients that were admitted by `zswarm token client`. */
export class Caller {
  #lane;
  #incarnation;
  #streams = new Map();
  #lastId = randomInt(2 ** 32);
  #ticker;
  #ticked = performance.now();

  /** `incarnation` must be higher than in any earlier run with these keys; without one the clock gives it. */
  constructor(endpoint, serverKey, keys, incarnation = Date.now()) {
    this.#incarnation = incarnation;
    this.#lane = new Lane("dispatch", endpoint, serverKey, keys, (message, frames) => this.#streams.get(message.requestId)?.onMessage(message, frames));
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** A Stream. `window` is how many events, and bytes of them, may be on their way to us. */
  call(service, payload = Buffer.alloc(0), { frames = [], deadlineMs = 60_000, priority = 0, window = { events: 64, bytes: 1 << 20 } } = {}) {
    const between = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
    if (!between(Buffer.byteLength(service), 1, 64) || !between(deadlineMs, 1, 86_400_000) || !between(window.events, 1, 65_536) || !between(window.bytes, EVENT_BYTES, 64 << 20))
      throw new SwarmError("refused", "the name of the service, the deadline or the window is over the protocol's limits");
    if (payload.length > FRAME_BYTES || frames.length > MAX_FRAMES || frames.some((frame) => frame.length > FRAME_BYTES))
      throw new SwarmError("too_large", "a request takes a payload of 512 KiB, and 16 frames of that size");
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#streams.has(this.#lastId));
    const id = this.#lastId;
    const request = writeMessage(Type.REQUEST, [this.#incarnation, service, deadlineMs, priority, window.events, window.bytes, payload], id);
    const stream = new Stream({ send: (message, parts) => this.#lane.send(message, parts), forget: () => this.#streams.delete(id) }, id, request, frames, window, deadlineMs);
    this.#streams.set(id, stream);
    return stream;
  }

  #tick() {
    const now = performance.now();
    const stalled = now - this.#ticked > STALL_MS;
    this.#ticked = now;
    for (const stream of [...this.#streams.values()]) stream.onTime(now, stalled);
  }

  async close() {
    for (const stream of [...this.#streams.values()]) stream.cancel();
    clearInterval(this.#ticker);
    await this.#lane.close();
  }
}

/**
 * An answer: `for await (const event of stream)` gives events in order, then ends, or throws the SwarmError with which the stream ended; leaving the
 * loop earlier cancels the stream. Reading an event grants the node another one, so a slow reader slows this stream and nothing else.
 */
class Stream {
  trailer = Buffer.alloc(0);
  #caller;
  #request;
  #frames;
  #window;
  #received = { events: 0, bytes: 0 }; // totals, as the next two
  #consumed = { events: 0, bytes: 0 };
  #told;
  #waiting = []; // at most a window of events
  #answered = false;
  #ended = false;
  #error = null;
  #wake = null;
  #heard = performance.now();
  #sent = this.#heard;
  #deadline;

  constructor(caller, id, request, frames, window, deadlineMs) {
    this.id = id;
    this.#caller = caller;
    this.#request = request;
    this.#frames = frames;
    this.#window = window;
    this.#told = { ...window };
    this.#deadline = this.#heard + deadlineMs;
    caller.send(request, frames);
  }

  /** Ends the stream and tells the node. */
  cancel() {
    this.#stop("cancelled", "the caller cancelled the request");
  }

  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        while (this.#waiting.length === 0 && !this.#ended) await new Promise((resolve) => (this.#wake = resolve));
        if (this.#waiting.length === 0) break;
        const { event, size } = this.#waiting.shift();
        this.#consumed = plus(this.#consumed, size);
        this.#grant();
        yield event;
      }
      if (this.#error) throw this.#error;
    } finally {
      this.cancel(); // of no effect if it has ended
    }
  }

  // --- What comes in ---

  onMessage({ type, fields }, frames) {
    this.#heard = performance.now();
    this.#answered = true;
    try {
      if (type === Type.EVENT) this.#onEvent(fields, frames);
      else if (type === Type.END) this.#onEnd(fields);
      else if (type === Type.ALIVE && fields.uint() > this.#received.events) throw lost();
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      this.#stop(error.code, error.message);
    }
  }

  #onEvent(fields, frames) {
    const number = fields.uint();
    const payload = fields.bin(EVENT_BYTES);
    const size = frames.reduce((sum, frame) => sum + frame.length, payload.length);
    if (number < this.#received.events) return; // it was delivered before
    if (number > this.#received.events) throw lost();
    if (size > EVENT_BYTES) throw new SwarmError("malformed", "an event is larger than the protocol allows");
    this.#received = plus(this.#received, size);
    if (this.#received.events > this.#told.events || this.#received.bytes > this.#told.bytes)
      throw new SwarmError("refused", "the node sent more than it was allowed to");
    this.#waiting.push({ event: { number, payload, frames }, size });
    this.#wake?.();
  }

  #onEnd(fields) {
    const events = fields.uint();
    const code = fields.text(32);
    const sentence = fields.text(256);
    const trailer = fields.bin(TRAILER_BYTES);
    if (code !== "ok") this.#end(new SwarmError(CODES.includes(code) ? code : "refused", sentence.replace(/[^\x20-\x7e]/g, "?")));
    else if (events > this.#received.events) this.#end(lost());
    else if (events < this.#received.events) this.#end(new SwarmError("malformed", "the end of the stream contradicts its events"));
    else {
      this.trailer = trailer;
      this.#end(null);
    }
  }

  // --- Time ---

  onTime(now, stalled) {
    if (stalled) this.#heard = now;
    if (now >= this.#deadline) this.#stop("deadline", "the answer took longer than the request allowed");
    else if (now - this.#heard >= SILENCE_MS) this.#stop("unreachable", "no sign of life from the node");
    else if (!this.#answered && now - this.#sent >= RETRY_MS) {
      this.#sent = now;
      this.#caller.send(this.#request, this.#frames); // byte for byte: the node runs it once
    } else if (this.#answered && now - this.#sent >= BEAT_MS) this.#tell(Type.BEAT);
  }

  /** Tells the node of what was consumed before half of its window is used up. */
  #grant() {
    const left = { events: this.#told.events - this.#received.events, bytes: this.#told.bytes - this.#received.bytes };
    const low = left.events <= this.#window.events / 2 || left.bytes <= Math.max(this.#window.bytes / 2, EVENT_BYTES);
    if (low && !this.#ended) this.#tell(Type.CREDIT);
  }

  #tell(type) {
    this.#told = { events: this.#consumed.events + this.#window.events, bytes: this.#consumed.bytes + this.#window.bytes };
    this.#sent = performance.now();
    this.#caller.send(writeMessage(type, [this.#told.events, this.#told.bytes], this.id));
  }

  #stop(code, sentence) {
    if (this.#ended) return;
    this.#end(new SwarmError(code, sentence));
    this.#caller.send(writeMessage(Type.CANCEL, [], this.id));
  }

  #end(error) {
    this.#ended = true;
    this.#error = error;
    this.#caller.forget();
    this.#wake?.();
  }
}

const plus = (total, size) => ({ events: total.events + 1, bytes: total.bytes + size });
const lost = () => new SwarmError("unreachable", "events were lost with a connection");
