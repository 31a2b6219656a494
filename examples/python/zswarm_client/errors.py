"""What can go wrong because of a peer, a person, a file or the network."""


class SwarmError(Exception):
    """`code` is one of PROTOCOL.md's names of errors ("malformed", "refused", …), `sentence` is for a person and holds no secret."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def malformed(what):
    return SwarmError("malformed", what)
