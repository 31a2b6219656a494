"""The checks of this folder fail when they should: they are pointed at a process that has no limits, and at a network without faults."""
import contextlib
import socket
import sys
import threading

import harness
import member
import pytest
import siege
import zmtp

# Takes every connection and keeps it. Told so by a line, it also takes memory, talks, or ends.
WITHOUT_LIMITS = """
import os, select, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".new", "w") as port: port.write(str(listening.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
kept, taken = [listening], []
while True:
    for one in select.select(kept, [], [])[0]:
        if one is listening: kept.append(listening.accept()[0]); continue
        said = one.recv(100)
        if said.startswith(b"memory"): taken.append(b"x" * (100 << 20))
        if said.startswith(b"talk"): print("x" * 200_000, flush=True)
        if said.startswith(b"end"): sys.exit(3)
        if not said: kept.remove(one); taken.append(one)
        else: one.sendall(b"done")
"""


class Target:
    """The process, watched as the attacked node of a siege is."""

    def __init__(self, folder):
        self.process = harness.Process("target", folder / "log.txt")
        port = folder / "port"
        self.process.spawn([sys.executable, "-c", WITHOUT_LIMITS, str(port)], folder)
        harness.wait_until(port.exists, 20, "the process listens")
        self.port = int(port.read_text())
        self.works = siege.Traffic("work", lambda: None, 0.01)
        self.watch = siege.Watch(self.process, [self.works], within_s=0.5)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def tell(self, what):
        with self.connect() as connection:
            connection.sendall(what)
            connection.recv(100)


@pytest.fixture
def target(tmp_path):
    made = Target(tmp_path)
    yield made
    made.works.end()
    made.process.kill()


def test_a_harmless_attack_passes(target):
    with target.watch.attack():
        target.tell(b"hello")


def test_a_connection_that_is_never_closed_is_noticed(target):
    with target.connect() as connection, pytest.raises(AssertionError, match="1 of 1 connections are still open"):
        siege.all_end([connection], 0.5)
    with zmtp.Connection(target.connect()) as connection, pytest.raises(AssertionError, match="still open"):
        siege.ends_within(connection, 0.5)


def test_files_that_are_never_closed_are_noticed(target):
    with pytest.raises(AssertionError, match="files are closed again"), target.watch.attack():
        before = target.process.open_files()
        for _ in range(10):
            target.connect().close()
        harness.wait_until(lambda: target.process.open_files() == before + 10, 10, "all are accepted")


def test_memory_is_noticed_even_if_it_is_given_back(target):
    with pytest.raises(AssertionError, match="MiB more than before"), target.watch.attack():
        target.tell(b"memory")


def test_an_end_is_noticed(target):
    with pytest.raises(AssertionError, match="has ended"), target.watch.attack():
        target.tell(b"end")
        target.process.process.wait(10)


def test_a_swelling_log_is_noticed(target):
    with pytest.raises(AssertionError, match="bytes of log"), target.watch.attack():
        target.tell(b"talk")


@pytest.mark.parametrize("fault", ["fail", "hang"])
def test_members_that_fail_or_hang_are_noticed(target, fault):
    goes_on = threading.Event()

    def work():
        if fault == "fail":
            raise OSError("refused")
        goes_on.wait()

    traffic = siege.Traffic("calls", work, 0.01)
    with pytest.raises(AssertionError, match="refused" if fault == "fail" else "members work"), siege.Watch(target.process, [traffic], within_s=0.5).attack():
        target.tell(b"hello")
    goes_on.set()
    traffic.end()


def test_what_does_not_happen_and_what_does_not_hold_is_noticed():
    with pytest.raises(AssertionError, match="did not happen within 0.1 s that pigs fly"):
        harness.wait_until(lambda: False, 0.1, "pigs fly")
    with pytest.raises(AssertionError, match="back"):
        harness.holds(lambda: False, 1, "it is back")


class Seen:
    """A node that sees others in given states."""

    def __init__(self, id, **states):
        self.id, self.name, self.states = id, id, lambda: states


@pytest.mark.parametrize("wrong", [{}, {"b": "dead"}, {"b": "suspected"}], ids=["missing", "dead", "suspected"])
def test_a_node_that_is_not_seen_by_one_of_all_is_noticed(wrong):
    good = Seen("b", a="alive", c="alive")
    assert harness.all_see([Seen("a", b="alive", c="alive"), good])
    assert not harness.all_see([good, Seen("a", **wrong)])
    with pytest.raises(AssertionError, match="all are seen alive"):
        harness.wait_all_see([good, Seen("a", **wrong)], 0.1)


@pytest.mark.parametrize("pieces", [b"\0" * 10, zmtp.frame(zmtp.command("READY"), zmtp.COMMAND)])
def test_an_answer_that_lets_a_stranger_in_is_noticed(pieces):
    if zmtp.command("READY") in pieces:
        with pytest.raises(AssertionError):
            siege.never_ready(pieces)
    else:
        siege.never_ready(pieces)


@pytest.mark.skipif(harness.why_no_namespaces() is not None, reason=str(harness.why_no_namespaces()))
def test_places_reach_each_other_but_for_the_faults_that_are_made(lab):
    first, second, third = (lab.place(name) for name in ("first", "second", "third"))

    def reaches(one, other):
        with other.socket() as listening:
            listening.bind((other.address, 0))
            listening.listen()
            with contextlib.suppress(OSError), one.connect(f"{other.address}:{listening.getsockname()[1]}", 0.5):
                return True
        return False

    assert reaches(first, second) and reaches(second, third)
    lab.split([third])
    assert reaches(first, second) and not reaches(second, third)
    lab.split([second])
    assert not reaches(first, second) and reaches(second, third)
    lab.heal()
    harness.wait_until(lambda: reaches(first, second) and reaches(second, third), 10, "all is whole again")
    lab.cut(first)
    assert not reaches(first, second) and reaches(second, third)
    lab.mend(first)
    harness.wait_until(lambda: reaches(first, second), 10, "the link is up again")
    names = list(lab.made)
    assert all((harness.NAMESPACES / name).exists() for name in names)
    lab.close()
    assert not any((harness.NAMESPACES / name).exists() for name in names)


def test_a_token_of_ones_own_making_reads_back():
    text = member.token_text(expires_s="1000000000")
    assert member.Token(text).epoch == 1 and len(member.Token(text).secret) == 32
    assert member.base32_decoded(member.check.base32(b"foobar")) == b"foobar"
    assert member.z85_decoded(member.check.z85(bytes(range(32)))) == bytes(range(32))
