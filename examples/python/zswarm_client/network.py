"""A network as a guest sees it: it shows its card to members, reads their ledger and calls their services (PROTOCOL.md, "Guests").

    async with Network(load_token("home.token"), start_identity("client.identity"), ["192.0.2.7:7000"]) as network:
        await network.read_ledger()
        for card in network.cards().values(): ...
        stream = await (await network.member(node)).caller.call("zswarm.info")
"""
import zmq.asyncio

from . import card as cards
from .errors import SwarmError
from .joining import say_hello
from .ledger import Ledger
from .member import Member
from .reconcile import reconcile

VERSION = "example 1"


class Network:
    def __init__(self, token, identity, contacts=(), name=""):
        self.keys = token.keys()
        self.identity = identity
        self.ledger = Ledger(self.keys.network, self.keys.operator)
        self.card = cards.seal(identity, self.keys, name, VERSION)
        self._contacts = [*contacts, *token.bootstrap]
        self._context = zmq.asyncio.Context()
        self._members = {}  # by node: those that have admitted us
        self._shown = {}  # by node: cards that welcomes showed

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for node in list(self._members):
            await self.drop(node)
        self._context.destroy(linger=200)

    async def introduce(self, endpoint):
        """Says hello at a join socket; the Member that listens there."""
        welcome = await say_hello(self._context, self.keys, self.card, endpoint)
        for card in (*welcome.others, welcome.card):
            self._shown[card.node] = card
        await self.drop(welcome.card.node)  # connections to its earlier run lead nowhere
        member = Member(self._context, self.identity, welcome.card)
        self._members[welcome.card.node] = member
        return member

    async def join(self):
        """The first contact that lets us in. SwarmError with the last one's reason if none does."""
        error = SwarmError("not_found", "no address to start from: give --contact HOST:PORT of a member's join socket")
        for endpoint in self._contacts:
            try:
                return await self.introduce(endpoint)
            except SwarmError as reason:
                error = reason
        raise error

    async def member(self, node):
        """A member by its id, which must be in the ledger or in a welcome; it is shown our card first."""
        if node in self._members:
            return self._members[node]
        card = self.cards().get(node) or self._shown.get(node)
        if card is None:
            raise SwarmError("not_found", f"node {node} is not known here")
        if not card.sockets["join"]:
            raise SwarmError("unreachable", f"node {node} has no join socket")
        member = await self.introduce(card.sockets["join"])
        if member.card.node != node:
            raise SwarmError("unreachable", f"another node answers at the address of node {node}")
        return member

    async def some_member(self, except_for=()):
        """One that has admitted us, or lets us in now. SwarmError if there is none."""
        known = {**self._shown, **self.cards()}
        for node in [*self._members, *known]:
            try:
                if node not in except_for and node not in self.ledger.revoked:
                    return await self.member(node)
            except SwarmError:
                continue  # it has gone: another one will do
        if except_for:
            raise SwarmError("unreachable", "there is no further member")
        return await self.join()

    async def read_ledger(self):
        """What the ledger holds that is new to us, from one member or, if it is silent, from another; a Report."""
        self.ledger.drop_expired()
        member = await self.some_member()
        try:
            report = await reconcile(member, self.ledger)
        except SwarmError:
            await self.drop(member.card.node)
            report = await reconcile(await self.some_member(), self.ledger)
        self.check_epoch()
        return report

    def check_epoch(self):
        """SwarmError "refused" once the network has a newer token: members' cards cannot be checked with ours any more ("Rotation")."""
        parts = [entry.key.split("/") for entry in self.ledger.items("network/epoch/")]
        newest = max((int(part[2]) for part in parts if len(part) == 4 and part[2].isdigit()), default=0)
        if newest > self.keys.epoch:
            raise SwarmError("refused", f"the network's token has been replaced (epoch {newest}, this one is of epoch {self.keys.epoch}): ask for the new one")

    def cards(self):
        """Cards of members by node id, as the ledger holds them; those of revoked nodes and of other epochs are left out."""
        found = {}
        for entry in self.ledger.items("node/"):
            card = self.card_of(entry)
            if card is not None:
                found[card.node] = card
        return found

    def card_of(self, entry):
        """The card that an entry holds, if it is one that counts."""
        if entry.key != f"node/{entry.node}/card":
            return None
        try:
            card = cards.verify(entry.value, self.keys)
        except SwarmError:
            return None
        return card if card.node == entry.node and card.node not in self.ledger.revoked else None

    async def drop(self, node):
        """Closes our connections to a member."""
        member = self._members.pop(node, None)
        if member is not None:
            await member.close()
