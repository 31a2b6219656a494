#!/usr/bin/env python3
"""The simulator beside the real network: as many `zswarm worker` processes, each in a network namespace of its own.

    bench/calibrate.py [--nodes 50] [--settle 60] [--idle 60] [--news 10] [--crashes 5]

Needs root (namespaces) and the packages of the tests. Idle bytes are what the namespaces' interfaces sent, less the headers of Ethernet, IP and TCP. For
news and deaths a member that is nobody's neighbour listens to the gossip sockets of all nodes and notes when each passes something on. The simulator runs
with the latency that ping shows here, and without loss. ZSWARM_BIN names another binary.
"""
import argparse
import contextlib
import json
import pathlib
import random
import selectors
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/network"))
import harness  # noqa: E402
import member  # noqa: E402
import zmtp  # noqa: E402

GOSSIP, IHAVE = 0x30, 0x31
PAYLOAD, ALIVE, DEAD, LEFT = range(4)
HEADER_BYTES = 14 + 20 + 20 + 12  # Ethernet, IPv4, TCP with timestamps


class Listener:
    """Subscribed to the eager topic of every node; notes who passed on what, and when."""

    def __init__(self, token, nodes, place):
        self.member = member.Member(token, place.connect, name="listener")
        self.selector = selectors.DefaultSelector()
        self.seen = {}  # (kind, origin, number) -> {node id: seconds}
        for node in nodes:
            card = self.member.join(node.sockets["join"])
            connection = self.member.connection(node.sockets["gossip"], card.curve_key, "SUB")
            connection.send(b"\x01\x00")  # the eager topic
            self.selector.register(connection.socket, selectors.EVENT_READ, (node.id, connection))

    def listen(self, for_s, done=lambda: False):
        end = time.monotonic() + for_s
        while time.monotonic() < end and not done():
            for key, _ in self.selector.select(0.05):
                now = time.monotonic()
                self.take(now, *key.data, key.fileobj)

    def take(self, now, node, connection, connected):
        try:
            while True:  # one read of the socket may hold several messages
                self.note(now, node, connection.receive(0.2))
                if not connection.buffer:
                    return
        except TimeoutError:
            return
        except zmtp.Closed:
            self.selector.unregister(connected)

    def note(self, now, node, parts):
        if len(parts) != 2 or parts[1][2] != GOSSIP:
            return
        _, _, (items,) = member.read_message(parts[1])
        for kind, origin, number, *_ in items:
            self.seen.setdefault((kind, bytes(origin), number), {}).setdefault(node, now)


def tx_counters(place):
    with_stats = json.loads(subprocess.run(["ip", "-n", place.name, "-s", "-j", "link", "show", "eth0"], check=True, capture_output=True, text=True).stdout)
    sent = with_stats[0]["stats64"]["tx"]
    return sent["bytes"], sent["packets"]


def idle_bytes(nodes, for_s):
    before = [tx_counters(node.place) for node in nodes]
    began = time.monotonic()
    time.sleep(for_s)
    took = time.monotonic() - began
    rates = []
    for node, (bytes_0, packets_0) in zip(nodes, before):
        bytes_1, packets_1 = tx_counters(node.place)
        rates.append((bytes_1 - bytes_0 - HEADER_BYTES * (packets_1 - packets_0)) / took)
    return statistics.mean(rates)


def measure_news(lab, listener, nodes, count):
    """Seconds from when the author passes an entry on until the last node does, of each; the worst."""
    spreads = []
    for i in range(count):
        known = set(listener.seen)
        author = random.choice(nodes)
        made = lab.run("token", "client", "--out", lab.folder / f"client-{i}", "--data", author.data, data=author.data)
        assert made.returncode == 0, made.stderr

        def fresh():
            return [seen for news, seen in listener.seen.items() if news not in known and news[0] == PAYLOAD and author.id in seen]

        listener.listen(5, lambda: any(len(seen) == len(nodes) for seen in fresh()))
        spreads += [max(seen.values()) - min(seen.values()) for seen in fresh() if len(seen) == len(nodes)][:1]
        listener.listen(1)
    assert len(spreads) == count, f"only {len(spreads)} of {count} news reached all nodes"
    return max(spreads)


