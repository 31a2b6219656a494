"""Range-based set reconciliation: one turn after the other (PROTOCOL.md, "Reconciliation"). No I/O.

A bound is a byte string that begins a position; missing bytes are zero, and trailing zeros are dropped, so equal bounds are equal strings and
strings compare as positions do. None is the end of everything.
"""
import dataclasses
import random

from .encoding import blake2b
from .errors import malformed
from .message import Type, write

GO_ON, DONE, BUSY, OTHER_CELL = range(4)
MAX_RANGES, MAX_IDS, MAX_ENTRIES = 2048, 16384, 1024
ID_BYTES = 6
# What this client sends at most in one turn; below the limits of the protocol.
LEAF, PIECES, RANGES, IDS, ENTRY_BYTES = 32, 16, 1024, 4096, 64 << 10


@dataclasses.dataclass
class Turn:
    state: int = GO_ON
    fingerprints: list = dataclasses.field(default_factory=list)  # (lower, upper, fingerprint), in order
    lists: list = dataclasses.field(default_factory=list)  # (lower, upper, [short id])
    wants: list = dataclasses.field(default_factory=list)  # the same

    def asks_nothing(self):
        return not (self.fingerprints or self.lists or self.wants)


def keyed(nonce, data, size):
    return blake2b(data, 16, key=nonce)[:size]


def fingerprint(nonce, total, count):
    return keyed(nonce, total.to_bytes(32, "little") + count.to_bytes(8, "little"), 12)


def short_id(nonce, entry_hash):
    return keyed(nonce, entry_hash, ID_BYTES)


def bound_between(below, above):
    """The shortest bound above one position and not above the next."""
    differ = next(at for at in range(40) if below[at] != above[at])
    return above[:differ + 1]


# Messages


def _blocks(ranges):
    blocks, end = [], object()
    for lower, upper, value in ranges:
        if not blocks or end != lower:
            blocks.append([lower])
        blocks[-1] += [value, upper or b""]
        end = upper
    return blocks


def _flat(ranges):
    return [part for lower, upper, ids in ranges for part in (lower, upper or b"", b"".join(ids))]


def write_open(session, nonce, cell, turn):
    return write(Type.SYNC_OPEN, [nonce, cell, _blocks(turn.fingerprints), _flat(turn.lists)], session)


def write_turn(session, turn):
    """Of the opener."""
    return write(Type.SYNC_RANGES, [True, turn.state, _blocks(turn.fingerprints), _flat(turn.lists), _flat(turn.wants)], session)


def write_entries(session, entries):
    return write(Type.SYNC_ENTRIES, [True, entries], session)


class _Counter:
    """Bounds the ranges and ids of one message altogether."""

    def __init__(self):
        self.ranges = self.ids = 0

    def range(self, lower, upper):
        self.ranges += 1
        if self.ranges > MAX_RANGES or (upper is not None and lower >= upper):
            raise malformed("a range of the reconciliation")
        return lower, upper

    def split(self, packed):
        self.ids += len(packed) // ID_BYTES
        if len(packed) % ID_BYTES or self.ids > MAX_IDS:
            raise malformed("ids of the reconciliation")
        return [packed[at:at + ID_BYTES] for at in range(0, len(packed), ID_BYTES)]


def _lower(fields):
    return fields.bin(40).rstrip(b"\0")


def _upper(fields):
    bound = fields.bin(40)
    return bound.rstrip(b"\0") if bound else None


def _read_fingerprints(fields, counter):
    ranges, blocks = [], fields.array(MAX_RANGES)
    while len(blocks) > 0:
        block = blocks.array(2 * MAX_RANGES + 1)
        if len(block) < 3 or len(block) % 2 == 0:
            raise malformed("fingerprints of the reconciliation")
        lower = _lower(block)
        while len(block) > 0:
            if lower is None:
                raise malformed("a range behind the end of everything")
            value, upper = block.fixed(12), _upper(block)
            ranges.append((*counter.range(lower, upper), value))
            lower = upper
    return ranges


def _read_lists(fields, counter):
    ranges, flat = [], fields.array(3 * MAX_RANGES)
    if len(flat) % 3:
        raise malformed("lists of the reconciliation")
    while len(flat) > 0:
        lower, upper = counter.range(_lower(flat), _upper(flat))
        ranges.append((lower, upper, counter.split(flat.bin(MAX_IDS * ID_BYTES))))
    return ranges


