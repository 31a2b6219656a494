"""What members publish on their gossip sockets (PROTOCOL.md, "News"), and what follows from it about their lives."""
import dataclasses

from .encoding import Fields, base32
from .entry import MAX_BYTES
from .errors import SwarmError

PAYLOAD, ALIVE, DEAD, LEFT = range(4)
LEDGER_ENTRY = 1  # kind of a payload
MAX_NEWS, MAX_NEWS_BYTES = 1024, 65536


@dataclasses.dataclass
class News:
    kind: int
    origin: str  # node id
    number: int  # of an end or a life: the incarnation
    payload: bytes


def read_news(fields):
    listed, news = fields.array(MAX_NEWS), []
    while len(listed) > 0:
        item = listed.array(16)
        news.append(News(item.uint(255), base32(item.fixed(16)), item.uint(), item.bin(MAX_NEWS_BYTES)))  # hops and via concern neighbours
    return news


def entry_in(news):
    """The entry of the ledger that news carry, as bytes; None if they carry something else."""
    try:
        fields = Fields.of(news.payload)
        return fields.bin(MAX_BYTES) if fields.uint() == LEDGER_ENTRY else None
    except SwarmError:
        return None


class Lives:
    """Who lives: of a node's lives and ends the one with the highest incarnation counts, an end before a life. Bounded by whom is asked about."""

    def __init__(self):
        self._ended = {}  # by node: (incarnation, DEAD or LEFT)
        self._alive = {}  # by node: incarnation

    def learn(self, news):
        if news.kind == ALIVE:
            self._alive[news.origin] = max(news.number, self._alive.get(news.origin, 0))
        elif news.kind in (DEAD, LEFT):
            self._ended[news.origin] = max((news.number, news.kind), self._ended.get(news.origin, (0, DEAD)))

    def end_of(self, card):
        """DEAD or LEFT; None if the node of this card lives."""
        incarnation, kind = self._ended.get(card.node, (-1, DEAD))
        return kind if incarnation >= max(card.incarnation, self._alive.get(card.node, 0)) else None

    def keep_only(self, nodes):
        for known in (self._ended, self._alive):
            for node in [node for node in known if node not in nodes]:
                del known[node]
