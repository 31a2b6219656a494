"""The ledger as this client holds it: who takes which entry (PROTOCOL.md, "Taking an entry" and "Life").

This client only reads: it has no clock of its own to move, and writes nothing.
"""
import bisect
import itertools
import time

from .entry import may_write, read_entry, revoked_node
from .errors import SwarmError

AHEAD_MS = 5000
LIFE_MS = 24 * 3600 * 1000
DROP_AFTER_MS = 10_000
OVERHEAD_BYTES = 256  # of an entry, beside key and value
AUTHOR_ENTRIES, AUTHOR_BYTES = 8192, 4 << 20
TOTAL_ENTRIES, TOTAL_BYTES = 1 << 20, 384 << 20
OPERATOR_ENTRIES, OPERATOR_BYTES = 65536, 16 << 20  # beyond the total


def wall_ms():
    return int(time.time() * 1000)


def cost(entry):
    return len(entry.key.encode()) + len(entry.value) + OVERHEAD_BYTES


class Ledger:
    def __init__(self, network, operator, cell=0):
        self.network, self.operator, self.cell = network, operator, cell
        self.revoked = set()
        self._entries = {}  # by key
        self._used = {}  # by author: [entries, bytes]
        self._bytes = 0
        self._order = None  # made anew when somebody asks for it after a change

    def __len__(self):
        return len(self._entries)

    def get(self, key):
        """The entry of a key, unless it was erased."""
        entry = self._entries.get(key)
        return None if entry is None or entry.erased else entry

    def items(self, prefix=""):
        """Entries with a value, in the order of their keys."""
        return [entry for key, entry in sorted(self._entries.items()) if key.startswith(prefix) and not entry.erased]

    def merge(self, data, now_ms=None):
        """(verdict, entry): an entry that passes every check is "new" and replaces what was held."""
        try:
            entry = read_entry(data, self.network)
        except SwarmError:
            return "malformed", None
        verdict = self._judge(entry, wall_ms() if now_ms is None else now_ms)
        if verdict == "new" and not entry.is_signed():
            verdict = "forged"
        if verdict == "new":
            self._apply(entry)
        return verdict, entry

    def _judge(self, entry, now_ms):
        if entry.cell != (0 if entry.is_permanent else self.cell):
            return "other cell"
        if not may_write(entry, self.operator):
            return "forbidden"
        if entry.stamp >> 16 > now_ms + AHEAD_MS:
            return "ahead"
        if not entry.is_permanent and entry.stamp < self.horizon(now_ms):
            return "stale"
        if not entry.is_permanent and entry.node in self.revoked:
            return "revoked"
        held = self._entries.get(entry.key)
        if held is not None and held.precedence >= entry.precedence:
            return "duplicate" if held.hash == entry.hash else "older"
        return "full" if self._is_full(entry, held) else "new"

    def _is_full(self, entry, held):
        by_operator = entry.author == self.operator
        entries, size = self._used.get(entry.author, (0, 0))
        gone = (1, cost(held)) if held is not None else (0, 0)
        own_gone = gone if held is not None and held.author == entry.author else (0, 0)
        most = (OPERATOR_ENTRIES, OPERATOR_BYTES) if by_operator else (AUTHOR_ENTRIES, AUTHOR_BYTES)
        if entries + 1 - own_gone[0] > most[0] or size + cost(entry) - own_gone[1] > most[1]:
            return True
        return not by_operator and (len(self) + 1 - gone[0] > TOTAL_ENTRIES or self._bytes + cost(entry) - gone[1] > TOTAL_BYTES)

    def _apply(self, entry):
        if entry.key in self._entries:
            self._remove(entry.key)
        self._entries[entry.key] = entry
        used = self._used.setdefault(entry.author, [0, 0])
        used[0], used[1] = used[0] + 1, used[1] + cost(entry)
        self._bytes += cost(entry)
        self._order = None
        node = revoked_node(entry.key)
        if node is None:
            return
        if entry.erased:
            self.revoked.discard(node)
        else:
            self.revoked.add(node)
            for key in [key for key, held in self._entries.items() if held.node == node and not held.is_permanent]:
                self._remove(key)

    def _remove(self, key):
        entry = self._entries.pop(key)
        used = self._used[entry.author]
        used[0], used[1] = used[0] - 1, used[1] - cost(entry)
        self._bytes -= cost(entry)
        if used[0] == 0:
            del self._used[entry.author]
        self._order = None

    @staticmethod
    def horizon(now_ms):
        """Stamps before this one are past their life."""
        return max(0, now_ms - LIFE_MS) << 16

    def drop_expired(self, now_ms=None):
        """Forgets what is past its life; call it now and then. The keys."""
        old = self.horizon((wall_ms() if now_ms is None else now_ms) - DROP_AFTER_MS)
        keys = [key for key, entry in self._entries.items() if not entry.is_permanent and entry.stamp < old]
        for key in keys:
            self._remove(key)
        return keys

    @property
    def order(self):
        if self._order is None:
            self._order = Order(self._entries.values())
        return self._order


class Order:
    """Entries by position, with sums of their hashes, so that the sum of any range is one subtraction."""

    def __init__(self, entries):
        self.entries = sorted(entries, key=lambda entry: entry.position)
        self.positions = [entry.position for entry in self.entries]
        self._sums = [0, *itertools.accumulate(int.from_bytes(entry.hash, "little") for entry in self.entries)]

    def span(self, lower, upper):
        """Indices [first, last) of the entries from the bound `lower` on and below `upper`; an upper bound of None is the end."""
        last = len(self.positions) if upper is None else bisect.bisect_left(self.positions, upper)
        return bisect.bisect_left(self.positions, lower), last

    def sum(self, first, last):
        return (self._sums[last] - self._sums[first]) % 2**256