def read_turn(fields):
    """(whether the opener says it, the turn)"""
    counter = _Counter()
    from_opener, state = fields.boolean(), fields.uint(OTHER_CELL)
    return from_opener, Turn(state, _read_fingerprints(fields, counter), _read_lists(fields, counter), _read_lists(fields, counter))


def read_entries(fields, most_bytes):
    """(whether the opener says it, the entries as bytes)"""
    from_opener, listed = fields.boolean(), fields.array(MAX_ENTRIES)
    return from_opener, [listed.bin(most_bytes) for _ in range(len(listed))]


# Turns


class TurnMaker:
    """Makes one turn from the ledger's entries, in their order, as they are now."""

    def __init__(self, order, nonce):
        self.order, self.nonce = order, nonce
        self.turn, self.entries = Turn(), []  # what the answer says, and the entries that go before it
        self._ids = self._entry_bytes = 0
        self._left = None  # a range for later turns

    def opening(self, lower):
        self._list_or_cut(lower, None)
        return self.turn

    def answer(self, asked):
        """The turn that answers `asked`; the entries to send before it are in `entries`."""
        jobs = [(lower, upper, self._send_wanted, ids) for lower, upper, ids in asked.wants]
        jobs += [(lower, upper, self._compare, ids) for lower, upper, ids in asked.lists]
        for lower, upper, theirs in asked.fingerprints:
            if self._fingerprint(lower, upper) != theirs:
                jobs.append((lower, upper, lambda lower, upper, _: self._list_or_cut(lower, upper), None))
        for lower, upper, do, ids in sorted(jobs, key=lambda job: job[0]):
            if self._has_room():
                do(lower, upper, ids)
            else:
                self._leave(lower, upper)
        if self._left is not None:
            self.turn.fingerprints.append((*self._left, self._fingerprint(*self._left)))
        if self.turn.asks_nothing():
            self.turn.state = DONE
        return self.turn

    def _fingerprint(self, lower, upper):
        first, last = self.order.span(lower, upper)
        return fingerprint(self.nonce, self.order.sum(first, last), last - first)

    def _has_room(self):
        ranges = len(self.turn.fingerprints) + len(self.turn.lists) + len(self.turn.wants)
        return ranges < RANGES and self._ids < IDS and self._entry_bytes < ENTRY_BYTES

    def _leave(self, lower, upper):
        if self._left is None:
            self._left = (lower, upper)
        first, last = self._left
        self._left = (min(first, lower), None if last is None or upper is None else max(last, upper))

    def _list_or_cut(self, lower, upper):
        first, last = self.order.span(lower, upper)
        count = last - first
        if count <= LEAF:
            ids = [short_id(self.nonce, entry.hash) for entry in self.order.entries[first:last]]
            self._ids += count
            self.turn.lists.append((lower, upper, ids))
            return
        parts = max(2, min(PIECES, 2 * count // LEAF))
        for part in range(1, parts + 1):
            until = upper
            if part < parts:
                # Chance moves the cuts, so that nobody knows beforehand which entries share a range.
                rank = first + count * part // parts - random.randrange(count // parts // 4 + 1)
                until = bound_between(*self.order.positions[rank - 1:rank + 1]).rstrip(b"\0")
            self.turn.fingerprints.append((lower, until, self._fingerprint(lower, until)))
            lower = until

    def _compare(self, lower, upper, ids):
        """Sends what the list does not name, and wants what is missing here."""
        theirs = set(ids)
        first, last = self.order.span(lower, upper)
        missing_there = []
        for entry in self.order.entries[first:last]:
            ours = short_id(self.nonce, entry.hash)
            if ours in theirs:
                theirs.discard(ours)
            else:
                missing_there.append(entry)
        self._send(missing_there, upper)
        if theirs:
            self.turn.wants.append((lower, upper, sorted(theirs)[:IDS]))
            self._ids += len(self.turn.wants[-1][2])
            if len(theirs) > IDS:
                self._leave(lower, upper)

    def _send_wanted(self, lower, upper, ids):
        wanted = set(ids)
        first, last = self.order.span(lower, upper)
        self._send([entry for entry in self.order.entries[first:last] if short_id(self.nonce, entry.hash) in wanted], upper)

    def _send(self, entries, upper):
        for entry in entries:
            if self._entry_bytes >= ENTRY_BYTES or len(self.entries) == MAX_ENTRIES:
                self._leave(entry.position.rstrip(b"\0"), upper)
                return
            self.entries.append(entry.encoded())
            self._entry_bytes += len(self.entries[-1])
