"""The introduction at a member's join socket (PROTOCOL.md, "Joining")."""
import asyncio
import dataclasses

import zmq

from . import card as cards
from .encoding import is_plain
from .errors import SwarmError, malformed
from .message import Type, read, write
from .sockets import connect

ANSWER_WITHIN_S = 5
SHUT = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED


@dataclasses.dataclass
class Welcome:
    card: cards.Card  # of the member itself
    others: list  # cards of some that it knows


async def say_hello(context, keys, our_card, endpoint):
    """Shows our card at a join socket; from the welcome on the member admits our key. SwarmError says why it does not."""
    socket = connect(context, "join", endpoint, keys.join_server, keys.join_client)
    monitor = socket.get_monitor_socket(zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | SHUT)
    door = asyncio.create_task(_shut_door(monitor))
    answer = asyncio.ensure_future(socket.recv())
    try:
        await socket.send(write(Type.HELLO, [our_card]))
        done, _ = await asyncio.wait([door, answer], timeout=ANSWER_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if answer in done:
            return _read_answer(answer.result(), keys)
        if door in done:
            raise SwarmError("refused", f"the node at {endpoint} does not know this token: it is of another network, or has been replaced by a newer one")
        raise SwarmError("unreachable", f"no node answers at {endpoint}")
    finally:
        for task in (door, answer):
            task.cancel()
        await asyncio.gather(door, answer, return_exceptions=True)
        socket.disable_monitor()
        monitor.close(0)
        socket.close()


async def _shut_door(monitor):
    """Returns once somebody has taken our connection and closed it during CURVE's handshake: its server key is not the one of our token."""
    connected = False
    while True:
        frames = await monitor.recv_multipart()
        event = int.from_bytes(frames[0][:2], "little")
        if event == zmq.EVENT_CONNECTED:
            connected = True
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            connected = False
        elif event & SHUT and connected:
            return


def _read_answer(data, keys):
    message = read(data)
    fields = message.fields
    if message.type == Type.REFUSAL:
        code, sentence = fields.text(64), fields.text(512)
        if not is_plain(code + sentence):
            raise malformed("a refusal that cannot be read")
        raise SwarmError(code, sentence)
    if message.type != Type.WELCOME:
        raise malformed("no welcome came back")
    own = cards.verify(fields.bin(cards.MAX_BYTES), keys)
    listed, others = fields.array(8), []
    while len(listed) > 0:
        other = listed.bin(cards.MAX_BYTES)
        try:
            others.append(cards.verify(other, keys))
        except SwarmError:
            continue  # out of date, or of another epoch: the member itself is what counts
    return Welcome(own, others)
