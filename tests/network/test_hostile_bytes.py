"""Bytes that no member would send, at each socket of a live member, by strangers and by a member that has gone bad.

After each attack: the process lives, its memory stayed within siege.RSS_GROWTH_BYTES, its connections are closed, its log did not swell, and members called
services and read each other's entries all the while (siege.py).
"""
import contextlib
import os
import random
import selectors
import struct
import threading
import time

import harness
import member
import pytest
import siege
import zmtp
from nacl import bindings

WITHOUT_NAMESPACES = harness.why_no_namespaces()
pytestmark = pytest.mark.skipif(WITHOUT_NAMESPACES is not None, reason=str(WITHOUT_NAMESPACES))

SOCKETS = ["join", "gossip", "control", "dispatch"]
SILENT = 500
FLOOD_S = 3


@pytest.fixture(scope="module")
def under(tmp_path_factory):
    with harness.Lab(tmp_path_factory.mktemp("siege")) as lab:
        begun = siege.Siege(lab)
        yield begun
        begun.close()


# Strangers


@pytest.mark.parametrize("kind", SOCKETS)
def test_connections_that_stay_silent_are_closed(under, kind, report):
    with contextlib.ExitStack() as stack, under.attack():
        connections = [stack.enter_context(under.connect(kind)) for _ in range(SILENT)]
        report(f"{SILENT} silent connections to {kind}: all closed after {siege.all_end(connections, siege.CLOSED_WITHIN_S):.1f} s")


def test_connections_that_stop_in_the_middle_or_trickle_are_closed(under):
    """A byte now and then is no life: the limit is for the handshake as a whole."""
    stopped, trickling = [], {}
    with contextlib.ExitStack() as stack, under.attack():
        for kind in SOCKETS:
            hello = zmtp.Curve(None, under.server_key(kind), bindings.crypto_box_keypair()).hello()
            opening = zmtp.greeting("CURVE") + zmtp.frame(hello, zmtp.COMMAND)
            for end in (1, 10, 63, 64, 66, 200, len(opening)):
                stopped.append(stack.enter_context(under.connect(kind)))
                stopped[-1].sendall(opening[:end])
            for begun in (0, 30, len(opening)):
                connection = stack.enter_context(under.connect(kind))
                connection.sendall(opening[:begun])
                trickling[connection] = iter(opening[begun:])
        siege.all_end([*stopped, *trickling], siege.CLOSED_WITHIN_S,
                lambda connection, _: connection in trickling and connection.send(bytes([next(trickling[connection], 0)])))


@pytest.mark.parametrize("kind", SOCKETS)
def test_garbage_is_hung_up_on(under, kind):
    generator = random.Random(7)
    with contextlib.ExitStack() as stack, under.attack():
        connections = []
        for number in range(60):
            connection = stack.enter_context(under.connect(kind))
            garbage = generator.randbytes(generator.randrange(1, 20_000))
            if number % 3 == 1:  # behind a beginning that is good
                garbage = zmtp.greeting("CURVE") + garbage
            elif number % 3 == 2:
                garbage = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + garbage
            with contextlib.suppress(OSError):
                connection.sendall(garbage)
            connections.append(connection)
        siege.all_end(connections, siege.CLOSED_WITHIN_S)


@pytest.mark.parametrize("kind", SOCKETS)
def test_other_mechanisms_and_older_protocols_are_refused(under, kind):
    """NULL and PLAIN in ZMTP 3.1 and 3.0; ZMTP 2.0 and 1.0, which know no security."""
    ready = zmtp.command("READY", zmtp.properties(Socket_Type="DEALER", Identity=""))
    hello = zmtp.command("HELLO", b"\5admin\5admin")
    openings = [zmtp.greeting(mechanism, version=version) + zmtp.frame(says, zmtp.COMMAND)
                for mechanism, says in (("NULL", ready), ("PLAIN", hello), ("GSSAPI", hello), ("", ready)) for version in ((3, 1), (3, 0))]
    openings += [b"\xff" + bytes(8) + b"\x7f\1\5\0\0", b"\xff" + bytes(8) + b"\x7f\0\5", b"\1\0", b"\x20" + b"x" * 31]
    with under.attack():
        connections = []
        for opening in openings * 5:
            connections.append(zmtp.Connection(under.connect(kind)))
            siege.push(connections[-1], opening + zmtp.frame(b"let me in") * 3)
        for connection in connections:
            with connection:
                siege.never_ready(siege.ends_within(connection))


@pytest.mark.parametrize("kind", SOCKETS)
def test_unknown_keys_are_refused(under, kind):
    """A client of CURVE that is nobody; and one that takes this for another server."""
    socket_type = "SUB" if kind == "gossip" else "DEALER"
    with under.attack():
        for _ in range(20):
            for server_key in (under.server_key(kind), os.urandom(32)):
                with pytest.raises((zmtp.Refused, zmtp.Closed)), \
                        zmtp.Curve(under.connect(kind), server_key, bindings.crypto_box_keypair(), siege.CLOSED_WITHIN_S) as connection:
                    connection.handshake(socket_type)


def test_the_token_alone_opens_the_join_socket_only(under):
    with under.attack():
        token = under.network.member_token()
        for kind in SOCKETS[1:]:
            with pytest.raises((zmtp.Refused, zmtp.Closed)), zmtp.Curve(under.connect(kind), under.node_key, token.join_client_keys) as connection:
                connection.handshake("DEALER")
        under.member().join_connection(under.address("join")).close()  # shows that the keys are good ones


