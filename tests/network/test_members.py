"""Real nodes in namespaces of their own: they find each other, and live through kills, freezes, partitions, false tokens and revocation.

Bounds are generous, since these tests assert behaviour and no speed; the times that were taken are printed.
"""
import re
import shutil
import time

import harness
import member
import pytest
import swarm
import zmtp
from beside import beside

WITHOUT_NAMESPACES = harness.why_no_namespaces()
pytestmark = pytest.mark.skipif(WITHOUT_NAMESPACES is not None, reason=str(WITHOUT_NAMESPACES))

JOIN_S = 10  # a LAN join normally takes less than one
KNOWN_DEAD_S = 60  # normally 5; 20 where no link was measured yet
REUNITED_S = 60
GONE = ("dead", "unreachable")
NEWS_S = 10


def lines(node, pattern):
    return [line for line in node.log().splitlines() if re.search(pattern, line)]


def cards_in(ledger):
    """Node id -> card, from the entries that the nodes wrote themselves."""
    return {key.split("/")[1]: member.Card(value) for key, (value, author) in ledger.items() if re.fullmatch(rf"node/{author}/card", key)}


@beside
def test_eight_nodes_find_each_other_with_the_token_alone(lab, report):
    network = swarm.Swarm(lab, 8)
    network.start(nodes=network.nodes[:-1])
    network.nodes[-1].start(network.token)
    seen_s = harness.wait_all_see(network.nodes, JOIN_S)
    keys = network.make_client(network.nodes[3], "probe")
    entry_s = network.wait_admitted(network.nodes, keys, NEWS_S)
    report(f"8 nodes on a LAN: all see all {seen_s:.2f} s after the last was ready; an entry of one admits a client at all {entry_s:.2f} s later")

    python = network.python_member()
    ids = {node.id for node in network.nodes}
    for node in network.nodes:
        assert ids <= set(cards_in(python.read_ledger(node.sockets))), f"{node.name} has not read every node's own entry"
    for node in network.nodes:
        assert node.stop() == 0, node.log()[-2000:]


@beside
def test_a_killed_node_is_known_dead_everywhere_and_nobody_else(lab, report):
    network = swarm.Swarm(lab, 6).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    killed, left = network.nodes[4:], network.nodes[:4]
    for node in killed:
        node.kill()

    def known():
        assert all(state in ("alive", "suspected") for node in left for other, state in node.states().items() if other in {one.id for one in left}), \
            harness.what_they_see(left)
        return all(node.states().get(dead.id) in GONE for node in left for dead in killed)

    took_s = harness.wait_until(known, KNOWN_DEAD_S, lambda: f"the killed ones are known dead: {harness.what_they_see(left)}")
    report(f"2 of 6 nodes killed: known dead everywhere after {took_s:.1f} s")


@beside
def test_a_frozen_node_is_alive_again_when_it_thaws(lab, report):
    network = swarm.Swarm(lab, 5).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    frozen, left = network.nodes[2], [node for node in network.nodes if node is not network.nodes[2]]
    frozen.freeze()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert harness.all_see(left), f"a node that was not frozen is called otherwise: {harness.what_they_see(left)}"
    frozen.thaw()
    took_s = harness.wait_all_see(network.nodes, 30)
    harness.holds(lambda: harness.all_see(network.nodes), 3, lambda: f"news of a death came late: {harness.what_they_see(network.nodes)}")
    report(f"frozen for 10 s: alive at all {took_s:.1f} s after the thaw, and everybody in its eyes")


@beside
def test_both_halves_of_a_partition_go_on_and_reunite(lab, report):
    """In the meantime the operator revokes a node of the other half, which hears of it when the network is whole again."""
    network = swarm.Swarm(lab, 8).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    left, right, revoked = network.nodes[:4], network.nodes[4:7], network.nodes[7]
    elsewhere = lab.place("elsewhere")
    lab.split([*right, revoked, elsewhere])
    for half, other in ((left, right), (right, left)):
        harness.wait_until(lambda: harness.all_see(half) and harness.all_see(half, other, GONE), KNOWN_DEAD_S,
                           lambda: f"a half lives on and knows the other dead: {harness.what_they_see(half)}")
    keys_left = network.make_client(left[1], "left")
    keys_right = network.make_client(right[1], "right")
    network.wait_admitted(left, keys_left, NEWS_S)
    network.wait_admitted(right, keys_right, NEWS_S, place=elsewhere)
    network.command("revoke", revoked.id)
    assert harness.all_see(right, [revoked]), "the other half cannot know of the revocation yet"

    lab.heal()
    rest = left + right
    seen_s = harness.wait_all_see(rest, REUNITED_S)
    cut_s = harness.wait_until(lambda: harness.all_see(rest, [revoked], "revoked"), REUNITED_S, lambda: f"the revocation is known: {harness.what_they_see(rest)}")
    for keys in (keys_left, keys_right):
        network.wait_admitted(rest, keys, NEWS_S + 30)
    refused_everywhere(network, revoked, rest)
    report(f"partition of 8: all see all {seen_s:.1f} s after it healed, the revocation made meanwhile known {cut_s:.1f} s later")


