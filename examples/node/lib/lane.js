// A DEALER to one of a node's ROUTERs, read until it is closed.
import { SwarmError } from "./errors.js";
import { readMessage } from "./message.js";
import { connect } from "./sockets.js";

const MAX_FRAMES = 16;

export class Lane {
  #socket;
  #sent = Promise.resolve(); // zeromq.js sends one message at a time
  #reading;

  /** `onMessage(message, frames)` gets what the node sends; messages that cannot be read are passed over. */
  constructor(name, endpoint, serverKey, keys, onMessage) {
    this.#socket = connect(name, endpoint, serverKey, keys);
    this.#reading = this.#read(onMessage);
  }

  /** What does not fit the socket's queue is dropped, as if it were lost with a connection: all protocols make up for that. */
  send(message, frames = []) {
    this.#sent = this.#sent.then(() => this.#socket.send([message, ...frames])).catch((error) => {
      if (error.code !== "EAGAIN" && !this.#socket.closed) throw error;
    });
    return this.#sent;
  }

  async #read(onMessage) {
    for await (const [data, ...frames] of this.#socket) {
      if (frames.length > MAX_FRAMES) continue;
      try {
        onMessage(readMessage(data), frames);
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        // Of another version, or malformed: no answer will come of it, and who waits for one gives up in time.
      }
    }
  }

  async close() {
    await this.#sent;
    this.#socket.close();
    await this.#reading;
  }
}
