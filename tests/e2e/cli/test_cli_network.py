"""zswarm worker, status, nodes, top, revoke, token rotate and token client, with nodes on loopback."""
import json
import pathlib
import re
import resource
import signal
import subprocess
import time

import pytest

PATIENCE_S = 30


class Worker:
    """A running `zswarm worker`, stopped at the end."""

    def __init__(self, start, folder, *flags, env=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.ready_file = folder / "ready.json"
        self.token_file = folder / "token"
        self.log_file = open(folder / "log", "wb")
        self.process = start("worker", "--data", self.data, "--listen", "127.0.0.1", "--no-lan", "--ready-out", self.ready_file,
                             "--token-out", self.token_file, *flags, env=env, stdout=self.log_file, stderr=self.log_file)
        until(lambda: self.ready_file.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        self.ready = json.loads(self.ready_file.read_text())
        self.id = self.ready["node"]

    @property
    def join(self):
        return self.ready["sockets"]["join"]

    def log(self):
        return open(self.log_file.name, errors="replace").read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def until(condition):
    """Asks until the answer is yes."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "this did not come about in time"
        time.sleep(0.02)


@pytest.fixture
def worker(start, tmp_path):
    names = iter("abcdefgh")
    return lambda *flags, env=None: Worker(start, tmp_path / next(names), *flags, env=env)


@pytest.fixture
def status(run):
    def status(node, *flags):
        done = run("status", "--json", "--data", node.data, *flags)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return status


@pytest.fixture
def state_of(status):
    def state_of(seen, by):
        return {member["id"]: member["state"] for member in status(by)["members"]}.get(seen.id)

    return state_of


@pytest.fixture
def pair(worker, state_of, status):
    first = worker("--name", "first", "--label", "gpu=true", "--label", "floor=2")
    second = worker("--name", "second", "--token", first.token_file, "--bootstrap", first.join)
    until(lambda: state_of(first, by=second) == "alive" and state_of(second, by=first) == "alive")
    until(lambda: status(first)["views"]["active"] and status(second)["views"]["active"])
    return first, second


def test_without_a_token_it_makes_a_network_and_says_how_to_join(worker):
    node = worker()
    token = node.token_file.read_text().strip()
    assert token.startswith("zsw1") and token in node.log() and "zswarm worker" in node.log()
    assert node.token_file.stat().st_mode & 0o777 == 0o600
    assert set(node.ready) >= {"pid", "node", "http", "sockets"} and node.ready["pid"] == node.process.pid
    assert set(node.ready["sockets"]) >= {"join", "gossip", "control", "dispatch"}
    assert node.stop() == 0 and not node.ready_file.exists()


def test_a_second_run_is_the_same_node_in_the_same_network(worker, start, tmp_path):
    first = worker()
    assert first.stop() == 0
    again = Worker(start, tmp_path / "a")
    assert again.id == first.id and again.token_file.read_text() == again.token_file.read_text()
    assert "as in the last run" in again.log()


def test_status_shows_members_views_and_traffic(pair, status):
    first, second = pair
    seen = status(second)
    assert seen["node"]["id"] == second.id and seen["node"]["name"] == "second" and seen["node"]["version"]
    assert seen["node"]["sockets"] == second.ready["sockets"]
    assert seen["network"]["epoch"] == 1 and seen["network"]["id"] == status(first)["network"]["id"]
    members = {member["id"]: member for member in seen["members"]}
    assert set(members) == {first.id, second.id} and members[second.id]["self"]
    other = members[first.id]
    assert other["name"] == "first" and other["labels"] == {"gpu": "true", "floor": "2"}
    assert other["state"] == "alive" and other["addresses"] == ["127.0.0.1"]
    assert seen["views"]["active"] == [first.id] and seen["views"]["passive"] == []
    assert seen["traffic"]["in_bytes"] > 0 and seen["traffic"]["out_bytes"] > 0
    until(lambda: status(second)["members"][1]["rtt_ms"] is not None)
    until(lambda: status(second)["members"][1]["resources"].get("cores"))


def test_nodes_lists_what_a_zeromq_program_needs(pair, run):
    first, second = pair
    done = run("nodes", "--json", "--data", first.data)
    listed = {node["id"]: node for node in json.loads(done.stdout)}
    assert set(listed) == {first.id, second.id}
    for node in (first, second):
        assert listed[node.id]["sockets"] == node.ready["sockets"] and len(listed[node.id]["curve_key"]) == 40
        assert listed[node.id]["models"] == []


def test_people_get_a_table(pair, run):
    first, second = pair
    for command in ("status", "nodes"):
        text = run(command, "--data", first.data).stdout.decode()
        assert re.search(rf"^second +{second.id[:8]} +alive", text, re.MULTILINE), text


def test_top_prints_one_object_per_look(pair, run):
    first, _ = pair
    lines = run("top", "--json", "-n", "3", "--interval", "0.1", "--data", first.data).stdout.decode().splitlines()
    looks = [json.loads(line) for line in lines]
    assert len(looks) == 3 and looks[0]["rates"]["in_bytes_s"] is None and looks[2]["rates"]["in_bytes_s"] >= 0


def test_top_ends_with_ctrl_c(pair, start):
    first, _ = pair
    top = start("top", "--data", first.data)
    assert top.stdout.readline()
    top.send_signal(signal.SIGINT)
    assert top.wait(PATIENCE_S) == 0


def test_a_visitor_looks_from_outside_and_leaves(pair, run, state_of):
    first, second = pair
    done = run("status", "--json", "--token", first.token_file, "--bootstrap", first.join)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {first.id, second.id} <= {member["id"] for member in seen["members"]}
    visitor = seen["node"]["id"]
    assert visitor not in (first.id, second.id)


def test_who_leaves_is_seen_to_leave(pair, state_of):
    first, second = pair
    assert second.stop() == 0
    until(lambda: state_of(second, by=first) == "left")


def test_who_is_killed_is_seen_dead(pair, state_of, status):
    first, second = pair
    until(lambda: status(first)["members"][1]["rtt_ms"] is not None)
    second.process.kill()
    until(lambda: state_of(second, by=first) == "dead")


def test_who_is_killed_as_soon_as_it_has_joined_is_not_alive_for_ever(pair, state_of):
    first, second = pair
    second.process.kill()
    until(lambda: state_of(second, by=first) in ("dead", "unreachable"))


def test_the_operator_shuts_a_node_out(pair, worker, run, state_of):
    first, second = pair
    third = worker("--token", first.token_file, "--bootstrap", first.join)
    until(lambda: state_of(second, by=third) == "alive")
    done = run("revoke", "second", "--data", first.data, "--reason", "sold")
    assert done.returncode == 0 and second.id in done.stdout.decode(), done.stderr
    until(lambda: state_of(second, by=first) == "revoked" and state_of(second, by=third) == "revoked")
    assert state_of(third, by=first) == "alive"


def test_only_the_operator_may_shut_out(pair, run, one_sentence):
    _, second = pair
    done = run("revoke", "first", "--data", second.data)
    assert done.returncode == 1
    one_sentence(done)
    assert b"operator" in done.stderr


@pytest.mark.parametrize("node", ["nobody", "abc", "first"])
def test_revoking_nobody_or_oneself_is_one_sentence(pair, run, one_sentence, node):
    first, _ = pair
    done = run("revoke", first.id if node == "first" else node, "--data", first.data)
    assert done.returncode == 1
    one_sentence(done)


def test_a_rotated_token_lets_the_old_one_in_no_more_and_nobody_restarts(pair, worker, run, status, state_of, start, tmp_path):
    first, second = pair
    old = tmp_path / "old"
    old.write_text(first.token_file.read_text())
    done = run("token", "rotate", "--json", "--data", first.data)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["epoch"] == 2 and answer["token"] != old.read_text().strip() and answer["network"] == status(first)["network"]["id"]
    until(lambda: status(first)["network"]["epoch"] == 2 and status(second)["network"]["epoch"] == 2)
    new = tmp_path / "new"
    new.write_text(answer["token"])
    third = worker("--token", new, "--bootstrap", second.join)
    until(lambda: state_of(third, by=first) == "alive" and state_of(second, by=third) == "alive")
    stranger = worker("--token", old, "--bootstrap", first.join)
    until(lambda: "another token" in stranger.log() and "not this network's token" in first.log())
    assert state_of(stranger, by=first) is None and state_of(second, by=first) == "alive"


def test_the_rotated_token_outlives_a_restart_with_the_old_one(pair, run, status, start, tmp_path, state_of):
    first, second = pair
    old = second.token_file.read_text()
    assert run("token", "rotate", "--data", first.data).returncode == 0
    until(lambda: status(second)["network"]["epoch"] == 2)
    assert second.stop() == 0
    (tmp_path / "old").write_text(old)
    again = Worker(start, tmp_path / "b", "--token", tmp_path / "old", "--bootstrap", first.join)
    assert status(again)["network"]["epoch"] == 2
    until(lambda: state_of(first, by=again) == "alive" and state_of(again, by=first) == "alive")


def test_a_node_may_open_as_many_files_as_the_hard_limit_allows(worker):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        node = worker()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = pathlib.Path(f"/proc/{node.process.pid}/limits").read_text()
    assert re.search(rf"^Max open files +{hard} +{hard} ", limits, re.MULTILINE), limits


def test_a_client_gets_keys_of_its_own(pair, run, tmp_path):
    first, _ = pair
    file = tmp_path / "client.json"
    done = run("token", "client", "--out", file, "--name", "robot", "--data", first.data)
    assert done.returncode == 0, done.stderr
    keys = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600 and set(keys) >= {"id", "public", "secret"}
    assert len(keys["public"]) == 40 and len(keys["secret"]) == 40 and keys["secret"].encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["status"], ["nodes"], ["top"], ["revoke", "x"], ["token", "rotate"], ["token", "client", "--out", "x"]],
                         ids=" ".join)
def test_without_a_node_here_they_say_how_to_start_one(run, one_sentence, tmp_path, command):
    done = run(*command, "--data", tmp_path / "empty")
    assert done.returncode == 1
    one_sentence(done)
    assert b"zswarm worker" in done.stderr


def test_a_visit_that_finds_nobody_ends_with_one_sentence(run, one_sentence, tmp_path):
    token = run("token", "new").stdout.decode().strip()
    done = run("status", "--token", "-", "--bootstrap", "127.0.0.1:9", input=token.encode())
    assert done.returncode == 1
    one_sentence(done)


def test_two_nodes_cannot_share_a_data_folder(worker, run, one_sentence):
    node = worker()
    done = run("worker", "--data", node.data)
    assert done.returncode == 1
    one_sentence(done)
    assert str(node.process.pid).encode() in done.stderr


@pytest.mark.parametrize("change", ["mistyped", "expired", "not a token"])
def test_a_bad_token_is_one_sentence(run, one_sentence, change):
    token = run("token", "new", "--expires", "1s").stdout.decode().strip()
    if change == "mistyped":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    elif change == "expired":
        time.sleep(1.1)  # the wall clock itself is what is tested
    else:
        token = "no-token-at-all-but-a-file-that-is-missing"
    done = run("worker", env={"TOKEN": token})
    assert done.returncode in (1, 2) and token.encode() not in done.stderr or change == "not a token"
    one_sentence(done)


def test_run_takes_part_and_tells_its_models(worker, start, model, tmp_path, status):
    ready = tmp_path / "run.json"
    serving = start("run", model, "--http", "127.0.0.1:0", "--p2p", "--listen", "127.0.0.1", "--no-lan", "--ready-out", ready,
                    "--token-out", tmp_path / "run.token", "--data", tmp_path / "run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: ready.exists() or serving.poll() is not None)
    told = json.loads(ready.read_text())
    assert told["http"] and told["node"] and told["sockets"]["join"]
    other = worker("--bootstrap", told["sockets"]["join"], env={"TOKEN": str(tmp_path / "run.token")})

    def seen():
        return {member["id"]: member for member in status(other)["members"]}.get(told["node"], {})

    until(lambda: seen().get("models") == told["models"] and seen().get("load") == {"running": 0, "waiting": 0})
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("flags", [
    ["--listen", "a:b:c:d"], ["--listen", "join=nonsense"], ["--announce", "frog=127.0.0.1:1"], ["--bootstrap", "127.0.0.1"], ["--label", "noequals"],
    ["--label", "UPPER=1"], ["--max-peers", "many"], ["--name", "a\nb"], ["--bus-log", "loud"], ["stray"],
], ids=" ".join)
def test_wrong_settings_of_a_worker_are_one_sentence(run, one_sentence, flags):
    done = run("worker", *flags)
    assert done.returncode == 2 and done.stdout == b""
    one_sentence(done)