def refused_everywhere(network, revoked, rest):
    """With the revoked node's own keys and card, at the sockets of all others."""
    stolen = network.python_member(seed=revoked.seed())
    assert stolen.node == revoked.id
    for node in rest:
        with pytest.raises(zmtp.Refused, match="revoked"):
            stolen.join(node.sockets["join"])
        for kind, socket_type in (("control", "DEALER"), ("dispatch", "DEALER"), ("gossip", "SUB")):
            with pytest.raises((zmtp.Refused, zmtp.Closed)):
                stolen.connection(node.sockets[kind], node.curve_key(), socket_type).close()


@beside
def test_a_revoked_node_is_cut_off_and_stays_so_while_it_retries(lab, report):
    network = swarm.Swarm(lab, 5).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    revoked, rest = network.nodes[4], network.nodes[:4]
    # The same call is admitted before: what is refused below is refused because of the revocation.
    before = network.python_member(seed=revoked.seed())
    before.connection(rest[1].sockets["control"], rest[1].curve_key()).close()

    network.command("revoke", revoked.id)
    took_s = harness.wait_until(lambda: harness.all_see(rest, [revoked], "revoked"), 20, lambda: f"all know it: {harness.what_they_see(rest)}")
    refused_everywhere(network, revoked, rest)

    def cut_off():
        return harness.all_see(rest) and harness.all_see(rest, [revoked], "revoked")

    harness.holds(cut_off, 3, lambda: f"it is back: {harness.what_they_see(rest)}")
    revoked.kill()
    said = len(revoked.log())
    revoked.launch(network.token, "--bootstrap", rest[0].sockets["join"]).wait_ready()
    harness.wait_until(lambda: "revoked" in revoked.log()[said:], 20, lambda: f"the node that starts anew is told why it is refused: {revoked.log()[said:]}")
    harness.holds(cut_off, 5, lambda: f"it is back: {harness.what_they_see(rest)}")
    refused_everywhere(network, revoked, rest)
    report(f"revoked: known to all after {took_s:.1f} s")


@beside
def test_two_processes_with_one_identity_are_reported(lab, report):
    network = swarm.Swarm(lab, 4).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    original = network.nodes[1]
    twin = lab.node("twin")
    shutil.copytree(original.data, twin.data, ignore=lambda folder, names: [name for name in names if not (original.data / name).is_file() or name == "lock"])
    twin.launch(network.token)

    def reported(node):
        return original.id in node.status().get("duplicates", []) and lines(node, rf"{original.id}.*(twice|two)|(twice|two).*{original.id}")

    others = [node for node in network.nodes if node is not original]
    took_s = harness.wait_until(lambda: any(reported(node) for node in [*others, original]), 30, lambda: "anybody reports the identity that runs twice:\n" +
                                "\n".join(node.log()[-1000:] for node in network.nodes))
    report(f"an identity in two processes: reported after {took_s:.1f} s")


@beside
def test_a_wrong_token_gets_one_clear_sentence_on_both_sides(lab):
    network = swarm.Swarm(lab, 2).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    stranger = lab.node("stranger")
    stranger.launch(lab.write("wrong.token", member.token_text()), "--bootstrap", network.nodes[0].sockets["join"])
    harness.wait_until(lambda: lines(stranger, "token"), 20, lambda: f"the stranger is told that it is the token: {stranger.log()}")
    harness.wait_until(lambda: lines(network.nodes[0], f"token.*{stranger.place.address}|{stranger.place.address}.*token"), 20,
                       lambda: f"the member says that somebody came with another token, and who: {network.nodes[0].log()}")
    harness.holds(lambda: len(lines(stranger, "token")) <= 2 and len(lines(network.nodes[0], "token")) <= 2, 5, "while it retries, the sentence is not said over and over")
    assert len(network.nodes[0].status()["members"]) <= 2