def measure_crashes(listener, nodes, count):
    times = []
    nodes = list(nodes)
    for _ in range(count):
        victim = nodes.pop(random.randrange(len(nodes)))
        began = time.monotonic()
        victim.kill()
        raw_id = member.base32_decoded(victim.id)[:16]

        def tellers():
            return [seen for news, seen in listener.seen.items() if news[0] == DEAD and news[1] == raw_id]

        listener.listen(20, lambda: any(len(seen) >= len(nodes) for seen in tellers()))
        told = [max(seen.values()) - began for seen in tellers() if len(seen) >= len(nodes)]
        assert told, f"{victim.name}'s death is not known everywhere"
        times.append(told[0])
        listener.listen(10)
    return max(times)


def round_trip_ms(place, other):
    out = subprocess.run(place.command("ping", "-q", "-c", "20", "-i", "0.05", other.address), capture_output=True, text=True)
    with contextlib.suppress(IndexError, ValueError):
        return float(out.stdout.rsplit("=", 1)[1].split("/")[1])
    return 0.1


def simulated(arguments, one_way_ms):
    command = [str(harness.PROGRAM), "simulate", "--nodes", arguments.nodes, "--seed", 1, "--duration", 6 * arguments.settle, "--crashes", arguments.crashes, "--latency",
               f"{one_way_ms:.3f}", "--latency-spread", 0, "--json"]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def real(arguments):
    with tempfile.TemporaryDirectory() as folder, harness.Lab(folder) as lab:
        nodes = [lab.node(f"n{i + 1}") for i in range(arguments.nodes)]
        made = lab.run("token", "new", "--json", "--data", nodes[0].data, data=nodes[0].data)
        assert made.returncode == 0, made.stderr
        token = lab.write("network.token", json.loads(made.stdout)["token"])
        nodes[0].start(token, "--no-lan")
        for node in nodes[1:]:
            node.launch(token, "--no-lan", "--bootstrap", nodes[0].sockets["join"])
        for node in nodes[1:]:
            node.wait_ready(60)
        took = harness.wait_all_see(nodes, 120)
        print(f"{len(nodes)} processes know each other {took:.1f} s after the last one was ready", file=sys.stderr)
        time.sleep(arguments.settle)
        one_way_ms = round_trip_ms(nodes[0].place, nodes[1].place) / 2
        idle = idle_bytes(nodes, arguments.idle)
        listener = Listener(member.Token(token.read_text().strip()), nodes, lab.place("listener"))
        listener.listen(3)
        news = measure_news(lab, listener, nodes, arguments.news)
        crash = measure_crashes(listener, nodes, arguments.crashes)
        return one_way_ms, idle, news, crash


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--settle", type=float, default=60)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--news", type=int, default=10)
    parser.add_argument("--crashes", type=int, default=5)
    arguments = parser.parse_args()
    one_way_ms, idle, news, crash = real(arguments)
    told = simulated(arguments, one_way_ms)
    print(f"| {arguments.nodes} nodes, {one_way_ms:.2f} ms one way | processes | simulated | ratio |\n|---|---|---|---|")
    for what, one, other, form in (("idle, bytes/s sent by a node", idle, told["idle_bytes_per_node_s"], ".0f"), ("news at all nodes, the worst (s)", news, told["converged_9999_s"], ".3f"),
                                   ("a crash is known to all, the slowest (s)", crash, told["crash_known_p99_s"], ".2f")):
        print(f"| {what} | {one:{form}} | {other:{form}} | {one / other:.2f} |")


if __name__ == "__main__":
    main()
