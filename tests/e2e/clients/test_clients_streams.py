"""What both clients do as callers, against a service that keeps the protocol and against some that do not (PROTOCOL.md, "The caller")."""
import msgpack
import pytest
from fake_service import ALIVE, BEAT, CANCEL, CREDIT, END, EVENT, REQUEST, FakeService, message
from live_network import until


def numbered(number):
    return msgpack.packb({"number": number})


def saying(*answers):
    """Answers a Request with these messages: (kind, element…)."""
    def behave(service, kind, request_id, _):
        if kind == REQUEST:
            for answer_kind, *elements in answers:
                service.send(message(answer_kind, request_id, *elements))
    return behave


OK = (END, 1, "ok", "", b"")


class Counting:
    """Sends `total` events, never beyond the credit."""

    def __init__(self, total):
        self.total, self.sent, self.most_granted = total, 0, 0

    def __call__(self, service, kind, request_id, elements):
        if kind not in (REQUEST, CREDIT, BEAT):
            return
        granted = elements[4] if kind == REQUEST else elements[0]
        self.most_granted = max(self.most_granted, granted)
        while self.sent < min(granted, self.total):
            service.send(message(EVENT, request_id, self.sent, numbered(self.sent)))
            self.sent += 1
        if self.sent == self.total:
            service.send(message(END, request_id, self.total, "ok", "", b""))


def test_a_request_says_what_it_should(client, tmp_path):
    with FakeService(tmp_path, saying((EVENT, 0, numbered(0)), OK)) as service:
        assert client.lines("call", "echo", "--payload", "hi", "--deadline", "7.5", "--window", "3", *service.flags) == [{"number": 0}]
    (data, frames), (_, elements) = service.raw[0], service.received[0]
    incarnation, *rest = elements
    assert data[:4] == b"\x01\x00\x50\x00" and frames == [] and incarnation > 1_700_000_000_000
    assert rest == ["echo", 7500, 0, 3, 1 << 20, b"hi"] and data[8:] == msgpack.packb(elements)


def test_a_long_stream_goes_through_a_small_window(client, tmp_path):
    counting = Counting(200)
    with FakeService(tmp_path, counting) as service:
        assert [line["number"] for line in client.lines("call", "count", "--window", "2", *service.flags)] == list(range(200))
    assert counting.most_granted <= 202 and CANCEL not in service.kinds()


def test_who_has_enough_cancels(client, tmp_path):
    with FakeService(tmp_path, Counting(10_000)) as service:
        assert len(client.lines("call", "count", "--window", "4", "--events", "6", *service.flags)) == 6
        until(lambda: CANCEL in service.kinds())


def test_a_repeated_event_is_told_once(client, tmp_path):
    with FakeService(tmp_path, saying((EVENT, 0, numbered(0)), (EVENT, 0, numbered(7)), (EVENT, 1, numbered(1)), (END, 2, "ok", "", b""))) as service:
        assert [line["number"] for line in client.lines("call", "x", *service.flags)] == [0, 1]


def test_later_elements_are_passed_over(client, tmp_path):
    with FakeService(tmp_path, saying((EVENT, 0, numbered(0), "new"), (END, 1, "ok", "", b"", [1, 2]))) as service:
        assert client.lines("call", "x", *service.flags) == [{"number": 0}]


BREACHES = {
    "an event is missing": ([(EVENT, 1, b"\x00")], "unreachable", True),
    "alive tells of events that did not come": ([(ALIVE, 3)], "unreachable", True),
    "the end tells of events that did not come": ([OK], "unreachable", False),
    "the end tells of fewer events than came": ([(EVENT, 0, b"\x00"), (END, 0, "ok", "", b"")], "malformed", False),
    "an event without payload": ([(EVENT, 0)], "malformed", True),
    "a number that is none": ([(EVENT, "0", b"")], "malformed", True),
    "an event over 256 KiB": ([(EVENT, 0, bytes(262_145))], "malformed", True),
    "an error of the service": ([(END, 0, "busy", "come back later", b"")], "busy", False),
    "an error that nobody knows": ([(END, 0, "lost_interest", "why not", b"")], "refused", False),
}


@pytest.mark.parametrize("what", BREACHES)
def test_a_stream_that_ends_badly_is_one_sentence(client, tmp_path, what):
    answers, code, cancelled = BREACHES[what]
    with FakeService(tmp_path, saying(*answers)) as service:
        done = client.run("call", "x", *service.flags)
        assert done.returncode == 1 and done.stderr.endswith(f"({code})\n") and done.stderr.count("\n") == 1, done.stderr
        if cancelled:
            until(lambda: CANCEL in service.kinds())


def test_a_sentence_from_outside_does_not_reach_the_terminal_as_it_is(client, tmp_path):
    with FakeService(tmp_path, saying((END, 0, "refused", "no\x1b[31m\nway", b""))) as service:
        assert "no?[31m?way (refused)" in client.fails("call", "x", *service.flags)


def test_a_deadline_ends_what_only_says_that_it_lives(client, tmp_path):
    def alive(service, kind, request_id, _):
        if kind in (REQUEST, BEAT):
            service.send(message(ALIVE, request_id, 0))

    with FakeService(tmp_path, alive) as service:
        assert "(deadline)" in client.fails("call", "x", "--deadline", "2.5", *service.flags)
        until(lambda: CANCEL in service.kinds())
    assert service.kinds().count(REQUEST) == 1 and service.kinds().count(BEAT) >= 1


def test_a_silent_node_is_asked_again_with_the_same_bytes_and_given_up_after_five_seconds(client, tmp_path):
    with FakeService(tmp_path, lambda *_: None) as service:
        assert "(unreachable)" in client.fails("call", "x", "--deadline", "60", *service.flags)
        until(lambda: CANCEL in service.kinds())
    requests = [raw for raw, kind in zip(service.raw, service.kinds()) if kind == REQUEST]
    assert len(requests) == 3 and requests[0] == requests[1] == requests[2]


def test_frames_and_large_events_are_counted_in_the_credit(client, tmp_path):
    """Each event takes nearly a quarter of a window of 1 MiB, most of it in a frame."""
    sent = []

    def large(service, kind, request_id, elements):
        if kind not in (REQUEST, CREDIT, BEAT):
            return
        granted = elements[5] if kind == REQUEST else elements[1]
        while len(sent) < 12 and (len(sent) + 1) * 262_144 <= granted:
            payload = numbered(len(sent))
            service.send(message(EVENT, request_id, len(sent), payload), bytes(262_144 - len(payload)))
            sent.append(granted)
        if len(sent) == 12:
            service.send(message(END, request_id, 12, "ok", "", b""))

    with FakeService(tmp_path, large) as service:
        assert [line["number"] for line in client.lines("call", "x", *service.flags)] == list(range(12))


@pytest.mark.parametrize("change, sentence", [
    (lambda flags: flags[:2], "--at"), (lambda flags: [*flags[:4], "--key=short"], "no key"), (lambda flags: [flags[0], __file__, *flags[2:]], "no client's file"),
], ids=["no address", "a wrong key", "another file"])
def test_a_client_without_what_it_needs_is_told_so(client, tmp_path, change, sentence):
    with FakeService(tmp_path, lambda *_: None) as service:
        assert sentence in client.fails("call", "x", *change(service.flags))