def test_oversized_commands_of_the_handshake_are_not_waited_for(under):
    """HELLO at once, and INITIATE after a good HELLO, each of a size that nobody needs, with bytes that keep coming."""
    sizes = [1 << 16, 100 << 20, 1 << 32, (1 << 63) - 1, (1 << 64) - 1]
    with contextlib.ExitStack() as stack, under.attack():
        connections = []
        for kind in SOCKETS:
            for size in sizes * 2:
                connection = stack.enter_context(zmtp.Curve(under.connect(kind), under.server_key(kind), bindings.crypto_box_keypair()))
                greeted = len(connections) % 10 >= len(sizes)
                if greeted:
                    connection.begin()
                else:
                    siege.push(connection, zmtp.greeting("CURVE"))
                siege.push(connection, zmtp.frame_head(size, zmtp.COMMAND) + zmtp.command("INITIATE" if greeted else "HELLO"))
                connections.append(connection.socket)
        siege.all_end(connections, siege.CLOSED_WITHIN_S, lambda connection, _: connection.send(bytes(1 << 20)))


def test_metadata_of_all_kinds_in_the_handshake(under):
    """INITIATE from who may come in, with properties that are not well-formed, very many or very long."""
    hostile = under.member()
    names = [b"\0\0\0\0\0", b"\xff", b"\xffabc", b"\1a\xff\xff\xff\xff", b"\1a\x80\0\0\0", zmtp.properties(Socket_Type="PUB"), zmtp.properties(Socket_Type=""), b"",
             zmtp.properties(Socket_Type="DEALER", Identity=b"x" * 255), zmtp.properties(Socket_Type="DEALER", Identity=b"x" * 256),
             zmtp.properties(Socket_Type="DEALER", X=b"y" * 900), zmtp.properties(Socket_Type="DEALER", X=b"y" * 60_000),
             zmtp.properties(Socket_Type="DEALER") + b"".join(zmtp.properties(**{f"X-{i}": b"y"}) for i in range(6000))]
    with under.attack():
        for kind in SOCKETS:
            keys = under.network.member_token().join_client_keys if kind == "join" else hostile.keys
            for metadata in names:
                with zmtp.Curve(under.connect(kind), under.server_key(kind), keys) as connection:
                    connection.begin()
                    siege.push(connection, zmtp.frame(connection.initiate(metadata), zmtp.COMMAND))
                    with contextlib.suppress(zmtp.Refused, zmtp.Closed, TimeoutError):
                        connection.within_s = 0.2
                        connection.read_command("READY")


# A member gone bad


@pytest.mark.parametrize("kind", SOCKETS)
def test_oversized_frames_end_the_connection(under, kind):
    hostile = under.member()
    with under.attack():
        for size in (2 << 20, 1 << 32, (1 << 63) - 1):
            for flags in (0, zmtp.MORE, zmtp.COMMAND):
                with under.admitted(kind, hostile) as connection:
                    siege.push(connection, zmtp.frame_head(size, flags) + zmtp.command("MESSAGE") + bytes(1000))
                    siege.ends_within(connection)


def test_a_frame_that_never_ends_is_not_waited_for(under):
    """Within the limits of size, a byte now and then: heartbeats ask for more than that."""
    hostile = under.member()
    with contextlib.ExitStack() as stack, under.attack():
        connections = [stack.enter_context(under.admitted(kind, hostile)) for kind in SOCKETS * 5]
        for connection in connections:
            connection.write(zmtp.frame_head(900) + zmtp.command("MESSAGE"))
        siege.all_end([connection.socket for connection in connections], siege.CLOSED_WITHIN_S, lambda connection, _: connection.send(b"x"))


@pytest.mark.parametrize("kind", SOCKETS)
def test_frames_that_do_not_open_end_the_connection(under, kind):
    hostile = under.member()
    generator = random.Random(11)
    with under.attack():
        for _ in range(30):
            with under.admitted(kind, hostile) as connection:
                siege.push(connection, zmtp.frame(zmtp.command("MESSAGE", generator.randbytes(generator.randrange(60))), generator.choice([0, 1, 4, 8, 0xf8])))
                siege.ends_within(connection)


@pytest.mark.parametrize("kind", SOCKETS)
def test_messages_of_a_hundred_thousand_parts(under, kind):
    hostile = under.member()
    for part_bytes in (0, 1, 1000):
        with under.attack(), under.admitted(kind, hostile) as connection:
            with contextlib.suppress(zmtp.Closed, TimeoutError):
                for number in range(200):
                    connection.write(b"".join(connection.sealed(bytes(part_bytes), int(number < 199 or i < 499)) for i in range(500)))


def test_subscriptions_of_a_megabyte(under):
    hostile = under.member()
    with under.attack():
        for topic in (b"x" * (1 << 20), b"\0" * (1 << 20)):
            for body, flags in ((zmtp.command("SUBSCRIBE", topic), 2), (zmtp.command("CANCEL", topic), 2), (b"\1" + topic, 0), (b"\0" + topic, 0)):
                with under.admitted("gossip", hostile) as connection:
                    siege.push(connection, connection.sealed(body, flags))
                    siege.ends_within(connection)


def test_very_many_subscriptions(under):
    hostile = under.member()
    generator = random.Random(3)
    with under.attack(), under.admitted("gossip", hostile) as connection:
        with contextlib.suppress(zmtp.Closed, TimeoutError):
            for _ in range(300):
                topics = [generator.randbytes(generator.randrange(900)) for _ in range(200)]
                connection.write(b"".join(connection.sealed(zmtp.command("SUBSCRIBE", topic), 2) + connection.sealed(b"\1" + topic) for topic in topics))


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
