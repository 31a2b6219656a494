"""The token of a network and the keys that follow from it (PROTOCOL.md, "Token" and "Keys of a network")."""
import dataclasses
import hashlib
import hmac
import os
import pathlib
import struct
import sys
import time

from nacl import bindings

from .encoding import base32_bytes, blake2b
from .endpoint import canonical_endpoint
from .errors import SwarmError, malformed

NO_TOKEN = "this is no token: a token is one word that begins with zsw1"
NEWER = "the token is of a newer format than this program knows: update it"
TYPO = "the token has a typo or a part of it is missing (its checksum does not fit): copy it again, whole"
FAULTY = "the token was made by a faulty program: its checksum fits, its contents make no sense"
LAST_SECOND = 253402300799


@dataclasses.dataclass(frozen=True)
class CurveKeys:
    """A key pair of CurveZMQ, 32 bytes each."""

    public: bytes
    secret: bytes = dataclasses.field(repr=False)

    @classmethod
    def from_seed(cls, seed):
        secret = hashlib.sha512(seed).digest()[:32]
        return cls(bindings.crypto_scalarmult_base(secret), secret)


@dataclasses.dataclass(frozen=True)
class NetworkKeys:
    network: bytes  # the network's id; it stays when the secret changes
    epoch: int
    operator: bytes
    join_server: bytes  # public
    join_client: CurveKeys
    membership: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Token:
    epoch: int
    secret: bytes = dataclasses.field(repr=False)
    operator: bytes
    expires_s: int | None
    bootstrap: tuple

    def _sub_key(self, number):
        salt = struct.pack("<QQ", number, 0)
        return hashlib.blake2b(b"", digest_size=32, key=self.secret, salt=salt, person=b"zswarm-1".ljust(16, b"\0")).digest()

    def keys(self):
        return NetworkKeys(network=blake2b(self.operator)[:8], epoch=self.epoch, operator=self.operator,
                           join_server=CurveKeys.from_seed(self._sub_key(2)).public, join_client=CurveKeys.from_seed(self._sub_key(3)),
                           membership=self._sub_key(5))

    def check_expiry(self, now_s=None):
        """SwarmError "refused" from the second of its expiry on."""
        if self.expires_s is not None and (time.time() if now_s is None else now_s) >= self.expires_s:
            raise SwarmError("refused", f"the token expired on {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(self.expires_s))}")


def parse_token(text):
    """SwarmError "malformed" or "unsupported", with a sentence that says which of PROTOCOL.md's five cases it is. Expiry is not looked at."""
    word = "".join(text.split()).lower()
    if word[:3] != "zsw" or word[3:4] not in "123456789il":
        raise malformed(NO_TOKEN)
    if word[3] in "23456789":
        raise SwarmError("unsupported", NEWER)
    try:
        data = base32_bytes(word[4:])
    except ValueError as error:
        raise malformed(TYPO) from error
    payload, checksum = data[:-4], data[-4:]
    if not payload or len(word) > 4096 or not hmac.compare_digest(blake2b(b"zsw1" + payload)[:4], checksum):
        raise malformed(TYPO)
    return _parse_payload(payload)


def _parse_payload(payload):
    left = payload

    def take(size):
        nonlocal left
        if size > len(left):
            raise malformed(FAULTY)
        taken, left = left[:size], left[size:]
        return taken

    def number(size):
        return int.from_bytes(take(size), "big")

    if payload[0] > 1:
        raise SwarmError("unsupported", NEWER)
    if number(1) != 1:
        raise malformed(FAULTY)
    epoch, secret, operator, flags = number(4), take(32), take(32), number(1)
    if flags > 1:
        raise malformed(FAULTY)
    expires_s = number(8) if flags == 1 else None
    count = number(1)
    if count > 8 or (expires_s or 0) > LAST_SECOND:
        raise malformed(FAULTY)
    try:
        bootstrap = tuple(canonical_endpoint(take(number(1)).decode()) for _ in range(count))
    except ValueError as error:
        raise malformed(FAULTY) from error
    if left:
        raise malformed(FAULTY)
    return Token(epoch, secret, operator, expires_s, bootstrap)


def load_token(where=None):
    """From a text, a file, "-" for standard input, or (None) the environment; checked, and not expired."""
    where = where or os.environ.get("ZSWARM_TOKEN") or os.environ.get("TOKEN")
    if not where:
        raise SwarmError("not_found", "no token: give --token FILE, or set ZSWARM_TOKEN")
    if where == "-":
        where = sys.stdin.read(16384)
    elif len(where) < 4096 and "\n" not in where and pathlib.Path(where).is_file():
        where = pathlib.Path(where).read_text()[:16384]
    token = parse_token(where)
    token.check_expiry()
    return token
