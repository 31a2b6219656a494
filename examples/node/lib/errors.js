// What can go wrong because of a peer, a person, a file or the network.

/** `code` is one of PROTOCOL.md's names of errors ("malformed", "refused", …), the message a sentence for a person that holds no secret. */
export class SwarmError extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.name = "SwarmError";
    this.code = code;
  }
}

export const malformed = (what) => new SwarmError("malformed", what);
