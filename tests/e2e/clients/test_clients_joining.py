"""What both clients say when a join socket does not let them in, or what answers there is no member."""
import json
import os
import socket
import stat
import threading

import msgpack
import pytest
import zmq
from fake_service import message
from live_network import ROOT, Client
from zmq.utils import z85
from zswarm_client.token import parse_token

HELLO, WELCOME, REFUSAL = 1, 2, 3
VERSION = 0
VECTORS = ROOT / "tests/vectors/bus"
TOKENS = json.loads((VECTORS / "tokens.json").read_text())
CARDS = json.loads((VECTORS / "cards.json").read_text())
TOKEN = TOKENS["valid"][0]["token"]


def join_secret(token):
    """Of the join socket of a network, from the vectors: the clients derive the public half themselves."""
    networks = json.loads((VECTORS / "keys.json").read_text())["networks"]
    return bytes.fromhex(next(keys for keys in networks if keys["secret"] == token.secret.hex())["join_server"]["secret"])


class FakeJoin(threading.Thread):
    """A join socket that answers everything with `answer`."""

    def __init__(self, answer, secret=None):
        super().__init__(daemon=True)
        self.answer, self.hellos = answer, []
        self._context, self._done = zmq.Context(), threading.Event()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger, self._router.curve_server = 0, True
        self._router.curve_secretkey = z85.encode(secret or join_secret(parse_token(TOKEN)))
        self.endpoint = f"127.0.0.1:{self._router.bind_to_random_port('tcp://127.0.0.1')}"

    def run(self):
        while not self._done.is_set():
            if self._router.poll(20):
                route, hello = self._router.recv_multipart()
                self.hellos.append(hello)
                self._router.send_multipart([route, self.answer])
        self._router.close()
        self._context.term()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()


def members(client, contact, token=TOKEN):
    return ("members", "--token", token, "--identity", client.identity, "--contact", contact)


def good_card():
    return bytes.fromhex(CARDS["valid"][0]["card"])


ANSWERS = {
    "a refusal": (message(REFUSAL, 0, "refused", "node abc (kitchen) has been revoked"), "node abc (kitchen) has been revoked (refused)"),
    "a refusal with a control character": (message(REFUSAL, 0, "refused", "\x1b[31m"), "(malformed)"),
    "another major version": (message(VERSION, 0, 2, 0, "this node speaks version 2.0", major=2), "version 2 of the protocol, this program version 1 (unsupported)"),
    "a message of another major version": (message(WELCOME, 0, b"", [], major=3), "version 3 of the protocol, this program version 1 (unsupported)"),
    "no msgpack": (b"\x01\x00\x02\x00\x00\x00\x00\x00\xc1", "(malformed)"),
    "nothing": (b"", "(malformed)"),
    "a hello": (message(HELLO, 0, good_card()), "no welcome came back (malformed)"),
    "a welcome without a card": (message(WELCOME, 0, b"", []), "(malformed)"),
    "a welcome with another network's card": (message(WELCOME, 0, bytes.fromhex(CARDS["invalid"][0]["card"]), []), "was not made with this network's token (refused)"),
    "a welcome with too many cards": (message(WELCOME, 0, good_card(), [b""] * 9), "(malformed)"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_that_is_no_welcome_is_one_sentence(client, what):
    answer, sentence = ANSWERS[what]
    with FakeJoin(answer) as door:
        assert sentence in client.fails(*members(client, door.endpoint))
        hello = door.hellos[0]
    assert hello[:8] == bytes([1, 0, HELLO, 0, 0, 0, 0, 0]) and len(msgpack.unpackb(hello[8:])) == 1
    assert len(msgpack.unpackb(msgpack.unpackb(hello[8:])[0])) == 3


def test_a_member_without_sockets_is_named(client):
    with FakeJoin(message(WELCOME, 0, good_card(), [])) as door:  # the card of the vectors has none
        assert "has no control socket (unreachable)" in client.fails(*members(client, door.endpoint))


def test_another_networks_token_does_not_open_the_door(client):
    with FakeJoin(b"", secret=bytes(range(32))) as door:
        assert "does not know this token" in client.fails(*members(client, door.endpoint))
        assert door.hellos == []


def test_nobody_at_an_address_is_something_else(client):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and nobody listens
        assert "no node answers at" in client.fails(*members(client, f"127.0.0.1:{bound.getsockname()[1]}"))


def test_the_next_contact_is_asked_when_the_first_is_silent(client):
    with socket.socket() as bound, FakeJoin(message(REFUSAL, 0, "busy", "try another one")) as door:
        bound.bind(("127.0.0.1", 0))
        first = members(client, f"127.0.0.1:{bound.getsockname()[1]}")
        assert "try another one (busy)" in client.fails(*first, "--contact", door.endpoint)


@pytest.mark.parametrize("token, sentence", [
    (TOKEN[:60] + ("0" if TOKEN[60] != "0" else "1") + TOKEN[61:], "typo"), ("hello", "no token"), ("zsw2" + TOKEN[4:], "newer format"),
    (next(vector["token"] for vector in TOKENS["valid"] if vector["expires_s"] == "1000000000"), "expired on 2001-09-09 01:46:40 UTC"),
], ids=["mistyped", "another word", "newer", "expired"])
def test_a_wrong_token_is_refused_before_anything_is_sent(client, token, sentence):
    with FakeJoin(b"") as door:
        assert sentence in client.fails(*members(client, door.endpoint, token))
        assert door.hellos == [] and not client.identity.exists()


def test_a_token_comes_from_a_file_or_the_environment(client, tmp_path):
    file = tmp_path / "home.token"
    file.write_text(f" {TOKEN[:70]}\n{TOKEN[70:]}\n")
    for token, env in ((["--token", file], {}), ([], {"ZSWARM_TOKEN": TOKEN}), ([], {"TOKEN": str(file)})):
        with FakeJoin(message(REFUSAL, 0, "busy", "full house")) as door:
            assert "full house" in client.fails("members", *token, "--identity", client.identity, "--contact", door.endpoint, **env)


def test_without_token_or_contact_the_client_says_what_is_missing(client):
    assert "--token" in client.fails("members", "--identity", client.identity)
    assert "--contact" in client.fails("members", "--identity", client.identity, "--token", TOKEN)
    assert "HOST:PORT" in client.fails(*members(client, "nowhere"))


def test_an_identity_is_kept_for_its_owner_alone_and_counts_its_starts(client):
    for start in (1, 2):
        client.fails("members", "--identity", client.identity, "--token", TOKEN)
        assert stat.S_IMODE(client.identity.stat().st_mode) == 0o600
        kept = json.loads(client.identity.read_text())
        assert kept["incarnation"] == start << 20
    client.identity.chmod(0o640)
    assert "others than its owner" in client.fails("members", "--identity", client.identity, "--token", TOKEN)
    for wrong in ("", "{}", "[]", '{"seed": "00", "incarnation": 1}', '{"seed": "' + "00" * 32 + '", "incarnation": "many"}'):
        client.identity.write_text(wrong)
        os.chmod(client.identity, 0o600)
        assert "no identity" in client.fails("members", "--identity", client.identity, "--token", TOKEN)


def test_both_clients_read_one_identity_file(tmp_path):
    seeds = set()
    for kind in ("python", "node"):
        client = Client(kind, tmp_path)
        client.fails("members", "--identity", client.identity, "--token", TOKEN)
        seeds.add(json.loads(client.identity.read_text())["seed"])
    assert len(seeds) == 1 and json.loads(client.identity.read_text())["incarnation"] == 2 << 20
