"""What a member gone bad may send, at each socket of a live member.

After each attack: the process lives, its memory stayed within siege.RSS_GROWTH_BYTES, its connections are closed, its log did not swell, and members called
services and read each other's entries all the while (siege.py).
"""
import contextlib
import os
import random
import secrets
import selectors
import socket
import struct
import threading
import time

import harness
import member
import pytest
import siege
import zmtp

WITHOUT_NAMESPACES = harness.why_no_namespaces()
pytestmark = pytest.mark.skipif(WITHOUT_NAMESPACES is not None, reason=str(WITHOUT_NAMESPACES))

SOCKETS = ["join", "gossip", "control", "dispatch"]
FLOOD_S = 2


@pytest.fixture(scope="module")
def under(tmp_path_factory):
    with harness.Lab(tmp_path_factory.mktemp("siege")) as lab:
        begun = siege.Siege(lab)
        yield begun
        begun.close()


@pytest.mark.parametrize("kind", SOCKETS)
def test_messages_of_a_hundred_thousand_parts(under, kind):
    hostile = under.member()
    for part_bytes, parts in ((1, 100_000), (1000, 50_000)):
        with under.attack(), under.admitted(kind, hostile) as connection:
            with contextlib.suppress(zmtp.Closed, TimeoutError):
                for number in range(parts // 500):
                    last = number + 1 == parts // 500
                    connection.write(b"".join(connection.sealed(bytes(part_bytes), int(not last or i < 499)) for i in range(500)))


def test_subscriptions_of_a_megabyte(under):
    hostile = under.member()
    with under.attack():
        for topic in (b"x" * (1 << 20), b"\0" * (1 << 20)):
            for body, flags in ((zmtp.command("SUBSCRIBE", topic), 2), (zmtp.command("CANCEL", topic), 2), (b"\1" + topic, 0), (b"\0" + topic, 0)):
                with under.admitted("gossip", hostile) as connection:
                    siege.push(connection, connection.sealed(body, flags))
                    siege.ends_within(connection)


def test_very_many_subscriptions(under):
    """Each connection is ended at its first topic that is none of ours."""
    hostile = under.member()
    generator = random.Random(3)
    with contextlib.ExitStack() as stack, under.attack():
        connections = [stack.enter_context(under.admitted("gossip", hostile)) for _ in range(8)]
        for connection in connections:
            topics = [generator.randbytes(generator.randrange(900)) for _ in range(1000)]
            siege.push(connection, b"".join(connection.sealed(zmtp.command("SUBSCRIBE", topic), 2) + connection.sealed(b"\1" + topic) for topic in topics))
        siege.all_end([connection.socket for connection in connections], siege.CLOSED_WITHIN_S)


@pytest.mark.parametrize("kind", ["join", "control", "dispatch"])
def test_connections_that_end_while_much_is_unread(under, kind):
    """With heartbeats among it: a library whose queue was full at that moment has been seen to end the process."""
    hostile = under.member()
    with under.attack():
        for _ in range(5):
            connection = under.admitted(kind, hostile)
            message = struct.pack(">BBBBI", 1, 0, 0x7f, 0, 7) + b"\x90"
            siege.push(connection, b"".join(connection.sealed(message) + (connection.sealed(zmtp.command("PING", bytes(2)), 2) if i > 1000 and i % 5 == 0 else b"")
                                            for i in range(2000)))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


MESSAGE_TYPES = [*range(0x00, 0x05), *range(0x10, 0x19), *range(0x20, 0x25), *range(0x30, 0x34), *range(0x40, 0x44), *range(0x50, 0x58), *range(0x60, 0x65), 0xff]


def hostile_bodies():
    """msgpack that nests or claims beyond all measure, also inside the arrays of a good message."""
    claims = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\1", b"\xdc\xff\xff"]
    nested = [b"\x91" * 60_000 + b"\xc0", b"\x81" * 60_000 + b"\xc0", b"\x91" * 1_000]
    inside = [array + bad for bad in claims + nested for array in (b"\x91", b"\x97\1", b"\x92\xc4\x10" + bytes(16))]
    return claims + nested + inside


@pytest.mark.parametrize("kind", ["join", "control", "dispatch"])
def test_msgpack_that_nests_and_claims_beyond_measure(under, kind):
    """For every type of message that there is, and some that there are not."""
    hostile = under.member()
    bodies = hostile_bodies() + ([b"\x91" * 100_000 + b"\xc0"] if kind != "join" else [])
    with under.attack(), under.admitted(kind, hostile) as connection:
        for kind_of_message in MESSAGE_TYPES:
            for body in bodies if kind_of_message % 4 == 0 else bodies[:12]:
                connection.send(struct.pack(">BBBBI", 1, 0, kind_of_message, 0, 7) + body)
        connection.send(b"")
        connection.send(b"\1")
        connection.send(struct.pack(">BBBBI", 9, 9, 0x50, 0xff, 7))
        connection.send(*[b"\xdd\xff\xff\xff\xff"] * 17)


@pytest.mark.parametrize("kind", ["gossip", "control", "dispatch"])
def test_frames_that_do_not_open(under, kind):
    """Some end the connection themselves: one has been seen to end the process at the next heartbeat."""
    hostile = under.member()
    generator = random.Random(11)
    with under.attack():
        for number in range(30):
            # A gossip socket is closed for a moment whenever a client is revoked.
            with contextlib.suppress(zmtp.Closed, ConnectionError), under.admitted(kind, hostile) as connection:
                siege.push(connection, zmtp.frame(zmtp.command("MESSAGE", generator.randbytes(generator.randrange(60))), generator.choice([0, zmtp.MORE])))
                if number % 2:
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    siege.ends_within(connection)


def flooding(hostile, kind):
    """A message of the socket's own kind, ever another."""
    generator = random.Random(5)
    number = 0
    while True:
        number += 1
        if kind == "join":
            yield member.message(member.HELLO, [hostile.card])
        elif kind == "dispatch":
            yield member.message(member.REQUEST, [1, "zswarm.info", 10_000, 0, 16, 1 << 20, bytes(500_000 if number % 20 == 0 else 0)], number & 0xffffffff)
        else:
            yield generator.choice([
                member.message(member.SYNC_OPEN, [os.urandom(16), 0, [], [b"", b"", b""]], number & 0xffffffff), member.message(0x20, [number, 0]),
                member.message(0x10, [[member.base32_decoded(hostile.node), hostile.card]]), member.message(0x30, [[[0, b"x" * 16, number, b"y", 1, 0]]]),
                member.message(0x60, [bytes(32), 0])])


@pytest.mark.parametrize("kind", SOCKETS)
def test_a_member_that_floods(under, kind, report):
    """As fast as it can, for some seconds, and without reading what comes back."""
    hostile = under.member()
    sent = 0
    with under.attack(), under.admitted(kind, hostile) as connection:
        end = time.monotonic() + FLOOD_S
        messages = flooding(hostile, kind)
        with contextlib.suppress(zmtp.Closed, TimeoutError):
            while time.monotonic() < end:
                if kind == "gossip":
                    connection.write(b"".join(connection.sealed(zmtp.command(name, b"\1"), 2) for name in ("SUBSCRIBE", "CANCEL") * 50))
                else:
                    connection.write(b"".join(connection.sealed(next(messages)) for _ in range(100)))
                sent += 100
    report(f"{sent} messages in {FLOOD_S} s to {kind}, slowest work of members so far {max(one.slowest_s for one in under.traffic):.2f} s")


def test_connections_without_end_of_one_stranger(under, report):
    """Opened as fast as they are closed, and far more than anybody needs."""
    most = 0
    with contextlib.ExitStack() as stack, under.attack():
        end = time.monotonic() + FLOOD_S
        connections = []
        while time.monotonic() < end and len(connections) < 3000:
            with contextlib.suppress(OSError):
                connections.append(stack.enter_context(under.connect(SOCKETS[len(connections) % 4])))
            if len(connections) % 100 == 0:
                most = max(most, under.attacked.open_files())
        siege.all_end(connections, siege.CLOSED_WITHIN_S)
    report(f"{len(connections)} connections of one stranger in {FLOOD_S} s: at most {most} files open")


class HostileListener:
    """Says the same to everybody who connects, and then reads on. Runs until closed; counts."""

    def __init__(self, place, says):
        self.listening = place.socket()
        self.listening.bind((place.address, 0))
        self.listening.listen(100)
        self.address = f"{place.address}:{self.listening.getsockname()[1]}"
        self.says = says
        self.accepted = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with selectors.DefaultSelector() as waiting, self.listening:
            waiting.register(self.listening, selectors.EVENT_READ)
            while not self.ends.is_set():
                for key, _ in waiting.select(0.1):
                    if key.fileobj is not self.listening:
                        with contextlib.suppress(ConnectionError):
                            if key.fileobj.recv(65536):
                                continue
                        waiting.unregister(key.fileobj)
                        key.fileobj.close()
                        continue
                    connection, _ = self.listening.accept()
                    self.accepted += 1
                    waiting.register(connection, selectors.EVENT_READ)
                    with contextlib.suppress(OSError):
                        connection.setblocking(False)
                        connection.send(self.says)
            for key in list(waiting.get_map().values()):
                key.fileobj.close()

    def close(self):
        self.ends.set()
        self.thread.join()


def test_members_whose_own_sockets_are_hostile(under, report):
    """Their cards lead the node to listeners that say nothing, garbage, or lengths beyond measure: it looks, and leaves again."""
    curve = zmtp.greeting("CURVE", as_server=True)
    sayings = [b"", os.urandom(5000), zmtp.greeting("NULL", as_server=True), curve, curve + zmtp.frame_head(1 << 40, zmtp.COMMAND) + zmtp.command("WELCOME"),
               curve + zmtp.frame(zmtp.command("WELCOME", os.urandom(160)), zmtp.COMMAND), curve + zmtp.frame(zmtp.command("ERROR", b"\xff" + b"x" * 3), zmtp.COMMAND)]
    with contextlib.ExitStack() as stack, under.attack():
        listeners = [stack.enter_context(contextlib.closing(HostileListener(under.mallory, says))) for says in sayings]
        for listener in listeners:
            under.member(sockets=(listener.address,) * 4 + ("",))
        harness.wait_until(lambda: all(listener.accepted for listener in listeners), 20, "the node looks at those who have joined")
        end = time.monotonic() + FLOOD_S
        harness.holds(lambda: sum(listener.accepted for listener in listeners) < 100 * len(listeners), max(0.1, end - time.monotonic()), "a storm of connections")
    report(f"{len(listeners)} members with hostile sockets: looked at {sum(listener.accepted for listener in listeners)} times in {FLOOD_S} s")


class Speaker:
    """Listens as a member does, and does the same to everybody who connects until it is hung up on: says(connection) is called again and again."""

    def __init__(self, place, keys, says):
        self.listening = place.socket()
        self.listening.bind((place.address, 0))
        self.listening.listen(100)
        self.listening.settimeout(0.1)
        self.address = f"{place.address}:{self.listening.getsockname()[1]}"
        self.keys, self.says = keys, says
        self.let_in = self.hung_up = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with self.listening:
            while not self.ends.is_set():
                with contextlib.suppress(TimeoutError):
                    accepted, _ = self.listening.accept()
                    with contextlib.suppress(zmtp.Closed, TimeoutError), zmtp.CurveServer(accepted, self.keys, 2.0).handshake("ROUTER") as connection:
                        self.let_in += 1
                        try:
                            while not self.ends.is_set():
                                self.says(connection)
                        except zmtp.Closed:
                            self.hung_up += 1

    def close(self):
        self.ends.set()
        self.thread.join()


def small_parts_without_end(connection):
    connection.write(b"".join(connection.sealed(b"", 1) for _ in range(1000)))


def a_frame_that_never_ends(connection):
    if connection.nonce == 1:  # READY was the last
        connection.nonce += 1
        connection.write(zmtp.frame_head(900_000) + zmtp.command("MESSAGE") + bytes(1000))
    connection.write(b"x")
    time.sleep(0.1)


@pytest.mark.parametrize("says", [small_parts_without_end, a_frame_that_never_ends], ids=lambda says: says.__name__)
def test_members_that_we_connect_to_are_hung_up_on(under, says, report):
    """Their card leads the node to a socket of a member's key that speaks without end."""
    seed = secrets.token_bytes(32)
    identity = member.check.identity(seed)["curve"]
    keys = tuple(bytes.fromhex(identity[part]) for part in ("public", "secret"))
    with contextlib.ExitStack() as stack, under.attack():
        speaker = stack.enter_context(contextlib.closing(Speaker(under.mallory, keys, says)))
        silent = stack.enter_context(contextlib.closing(HostileListener(under.mallory, b"")))
        began = time.monotonic()
        under.member(seed=seed, sockets=(silent.address, silent.address, speaker.address, silent.address, ""))
        harness.wait_until(lambda: speaker.hung_up, 2 * siege.CLOSED_WITHIN_S, lambda: f"it is hung up on: {speaker.let_in} connections")
    report(f"{says.__name__}: hung up on after {time.monotonic() - began:.1f} s")
