"""Both clients as guests of a live network: they join, read the ledger, see who comes and goes, call a service."""
import base64
import json
import signal

import pytest
from fake_service import FakeService
from live_network import PATIENCE_S, Client, Lines, Worker, until
from zswarm_client import card as cards
from zswarm_client.identity import Identity
from zswarm_client.token import parse_token


@pytest.fixture
def flags(network, client):
    return network.flags_of(client)


def cards_of(network):
    return {worker.id: worker for worker in network.workers}


def node_of(client):
    kept = json.loads(client.identity.read_text())
    return Identity(bytes.fromhex(kept["seed"]), kept["incarnation"]).node


def test_a_guest_lists_the_members(network, client, flags):
    def listed():
        found = {line["node"]: line for line in client.lines("members", "--probe", *flags)}
        return found if found.keys() == cards_of(network).keys() else None

    for node, line in until(listed).items():
        worker = cards_of(network)[node]
        assert line["name"] == worker.name and line["answers"] is True and line["incarnation"] >= 1 << 20
        assert worker.sockets.items() <= line["sockets"].items()


def test_a_guest_is_no_member_and_nobodys_neighbour(network, client, flags):
    client.lines("members", *flags)
    guest = node_of(client)
    assert {line["node"] for line in client.lines("members", *flags)} == cards_of(network).keys()
    for worker in network.workers:
        status = json.loads(worker.run("status", "--json"))
        assert {member["id"]: member["state"] for member in status["members"]}.get(guest, "guest") == "guest"
        assert guest not in status["views"]["active"] + status["views"]["passive"]


def test_both_guests_read_the_same_whole_ledger(network, tmp_path):
    ledgers = {}
    for kind in ("python", "node"):
        (tmp_path / kind).mkdir()
        client = Client(kind, tmp_path / kind)
        ledgers[kind] = client.lines("ledger", *network.flags_of(client))
    assert {line["key"] for line in ledgers["python"]} >= {f"node/{node}/card" for node in cards_of(network)}
    assert ledgers["python"] == ledgers["node"]
    keys = parse_token(network.token.read_text()).keys()
    for line in ledgers["python"]:
        if line["key"].endswith("/card"):
            assert cards.verify(base64.b64decode(line["value"]), keys).node == line["author"]


def test_a_prefix_narrows_what_is_shown(network, client, flags):
    node = network.workers[1].id
    assert {line["author"] for line in client.lines("ledger", f"node/{node}/", *flags)} == {node}


def test_a_guest_calls_a_service_of_its_contact_and_of_any_member(network, client, flags):
    first, second = network.workers[:2]
    for asked, arguments in ((first, []), (second, ["--node", second.id])):
        [info] = client.lines("call", "zswarm.info", *arguments, *flags)
        assert info["id"] == asked.id and info["name"] == asked.name and info["version"]
        assert info["members"] >= 1 and info["uptime_s"] >= 0


def test_a_service_that_nobody_offers_is_one_sentence(client, flags):
    assert "(not_found)" in client.fails("call", "no.such.service", *flags)


def test_a_member_that_nobody_knows_is_one_sentence(client, flags):
    assert "(not_found)" in client.fails("call", "zswarm.info", "--node", "0" * 26, *flags)


def test_another_networks_token_is_refused_with_a_sentence(network, client, tmp_path_factory):
    other = Worker(tmp_path_factory.mktemp("other") / "other", "other")
    try:
        flags = ["--token", other.token_file, "--identity", client.identity, "--contact", network.workers[0].sockets["join"]]
        assert "does not know this token" in client.fails("members", *flags)
    finally:
        other.stop()


def test_a_client_that_was_admitted_calls_services_of_every_member(network, client, tmp_path):
    file = tmp_path / "app.json"
    network.workers[0].run("token", "client", "--out", file, "--name", "app")
    members = [node for node in json.loads(network.workers[0].run("nodes", "--json")) if node["id"] in cards_of(network)]  # and no guests
    for node in members:
        flags = ["--client", file, "--at", node["sockets"]["dispatch"], f"--key={node['curve_key']}"]
        # The entry is on its way to the others; a request that waits for the door is sent when it opens.
        until(lambda: client.run("call", "zswarm.info", *flags).returncode == 0)
        [info] = client.lines("call", "zswarm.info", *flags)
        assert info["id"] == node["id"]


def test_a_client_that_nobody_admitted_is_not_answered(network, client, tmp_path):
    with FakeService(tmp_path, lambda *_: None) as stranger:
        node = json.loads(network.workers[0].run("nodes", "--json"))[0]
        flags = [*stranger.flags[:2], "--at", node["sockets"]["dispatch"], f"--key={node['curve_key']}"]
        assert "(unreachable)" in client.fails("call", "zswarm.info", *flags)


@pytest.fixture
def watching(own_network, client):
    """What the client prints, once it has seen both members."""
    lines = Lines(client.start("watch", *own_network.flags_of(client)))
    for worker in own_network.workers:
        lines.wait_for(node=worker.id)
    return lines


def test_a_member_that_comes_and_leaves_is_seen(own_network, watching):
    third = own_network.add("third")
    watching.wait_for(event="joined", node=third.id, name="third")
    assert third.stop() == 0
    watching.wait_for(event="left", node=third.id)
    assert not any(line["event"] != "present" and line["node"] != third.id for line in watching.seen)


def test_a_member_that_is_killed_is_seen_to_die(own_network, watching):
    third = own_network.add("third")
    watching.wait_for(event="joined", node=third.id)
    third.stop(signal.SIGKILL)
    watching.wait_for(event="dead", node=third.id)


def test_a_member_that_starts_again_is_seen_again_also_by_who_listened_to_it(own_network, watching):
    second = own_network.workers[1]
    assert second.stop() == 0
    watching.wait_for(event="left", node=second.id)
    again = Worker(own_network.folder / "second", "second", "--token", own_network.token, "--bootstrap", own_network.workers[0].sockets["join"])
    own_network.workers[1] = again
    assert again.id == second.id
    watching.wait_for(event="joined", node=second.id)


def test_a_revoked_member_is_seen_to_be_shut_out(own_network, watching):
    first, second = own_network.workers
    first.run("revoke", second.id)
    watching.wait_for(event="revoked", node=second.id)


def test_a_revoked_guest_is_not_let_in_again(own_network, client):
    flags = own_network.flags_of(client)
    client.lines("members", *flags)
    own_network.workers[0].run("revoke", node_of(client))
    assert "has been revoked (refused)" in client.fails("members", *flags)
    client.identity.unlink()  # a new identity gets in: it has the token
    client.lines("members", *flags)


def test_a_guest_is_told_that_the_token_has_been_replaced_and_gets_in_with_the_new_one(own_network, client, tmp_path):
    flags, old = own_network.flags_of(client), tmp_path / "old.token"
    old.write_text(own_network.token.read_text())
    process = client.start("watch", "--token", old, *flags[2:])
    Lines(process).wait_for(node=own_network.workers[1].id)
    new = tmp_path / "new.token"
    new.write_text(own_network.workers[0].run("token", "rotate"))
    assert process.wait(PATIENCE_S) == 1
    assert "has been replaced (epoch 2" in process.stderr.read()
    until(lambda: "does not know this token" in client.run("members", "--token", old, *flags[2:]).stderr)
    members = cards_of(own_network).keys()
    until(lambda: {line["node"] for line in client.lines("members", "--token", new, *flags[2:])} == members)