@pytest.mark.parametrize("what", ["mistyped", "expired"])
def test_a_token_that_cannot_do_is_refused_at_once(lab, what):
    if what == "mistyped":
        good = member.token_text()
        text = good[:60] + ("0" if good[60] != "0" else "1") + good[61:]
    else:
        text = member.token_text(expires_s="1000000000")
    done = lab.run("worker", "--token", lab.write("a.token", text), "--data", lab.folder / "data", place=lab.place("alone"))
    assert done.returncode == 1 and done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line]
    assert len(said) == 1 and ("typo" if what == "mistyped" else "expired") in said[0], done.stderr


@beside
def test_the_token_is_rotated_while_everybody_stays(lab, report):
    network = swarm.Swarm(lab, 4).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    old = network.token
    rotated = network.command("token", "rotate", "--json")
    assert rotated["token"] != old.read_text().strip()

    def new_epoch():
        assert harness.all_see(network.nodes), f"somebody fell out: {harness.what_they_see(network.nodes)}"
        return all(node.status()["network"]["epoch"] == 2 for node in network.nodes)

    took_s = harness.wait_until(new_epoch, 20, "all nodes have the new epoch")
    before = [node.pid for node in network.nodes]
    late = lab.node("late").launch(old, "--bootstrap", network.nodes[1].sockets["join"])
    harness.wait_until(lambda: lines(late, "token"), 20, lambda: f"who comes with the old token is told so: {late.log()}")
    network.token = lab.write("new.token", rotated["token"])
    joined = network.add("joined").start(network.token)
    harness.wait_all_see(network.nodes, JOIN_S)
    assert all(len(node.states()) == 4 for node in network.nodes), f"the old token let somebody in: {harness.what_they_see(network.nodes)}"
    assert [node.pid for node in network.nodes[:4]] == before and all(node.runs() for node in network.nodes)
    keys = network.make_client(joined, "after")
    network.wait_admitted(network.nodes, keys, NEWS_S)
    report(f"token rotated: all in the new epoch after {took_s:.1f} s")


def incarnation_of(network, node, at):
    return cards_in(network.python_member().read_ledger(at.sockets))[node.id].incarnation


@beside
def test_a_node_that_starts_again_has_a_higher_incarnation(lab):
    network = swarm.Swarm(lab, 3).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    again, other = network.nodes[2], network.nodes[1]
    known = incarnation_of(network, again, other)
    for end in (again.kill, again.stop):
        before = again.id
        end()
        again.start(network.token)
        assert again.id == before
        harness.wait_all_see(network.nodes, KNOWN_DEAD_S)
        harness.wait_until(lambda: incarnation_of(network, again, other) > known, NEWS_S, "its new card is in the ledger")
        known = incarnation_of(network, again, other)


@beside
def test_all_nodes_start_again_and_find_each_other_without_the_lan(lab, report):
    network = swarm.Swarm(lab, 4)
    flags = {node: ("--listen", f"{node.place.address}:7700") for node in network.nodes}
    for node in network.nodes:
        node.launch(network.token, *flags[node])
    for node in network.nodes:
        node.wait_ready()
    harness.wait_all_see(network.nodes, JOIN_S)
    for node in network.nodes[:2]:
        assert node.stop() == 0
    for node in network.nodes[2:]:
        node.kill()
    # A node without memories, at a free address: neither a beacon nor a guess leads to it.
    fresh = lab.node("fresh").start(network.token, "--no-lan")
    for node in network.nodes:
        node.launch(network.token, "--no-lan", *flags[node])
    for node in network.nodes:
        node.wait_ready()
    took_s = harness.wait_all_see(network.nodes, REUNITED_S)
    assert fresh.states() == {} and all(fresh.id not in node.states() for node in network.nodes)
    report(f"4 nodes started again without a LAN: all see all after {took_s:.1f} s")


@beside
def test_a_link_that_fails_for_a_while_leaves_nobody_out(lab):
    network = swarm.Swarm(lab, 4).start()
    harness.wait_all_see(network.nodes, JOIN_S)
    alone, rest = network.nodes[3], network.nodes[:3]
    lab.cut(alone)
    harness.wait_until(lambda: harness.all_see(rest, [alone], GONE), KNOWN_DEAD_S, lambda: f"it is missed: {harness.what_they_see(rest)}")
    keys = network.make_client(rest[0], "meanwhile")
    lab.mend(alone)
    harness.wait_all_see(network.nodes, REUNITED_S)
    network.wait_admitted([alone], keys, NEWS_S + 30)
