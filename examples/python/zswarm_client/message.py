"""One message: a header of eight bytes, then one msgpack array (PROTOCOL.md, "Messages and versions")."""
import dataclasses
import enum
import struct

from .encoding import Fields, pack
from .errors import SwarmError, malformed

MAJOR, MINOR = 1, 0
HEADER = struct.Struct(">BBBBI")


class Type(enum.IntEnum):
    VERSION = 0x00
    HELLO, WELCOME, REFUSAL = 0x01, 0x02, 0x03
    NEIGHBOUR, NEIGHBOUR_REPLY = 0x12, 0x13
    PROBE, PROBE_ACK = 0x20, 0x21
    GOSSIP = 0x30
    SYNC_OPEN, SYNC_RANGES, SYNC_ENTRIES = 0x40, 0x41, 0x42
    REQUEST, EVENT, CREDIT, CANCEL, END, BEAT, ALIVE = range(0x50, 0x57)


@dataclasses.dataclass
class Message:
    type: int  # one of Type, or of a later version
    request_id: int
    fields: Fields


def write(kind, elements, request_id=0):
    return HEADER.pack(MAJOR, MINOR, kind, 0, request_id) + pack(elements)


def read(data):
    """SwarmError "unsupported" for another major version, of which only the header is read, "malformed" for what is no message."""
    if len(data) < HEADER.size:
        raise malformed("a message is shorter than its header")
    major, _, kind, _, request_id = HEADER.unpack_from(data)
    if kind == Type.VERSION:  # the one message that all versions can read
        major = Fields.of(data[HEADER.size:]).uint(255)
    if kind == Type.VERSION or major != MAJOR:
        raise SwarmError("unsupported", f"the other side speaks version {major} of the protocol, this program version {MAJOR}")
    return Message(kind, request_id, Fields.of(data[HEADER.size:]))
