"""Texts, hashes and msgpack (PROTOCOL.md, "Language" and "Signatures and MACs")."""
import hashlib
import unicodedata

import msgpack

from .errors import malformed

BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
MEANT = str.maketrans("ilo", "110")


def base32(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(BASE32[int(bits[at:at + 5], 2)] for at in range(0, len(bits), 5))


def base32_bytes(text):
    """What base32() was given; ValueError for anything that it never writes, capitals and i, l, o aside."""
    if not text.isascii():  # lower() knows letters that are none here
        raise ValueError("base32 is ASCII")
    bits = "".join(f"{BASE32.index(digit):05b}" for digit in text.lower().translate(MEANT))
    spare = len(bits) % 8
    if spare >= 5 or "1" in bits[len(bits) - spare:]:
        raise ValueError("no byte string has this text")
    return bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits) - spare, 8))


def blake2b(data, size=32, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def with_purpose(purpose, data):
    """What is signed or hashed with a key."""
    return bytes([len(purpose)]) + purpose + data


def is_plain(text):
    """Plain text: no control characters."""
    return all(unicodedata.category(character) != "Cc" for character in text)


def is_word(text):
    return text != "" and all(character in "abcdefghijklmnopqrstuvwxyz0123456789-_." for character in text)


def pack(elements):
    """A msgpack array; msgpack writes everything in its shortest form."""
    return msgpack.packb(elements, use_bin_type=True)


class Fields:
    """Takes the elements of a msgpack array in order, and checks type and limit of each; SwarmError "malformed" if one is not as it should be.

    Elements behind those that are taken belong to later versions and are passed over. Nothing is larger than the bytes that came: msgpack
    checks every length against them before it takes memory.
    """

    def __init__(self, elements):
        self._left = list(reversed(elements))

    @classmethod
    def of(cls, data):
        try:
            elements = msgpack.unpackb(data, raw=False, strict_map_key=False)
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            raise malformed("bytes are no msgpack") from error
        if not isinstance(elements, list):
            raise malformed("a message is no array")
        return cls(elements)

    def __len__(self):
        return len(self._left)

    def _next(self, kind):
        if not self._left or type(self._left[-1]) is not kind:  # a bool is an int for isinstance()
            raise malformed("an element is missing or of another type")
        return self._left.pop()

    def uint(self, most=2**64 - 1):
        value = self._next(int)
        if not 0 <= value <= most:
            raise malformed("a number is over its limit")
        return value

    def boolean(self):
        return self._next(bool)

    def text(self, most):
        value = self._next(str)
        if len(value.encode()) > most:
            raise malformed("a text is over its limit")
        return value

    def bin(self, most):
        value = self._next(bytes)
        if len(value) > most:
            raise malformed("a byte string is over its limit")
        return value

    def fixed(self, size):
        value = self.bin(size)
        if len(value) != size:
            raise malformed("a byte string is too short")
        return value

    def array(self, most):
        value = self._next(list)
        if len(value) > most:
            raise malformed("an array is over its limit")
        return Fields(value)
