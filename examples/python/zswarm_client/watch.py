"""Who comes and goes: changes of `node/ID/card` in the ledger, and the news of lives and ends that members publish.

Cards stay in the ledger for a day after their node has gone, so the ledger alone tells of comings only. Ends are news, and news are published on
gossip sockets. A guest is nobody's neighbour: it may subscribe, and is not told again what it has missed. So it listens to two members, and
reconciles the ledger now and then.
"""
import asyncio

from .errors import SwarmError
from .message import Type, read
from .news import DEAD, PAYLOAD, Lives, entry_in, read_news

LISTEN_TO = 2
REPAIR_EVERY_S = 5


async def watch(network):
    """Yields {"event", "node", "name", "incarnation"} for ever; events: present (at the beginning), joined, changed, left, dead, revoked, forgotten."""
    watching = _Watching(network)
    try:
        await watching.listen()  # before the ledger is read, so that nothing falls between
        await network.read_ledger()
        for event in watching.changes(first="present"):
            yield event
        while True:
            await watching.turn()
            for event in watching.changes():
                yield event
    finally:
        await watching.close()


class _Watching:
    def __init__(self, network):
        self._network, self._lives = network, Lives()
        self._listening = {}  # by node: task
        self._shown = {}  # by node: (state, card)
        self._news = asyncio.Event()
        self._maintaining = None

    async def listen(self):
        """Subscribes to so many members as there should be."""
        while len(self._listening) < LISTEN_TO:
            try:
                member = await self._network.some_member(except_for=set(self._listening) | self._gone())
            except SwarmError:
                if self._listening:
                    return
                member = await self._network.join()
            self._listening[member.card.node] = asyncio.create_task(self._hear(member))

    async def turn(self):
        """Until there is news. Beside that, the connections are looked after and what was missed is made up for."""
        if self._maintaining is None:
            self._maintaining = asyncio.create_task(self._maintain())
        news = asyncio.create_task(self._news.wait())
        await asyncio.wait({news, self._maintaining}, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        if self._maintaining.done():
            self._maintaining.result()  # raises
        self._news.clear()

    async def _maintain(self):
        while True:
            try:
                await self._repair()
            except SwarmError as error:
                if error.code != "unreachable":
                    raise  # else the network may come back
            self._news.set()
            await asyncio.sleep(REPAIR_EVERY_S)

    async def _repair(self):
        for node in list(self._listening):
            # A member that was started anew has forgotten us: it must see our card again.
            if not await self._answers(node):
                await self._deafen(node)
                await self._network.drop(node)
        await self.listen()
        await self._network.read_ledger()

    async def _answers(self, node):
        try:
            return await (await self._network.member(node)).probe()
        except SwarmError:
            return False

    async def _hear(self, member):
        socket = member.subscribe()
        try:
            while True:
                parts = await socket.recv_multipart()
                try:
                    self._take(read(parts[-1]))
                except SwarmError:
                    continue
        finally:
            socket.close()

    def _take(self, message):
        if message.type != Type.GOSSIP:
            return
        for news in read_news(message.fields):
            if news.kind != PAYLOAD:
                self._lives.learn(news)
            elif (data := entry_in(news)) is not None:
                self._network.ledger.merge(data)
        self._news.set()

    def changes(self, first="joined"):
        """What is different from what was told last."""
        self._network.check_epoch()
        states = self._states()
        for node, (state, card) in states.items():
            before, card_before = self._shown.get(node, (None, None))
            if state == "alive" and before != "alive":
                yield self._event(first, card)
            elif state == "alive" and card.incarnation != card_before.incarnation:
                yield self._event("changed", card)
            elif state != before and before is not None:
                yield self._event(state, card)
        for node in self._shown.keys() - states.keys():
            yield self._event("forgotten", self._shown[node][1])
        self._lives.keep_only(states)
        self._shown = states

    def _states(self):
        network, states = self._network, {}
        for node, card in network.cards().items():
            end = self._lives.end_of(card)
            states[node] = ("alive" if end is None else "dead" if end == DEAD else "left", card)
        for node, (_, card) in self._shown.items():
            if node in network.ledger.revoked:
                states[node] = ("revoked", card)
        return states

    def _gone(self):
        return {node for node, (state, _) in self._shown.items() if state != "alive"}

    @staticmethod
    def _event(event, card):
        return {"event": event, "node": card.node, "name": card.name, "incarnation": card.incarnation}

    async def _deafen(self, node):
        task = self._listening.pop(node)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def close(self):
        if self._maintaining is not None:
            self._maintaining.cancel()
            await asyncio.gather(self._maintaining, return_exceptions=True)
        for node in list(self._listening):
            await self._deafen(node)
