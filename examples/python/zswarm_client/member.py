"""Our connections to one member that has admitted us, and what this guest says there (PROTOCOL.md, "Guests")."""
import asyncio
import secrets

from .errors import SwarmError
from .lane import Lane
from .message import Type, write
from .service import Caller
from .sockets import connect

PROBE_WITHIN_S = 2
WAITING = 8  # messages of one session that wait to be read; an honest member has two under way


class Member:
    def __init__(self, context, identity, card):
        self.card = card
        self._context, self._identity = context, identity
        self._control = self._caller = None
        self._sessions = {}  # by request id: queues of messages that answer ours

    @property
    def caller(self):
        """For requests to the services of this member."""
        if self._caller is None:
            self._caller = Caller(self._context, self._endpoint("dispatch"), self.card.curve_key, self._identity.curve, self._identity.incarnation)
        return self._caller

    def open_session(self):
        """(request id, queue): messages of the control socket with this request id go to the queue until close_session()."""
        request_id = secrets.randbits(32)
        self._sessions[request_id] = queue = asyncio.Queue(WAITING)
        return request_id, queue

    def close_session(self, request_id):
        del self._sessions[request_id]

    async def send(self, message):
        if self._control is None:
            self._control = Lane(self._context, "control", self._endpoint("control"), self.card.curve_key, self._identity.curve, self._on_control)
        await self._control.send(message)

    async def probe(self):
        """Whether the member answers within two seconds."""
        request_id, answers = self.open_session()
        try:
            await self.send(write(Type.PROBE, [self._identity.incarnation, self._identity.instance, 0, 0], request_id))
            await asyncio.wait_for(answers.get(), PROBE_WITHIN_S)
            return True
        except asyncio.TimeoutError:
            return False
        finally:
            self.close_session(request_id)

    def subscribe(self):
        """A SUB socket that hears whole news of this member; its messages are [topic, message]."""
        socket = connect(self._context, "gossip", self._endpoint("gossip"), self.card.curve_key, self._identity.curve)
        socket.subscribe(b"\x00")  # the eager topic
        return socket

    async def _on_control(self, message, _frames):
        if message.type == Type.PROBE:  # every node answers: what it is, and that it counts nobody as a neighbour
            await self.send(write(Type.PROBE_ACK, [self._identity.incarnation, self._identity.instance, False], message.request_id))
        elif message.type == Type.NEIGHBOUR:
            await self.send(write(Type.NEIGHBOUR_REPLY, [False]))
        elif message.request_id in self._sessions:
            queue = self._sessions[message.request_id]
            if not queue.full():  # who sends more than the protocol lets it is not listened to
                queue.put_nowait(message)

    def _endpoint(self, name):
        endpoint = self.card.sockets[name]
        if not endpoint:
            raise SwarmError("unreachable", f"node {self.card.node} has no {name} socket")
        return endpoint

    async def close(self):
        for part in (self._control, self._caller):
            if part is not None:
                await part.close()
        self._control = self._caller = None
