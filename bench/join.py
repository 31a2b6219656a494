#!/usr/bin/env python3
"""How long a node takes to join: real `zswarm worker` processes, each in a network namespace of its own, on one LAN.

    bench/join.py [--nodes 8] [--rounds 5]

Needs root (namespaces) and the packages of the tests. A node has joined and read the ledger when it shows what every other node has written there of itself
(cores and memory). Two figures: all nodes are started at once, and the last of them has read; one more comes to those that run. Times are from the start of the
process, and include up to 0.1 s in which it is not asked. ZSWARM_BIN names another binary.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/network"))
import harness  # noqa: E402
import swarm  # noqa: E402


def has_read(node, others):
    written = {one["id"] for one in node.status()["members"] if one["resources"].get("cores")}
    return all(other.id in written for other in others if other is not node)


def until_read(nodes, others):
    """Seconds from now until every one of `nodes` has read what all `others` wrote."""
    began = time.monotonic()
    left = list(nodes)

    def all_have():
        left[:] = [node for node in left if not has_read(node, others)]
        return not left

    harness.wait_until(all_have, 60, lambda: f"{[node.name for node in left]} have read the ledger")
    return time.monotonic() - began


def one_round(count, number):
    with tempfile.TemporaryDirectory() as folder, harness.Lab(folder) as lab:
        network = swarm.Swarm(lab, count)
        began = time.monotonic()
        network.start()
        ready = time.monotonic() - began
        together = ready + until_read(network.nodes, network.nodes)
        joining = lab.node("joining")
        began = time.monotonic()
        joining.start(network.token)
        alone = time.monotonic() - began + until_read([joining], network.nodes)
        print(f"round {number}: {together:.2f} s together ({ready:.2f} until all processes listen), {alone:.2f} s alone", file=sys.stderr, flush=True)
        return together, alone


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rounds = [one_round(arguments.nodes, number + 1) for number in range(arguments.rounds)]
    print(f"| from the start of the process to the first ledger read, {arguments.nodes} processes | goal (s) | median (s) | worst of {len(rounds)} (s) |\n|---|---|---|---|")
    for what, times in (("all started at once: the last one", [one for one, _ in rounds]), ("one more comes to a network that runs", [one for _, one in rounds])):
        print(f"| {what} | 2 | {statistics.median(times):.2f} | {max(times):.2f} |")


if __name__ == "__main__":
    main()
