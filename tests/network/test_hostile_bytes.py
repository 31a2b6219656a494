"""Bytes that no member would send, at each socket of a live member, by strangers and by a member that has gone bad.

After each attack: the process lives, its memory stayed within siege.RSS_GROWTH_BYTES, its connections are closed, its log did not swell, and members called
services and read each other's entries all the while (siege.py).
"""
import contextlib
import os
import random

import harness
import pytest
import siege
import zmtp
from nacl import bindings

WITHOUT_NAMESPACES = harness.why_no_namespaces()
pytestmark = pytest.mark.skipif(WITHOUT_NAMESPACES is not None, reason=str(WITHOUT_NAMESPACES))

SOCKETS = ["join", "gossip", "control", "dispatch"]
SILENT = 500


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
                # It may close at any time, the gossip socket also for others' sake.
                with zmtp.Curve(under.connect(kind), under.server_key(kind), keys) as connection, contextlib.suppress(zmtp.Refused, zmtp.Closed, TimeoutError):
                    connection.begin()
                    siege.push(connection, zmtp.frame(connection.initiate(metadata), zmtp.COMMAND))
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
