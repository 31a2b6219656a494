#!/usr/bin/env python3
"""The simulator beside the real network: as many `zswarm worker` processes, each in a network namespace of its own.

    bench/calibrate.py [--nodes 50] [--latency 20] [--settle 60] [--idle 60] [--news 20] [--crashes 5] [--seeds 5]

Needs root (namespaces) and the packages of the tests. The namespaces hang on a switch that keeps each frame for --latency milliseconds (slow_switch.py), so that
times are those of a network and not of the processors which all nodes share. Idle bytes are what the namespaces' interfaces sent; less the headers of Ethernet, IP and
TCP they are compared with the simulator's. For news and deaths a member that is nobody's neighbour listens to the gossip sockets of all nodes and notes when each
passes something on. Crashes are of two kinds: a machine that falls silent, and a process that is killed, whose connections its kernel resets. The simulator runs
with the same latency, without loss, once for each seed. ZSWARM_BIN names another binary.
"""
import argparse
import json
import pathlib
import random
import selectors
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests/network"))
import harness  # noqa: E402
import member  # noqa: E402
import zmtp  # noqa: E402

GOSSIP = 0x30
PAYLOAD, ALIVE, DEAD, LEFT = range(4)
HEADER_BYTES = 14 + 20 + 20 + 12  # Ethernet, IPv4, TCP with timestamps
OFF_BY = 0.2  # more than this between simulator and processes is pointed out


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
        except (zmtp.Closed, OSError):
            self.selector.unregister(connected)

    def note(self, now, node, parts):
        if len(parts) != 2 or parts[1][2] != GOSSIP:
            return
        _, _, (items,) = member.read_message(parts[1])
        for kind, origin, number, *_ in items:
            self.seen.setdefault((kind, bytes(origin), number), {}).setdefault(node, now)


class SlowSwitch:
    """All places of a lab on a switch that takes its time."""

    def __init__(self, lab, latency_ms):
        ports = [place.port for place in lab.places]
        harness.ip("-n", lab.hub, batch=[f"link set {port} nomaster" for port in ports])
        self.process = subprocess.Popen(["ip", "netns", "exec", lab.hub, sys.executable, str(BENCH / "slow_switch.py"), str(latency_ms), *ports],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the switch did not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def tx_counters(place):
    with_stats = json.loads(subprocess.run(["ip", "-n", place.name, "-s", "-j", "link", "show", "eth0"], check=True, capture_output=True, text=True).stdout)
    sent = with_stats[0]["stats64"]["tx"]
    return sent["bytes"], sent["packets"]


def idle_bytes(nodes, for_s):
    """(what nodes sent in a second without headers, and with them), the means."""
    before = [tx_counters(node.place) for node in nodes]
    began = time.monotonic()
    time.sleep(for_s)
    took = time.monotonic() - began
    bare, whole = [], []
    for node, (bytes_0, packets_0) in zip(nodes, before):
        bytes_1, packets_1 = tx_counters(node.place)
        whole.append((bytes_1 - bytes_0) / took)
        bare.append((bytes_1 - bytes_0 - HEADER_BYTES * (packets_1 - packets_0)) / took)
    return statistics.mean(bare), statistics.mean(whole)


def measure_news(lab, listener, nodes, count):
    """Seconds from when the author passes an entry on until the last node does, of each."""
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
    return spreads


def measure_crashes(lab, listener, nodes, count, of_machines):
    """Seconds until every node has passed the death on, of each; the dead are taken out of `nodes`."""
    times = []
    for _ in range(count):
        victim = nodes.pop(random.randrange(len(nodes)))
        began = time.monotonic()
        if of_machines:
            lab.cut(victim)  # and nobody hears of what its kernel would say
        victim.kill()
        raw_id = member.base32_decoded(victim.id)[:16]

        def tellers():
            return [seen for news, seen in listener.seen.items() if news[0] == DEAD and news[1] == raw_id]

        listener.listen(30, lambda: any(len(seen) >= len(nodes) for seen in tellers()))
        told = [max(seen.values()) - began for seen in tellers() if len(seen) >= len(nodes)]
        assert told, f"{victim.name}'s death is not known everywhere, but to {[len(seen) for seen in tellers()]}"
        times.append(told[0])
        listener.listen(10)
    return times


def simulated(arguments, *options):
    runs = []
    for seed in range(1, arguments.seeds + 1):
        command = [harness.PROGRAM, "simulate", "--nodes", arguments.nodes, "--seed", seed, "--duration", int(6 * arguments.settle), "--crashes", arguments.crashes,
                   "--latency", arguments.latency, "--latency-spread", 0, "--json", *options]
        runs.append(json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout))
    return {name: statistics.mean(run[name] for run in runs) for name in ("idle_bytes_per_node_s", "news_mean_s", "crash_known_mean_s")}


def start(lab, count):
    """So many nodes of one network, which know each other, and their token."""
    nodes = [lab.node(f"n{i + 1}") for i in range(count)]
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
    return nodes, token


def real(arguments):
    with tempfile.TemporaryDirectory() as folder, harness.Lab(folder) as lab:
        nodes, token = start(lab, arguments.nodes)
        listening = lab.place("listener")
        with SlowSwitch(lab, arguments.latency):
            time.sleep(arguments.settle)
            found = {}
            found["idle"], found["wire"] = idle_bytes(nodes, arguments.idle)
            found["rss_mb"] = [node.rss_bytes() / 2**20 for node in nodes]
            found["files"] = [node.open_files() for node in nodes]
            listener = Listener(member.Token(token.read_text().strip()), nodes, listening)
            listener.listen(3)
            found["news"] = measure_news(lab, listener, nodes, arguments.news)
            print(found, file=sys.stderr, flush=True)
            found["machines"] = measure_crashes(lab, listener, nodes, arguments.crashes, True)
            found["processes"] = measure_crashes(lab, listener, nodes, arguments.crashes, False)
        print(found, file=sys.stderr, flush=True)
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--latency", type=float, default=20, help="milliseconds one way")
    parser.add_argument("--settle", type=float, default=60)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--news", type=int, default=20)
    parser.add_argument("--crashes", type=int, default=5, help="of each kind")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    found = real(arguments)
    silent, reset = simulated(arguments), simulated(arguments, "--reset")
    print(f"| {arguments.nodes} nodes, {arguments.latency:g} ms one way | processes (from … to) | simulated | ratio | within {OFF_BY:.0%} |\n|---|---|---|---|---|")
    for what, values, other, form in (("idle, bytes/s sent by a node, messages with framing", [found["idle"]], silent["idle_bytes_per_node_s"], ".0f"),
                                      ("news at all nodes, mean (s)", found["news"], silent["news_mean_s"], ".3f"),
                                      ("a machine falls silent: known to all, mean (s)", found["machines"], silent["crash_known_mean_s"], ".2f"),
                                      ("a process is killed: known to all, mean (s)", found["processes"], reset["crash_known_mean_s"], ".2f")):
        one = statistics.mean(values)
        spread = f" ({min(values):{form}} … {max(values):{form}})" if len(values) > 1 else ""
        print(f"| {what} | {one:{form}}{spread} | {other:{form}} | {one / other:.2f} | {'yes' if abs(one / other - 1) <= OFF_BY else 'no'} |")
    print(f"\nOn the wire, with all headers, a node sends {found['wire']:.0f} bytes/s. Memory of a process: {statistics.mean(found['rss_mb']):.1f} MB in the mean, "
          f"{max(found['rss_mb']):.1f} at most; open files: {statistics.mean(found['files']):.0f}, {max(found['files'])} at most.")


if __name__ == "__main__":
    main()
