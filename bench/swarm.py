#!/usr/bin/env python3
"""The network's figures at 1,000, 10,000 and 100,000 simulated nodes, beside their goals.

    bench/swarm.py [--nodes 1000,10000] [--seed 1]

Runs `zswarm simulate` once for each line; 100,000 nodes take several minutes and 3 GB. ZSWARM_BIN names another binary.
"""
import argparse
import json
import os
import pathlib
import subprocess

PROGRAM = os.environ.get("ZSWARM_BIN", pathlib.Path(__file__).resolve().parents[1] / "build/release/zswarm")
GOALS = {1000: (2.0, 500, 5.0), 10_000: (2.5, 700, 6.0), 100_000: (3.0, 1000, 8.0)}


def simulate(nodes, seed, *options):
    done = subprocess.run([PROGRAM, "simulate", "--nodes", str(nodes), "--seed", str(seed), "--json", *options], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def shown(value):
    return "never" if value is None else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,10000")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("| nodes | segments lost | news at 99.99 % (s) | goal | idle (bytes/s) | goal | crash known, p99 (s) | goal | false deaths | wall (s) |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for nodes in map(int, arguments.nodes.split(",")):
        news, idle, crash = GOALS.get(nodes, ("", "", ""))
        for loss in ("0", "0.1"):
            told = simulate(nodes, arguments.seed, "--loss", loss)
            print(f"| {nodes} | {loss} | {shown(told['converged_9999_s'])} | {news} | {told['idle_bytes_per_node_s']:.0f} | {idle} "
                  f"| {shown(told['crash_known_p99_s'])} | {crash} | {told['false_deaths']} | {told['wall_s']:.1f} |", flush=True)
    nodes = int(arguments.nodes.split(",")[0])
    killed = simulate(nodes, arguments.seed, "--kill", "0.8")
    print(f"\n80 % of {nodes} nodes die at once: {killed['delivered_to_survivors'] * 100:.3f} % of the survivors' news arrive (goal: 99.9)")
    frozen = simulate(100, arguments.seed, "--loss", "0.2", "--freeze", "0.1", "--duration", "3600")
    print(f"100 node-hours, 10 % frozen for 10 s at a time, 20 % loss: {frozen['false_deaths']} live nodes called dead (goal: 0)")


if __name__ == "__main__":
    main()
