"""Who this client is: a seed, the keys that follow from it, and a count of starts (PROTOCOL.md, "Identity of a node")."""
import json
import os
import pathlib
import secrets

from nacl import bindings
from nacl.exceptions import BadSignatureError

from .encoding import base32, blake2b, with_purpose
from .errors import SwarmError
from .token import CurveKeys

INCARNATIONS_PER_START = 2**20


class Identity:
    def __init__(self, seed, incarnation):
        self.sign_key, self._secret_key = bindings.crypto_sign_seed_keypair(seed)
        self.curve = CurveKeys.from_seed(seed)
        self.node = node_of(self.sign_key)
        self.incarnation = incarnation
        self.instance = secrets.randbits(64)

    def sign(self, purpose, data):
        return bindings.crypto_sign(with_purpose(purpose, data), self._secret_key)[:64]


def node_of(sign_key):
    """The node id as text."""
    return base32(blake2b(sign_key)[:16])


def signature_fits(sign_key, purpose, data, signature):
    """False for a signature or a key of any bytes that do not fit, keys of small order included: libsodium looks."""
    try:
        bindings.crypto_sign_open(signature + with_purpose(purpose, data), sign_key)
        return True
    except BadSignatureError:
        return False


def curve_key_of(sign_key):
    """The public CURVE key that belongs to a public sign key; None if the bytes are no good key."""
    try:
        return bindings.crypto_sign_ed25519_pk_to_curve25519(sign_key)
    except RuntimeError:
        return None


def start_identity(path):
    """Loads the identity, or makes one in a file that only its owner can read, and counts this start before anybody hears of it.

    One process at a time may use an identity: of two, the network would take the second for the first one, started anew.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise SwarmError("refused", f"{path}: others than its owner may read this identity; chmod 600 it, or remove it to start with a new one")
        try:
            kept = json.loads(path.read_text())
            seed, incarnation = bytes.fromhex(kept["seed"]), int(kept["incarnation"])
        except (ValueError, KeyError, TypeError) as error:
            raise SwarmError("malformed", f"{path}: this is no identity of a client; remove it to start with a new one") from error
        if len(seed) != 32 or not 0 <= incarnation < 2**63:
            raise SwarmError("malformed", f"{path}: this is no identity of a client; remove it to start with a new one")
    else:
        seed, incarnation = secrets.token_bytes(32), 0
    incarnation += INCARNATIONS_PER_START
    _replace(path, json.dumps({"seed": seed.hex(), "incarnation": incarnation}) + "\n")
    return Identity(seed, incarnation)


def _replace(path, text):
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
