"""Cards: who a node is and where it is reached, signed (PROTOCOL.md, "Card")."""
import dataclasses
import hmac

from .encoding import Fields, blake2b, is_plain, is_word, pack, with_purpose
from .endpoint import canonical_endpoint
from .errors import SwarmError, malformed
from .identity import curve_key_of, node_of, signature_fits

SIGN, MAC = b"zswarm card", b"zswarm card mac"
SOCKETS = ("join", "gossip", "control", "dispatch", "stage")
MAX_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class Card:
    epoch: int
    sign_key: bytes
    curve_key: bytes
    incarnation: int
    instance: int
    name: str
    version: str
    roles: tuple
    labels: dict
    sockets: dict  # by name; empty: the node has none
    data: bytes = dataclasses.field(default=b"", compare=False, repr=False)  # as it arrived

    @property
    def node(self):
        return node_of(self.sign_key)


def seal(identity, keys, name="", version=""):
    """The card of this client: it listens nowhere, so it shows no endpoints and nobody asks it for a link ("Guests")."""
    body = pack([1, keys.epoch, identity.sign_key, identity.curve.public, identity.incarnation, identity.instance, name, version, [], [],
                 [""] * len(SOCKETS)])
    signature = identity.sign(SIGN, body)
    data = pack([body, signature, _mac(keys, body, signature)])
    if len(data) > MAX_BYTES or len(name.encode()) > 64 or not is_plain(name):
        raise SwarmError("too_large", "a name has at most 64 bytes and no control characters")
    return data


def verify(data, keys):
    """The card, if a member of this network made it and nobody has changed it; SwarmError otherwise."""
    body, signature, mac = _parts(data)
    card = dataclasses.replace(_read_body(body), data=data)
    if card.epoch != keys.epoch:
        raise SwarmError("refused", f"the card of node {card.node} is of epoch {card.epoch} of the token, this token of epoch {keys.epoch}")
    if not hmac.compare_digest(mac, _mac(keys, body, signature)):
        raise SwarmError("refused", f"the card of node {card.node} was not made with this network's token")
    if not signature_fits(card.sign_key, SIGN, body, signature):
        raise SwarmError("refused", f"the card of node {card.node} is not signed by that node")
    if curve_key_of(card.sign_key) != card.curve_key:
        raise SwarmError("refused", f"the card of node {card.node} shows a CURVE key that is not its own")
    return card


def _mac(keys, body, signature):
    return blake2b(with_purpose(MAC, body + signature), key=keys.membership)


def _parts(data):
    if len(data) > MAX_BYTES:
        raise SwarmError("too_large", "a card is larger than 1024 bytes")
    fields = Fields.of(data)
    parts = [fields.bin(MAX_BYTES), fields.fixed(64), fields.fixed(32)]
    if pack(parts) != data:  # one form only, so that nobody can make other bytes of a valid card
        raise malformed("a card is not a body, a signature and a MAC")
    return parts


def _read_body(body):
    fields = Fields.of(body)
    if len(fields) > 64:
        raise malformed("a card has more elements than any version")
    card_format = fields.uint()
    if card_format > 1:
        raise SwarmError("unsupported", f"a card is of format {card_format}, which this program does not know")
    if card_format != 1:
        raise malformed("the format of a card")
    card = Card(epoch=fields.uint(2**32 - 1), sign_key=fields.fixed(32), curve_key=fields.fixed(32), incarnation=fields.uint(), instance=fields.uint(),
                name=_plain(fields.text(64)), version=_plain(fields.text(32)), roles=_roles(fields.array(8)), labels=_labels(fields.array(16)),
                sockets=_sockets(fields.array(16)))
    return card


def _plain(text):
    if not is_plain(text):
        raise malformed("a text of a card has control characters")
    return text


def _roles(fields):
    roles = tuple(fields.text(16) for _ in range(len(fields)))
    if not all(is_word(role) for role in roles):
        raise malformed("a role of a card")
    return roles


def _labels(fields):
    labels = {}
    for _ in range(len(fields)):
        pair = fields.array(2)
        key, value = pair.text(32), _plain(pair.text(64))
        if not is_word(key) or key in labels:
            raise malformed("a label of a card")
        labels[key] = value
    return labels


def _sockets(fields):
    sockets = {name: fields.text(255) for name in SOCKETS}
    try:
        fits = all(text == "" or canonical_endpoint(text) == text for text in sockets.values())
    except ValueError as error:
        raise malformed("an address of a card") from error
    if not fits:
        raise malformed("an address of a card is not in its one form")
    return sockets
