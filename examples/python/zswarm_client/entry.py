"""One entry of the ledger: form, rights and order (PROTOCOL.md, "Entry", "Who may write which key", "Which entry stays")."""
import dataclasses
import struct

from .encoding import Fields, base32, base32_bytes, blake2b, pack
from .errors import malformed
from .identity import node_of, signature_fits

MAX_KEY_BYTES, MAX_VALUE_BYTES = 256, 16384
MAX_BYTES = MAX_KEY_BYTES + MAX_VALUE_BYTES + 160
SIGN = b"zswarm ledger entry"


@dataclasses.dataclass(frozen=True)
class Entry:
    cell: int
    key: str
    erased: bool
    value: bytes
    stamp: int
    author: bytes  # public sign key
    signature: bytes
    node: str  # the author's node id
    signed: bytes  # what the signature covers, in this network
    hash: bytes

    @property
    def position(self):
        """Where it stands in the order that reconciliation goes through: 40 bytes."""
        permanent = 1 << 63 if self.is_permanent else 0
        return struct.pack(">Q", self.stamp | permanent) + self.hash

    @property
    def is_permanent(self):
        return self.key.startswith("network/")

    @property
    def epoch(self):
        return int.from_bytes(self.value[:8], "big") if self.key.startswith("placement/") and len(self.value) >= 8 else 0

    @property
    def precedence(self):
        """Of two entries with one key the greater one stays."""
        return (self.epoch, self.stamp, base32_bytes(self.node), self.hash)

    def encoded(self):
        return pack([self.cell, self.key, int(self.erased), self.value, self.stamp, self.author, self.signature])

    def is_signed(self):
        return signature_fits(self.author, SIGN, self.signed, self.signature)


def read_entry(data, network):
    """An entry whose form and limits are right; SwarmError "malformed" otherwise. Neither right nor signature is looked at."""
    if len(data) > MAX_BYTES:
        raise malformed("an entry of the ledger is too large")
    fields = Fields.of(data)
    if len(fields) != 7:
        raise malformed("an entry of the ledger has seven elements")
    cell, key, erased, value = fields.uint(2**32 - 1), fields.text(MAX_KEY_BYTES), fields.uint(1) == 1, fields.bin(MAX_VALUE_BYTES)
    stamp, author, signature = fields.uint(2**63 - 1), fields.fixed(32), fields.fixed(64)
    if (erased and value) or not is_key(key):
        raise malformed("bytes are not an entry of the ledger")
    signed = pack([network, cell, key, int(erased), value, stamp, author])
    return Entry(cell, key, erased, value, stamp, author, signature, node_of(author), signed, blake2b(signed))


def is_key(key):
    parts = key.split("/")
    return len(parts) >= 2 and all(parts) and all("!" <= character <= "~" for character in key)


def revoked_node(key):
    """The node that network/revoked/ID speaks of, or None."""
    prefix, _, node = key.rpartition("/")
    return node if prefix == "network/revoked" and is_node_id(node) else None


def is_node_id(text):
    try:
        data = base32_bytes(text)
    except ValueError:
        return False
    return len(data) == 16 and base32(data) == text


def may_write(entry, operator):
    """Whether the author of an entry may write its key."""
    first, *rest = entry.key.split("/")
    if first == "network":
        return entry.author == operator and (not entry.key.startswith("network/revoked/") or revoked_node(entry.key) is not None)
    if first == "placement":
        return len(rest) == 1 and not entry.erased and 0 < entry.epoch <= entry.stamp
    if first == "model":
        return len(rest) >= 2 and rest[1] == entry.node
    return len(rest) >= 2 and rest[0] == entry.node
