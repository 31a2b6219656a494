#!/usr/bin/env python3
"""The network's figures under the simulator beside their goals, as Markdown.

    bench/swarm.py [--nodes 1000,10000,100000] [--seed 1] [--minutes 2]

Runs `zswarm simulate` for each line. 10,000 nodes take a minute, 100,000 ten minutes and 3 GB. Living nodes called dead are looked for during --minutes
of one processor, in slices of 83 node-hours with a seed each. ZSWARM_BIN names another binary.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

PROGRAM = os.environ.get("ZSWARM_BIN", pathlib.Path(__file__).resolve().parents[1] / "build/release/zswarm")
GOALS = {1000: (2.0, 500, 5.0, 5), 10_000: (2.5, 700, 6.0, 90), 100_000: (3.0, 1000, 8.0, None)}


def simulate(nodes, seed, *options):
    """The figures, with the memory at its peak in MB."""
    command = [str(PROGRAM), "simulate", "--nodes", str(nodes), "--seed", str(seed), "--json", *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed")
    return {**json.loads(told), "memory_mb": used.ru_maxrss / 1024}


def seconds(value):
    return "never" if value is None else f"{value:.2f}"


def sizes(all_nodes, seed):
    print("| nodes | segments lost | news at 99.99 % (s) | goal | idle (bytes/s) | goal | crash known, p99 (s) | goal | called dead alive | wall (s) | goal | memory (MB) |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for nodes in all_nodes:
        news, idle, crash, wall = GOALS.get(nodes, ("", "", "", None))
        for loss in ("0", "0.1") if nodes <= 10_000 else ("0.1",):
            told = simulate(nodes, seed, "--loss", loss)
            print(f"| {nodes:,} | {loss} | {seconds(told['converged_9999_s'])} | {news} | {told['idle_bytes_per_node_s']:.0f} | {idle} "
                  f"| {seconds(told['crash_known_p99_s'])} | {crash} | {told['false_deaths']} | {told['wall_s']:.1f} | {wall or ''} | {told['memory_mb']:.0f} |", flush=True)


def rows(seed):
    print("\n| what | goal | shown |\n|---|---|---|")

    def row(what, goal, shown):
        print(f"| {what} | {goal} | {shown} |", flush=True)

    for nodes, goal in ((1000, 5), (10_000, 6)):
        told = simulate(nodes, seed, "--loss", 0.1, "--reset")
        row(f"a process that crashes on a living machine is known dead (p99), {nodes:,} nodes, 10 % of segments lost", f"{goal} s", f"{seconds(told['crash_known_p99_s'])} s")
    told = simulate(1000, seed, "--kill", 0.8)
    row("news of survivors that reach survivors after 80 % of 1,000 nodes die at once", "99.9 %", f"{told['delivered_to_survivors'] * 100:.3f} %")
    told = simulate(1000, seed, "--kill", 0.8, "--duration", 3600)
    row("the dead of that are known to survivors, many of them with no neighbour left to miss them (audits)", "",
        f"{told['killed_known'] * 100:.2f} % after 20 min; all after {seconds(told['killed_known_s'])} s")
    told = simulate(1000, seed, "--loss", 0.1, "--hostile", 0.02)
    row("bytes/s sent by an honest node, 2 % of 1,000 members hostile, 10 % of segments lost", "bounded", f"{told['idle_bytes_per_node_s']:.0f}")
    row("news delivered beside them; living nodes called dead", "", f"{told['delivered_to_survivors'] * 100:.3f} %; {told['false_deaths']}")
    told = simulate(1000, seed, "--partition", 0.3, "--duration", 240)
    row("30 % of 1,000 nodes cut off for 40 s: in one piece again after", "10 s", f"{seconds(told['healed_s'])} s")
    told = simulate(1000, seed, "--skew", 2)
    row("news refused because wall clocks are off by up to 2 s", "0", told["refused_ahead"])
    for what, option in (("processes", ()), ("machines", ("--sleep",))):
        told = simulate(1000, seed, "--freeze", 0.1, "--duration", 600, *option)
        row(f"living nodes called dead, 10 % of all {what} frozen for 10 s at a time, nothing lost", "0" if what == "processes" else "",
            f"{told['false_deaths']} in {told['node_hours']:.0f} node-hours ({told['false_deaths_frozen']} while frozen)")


def false_deaths(seed, minutes):
    end = time.monotonic() + minutes * 60
    hours = deaths = frozen = suspicions = 0
    while time.monotonic() < end or hours == 0:
        told = simulate(100, seed, "--loss", 0.2, "--freeze", 0.1, "--duration", 3600)
        seed += 1
        hours += told["node_hours"]
        deaths += told["false_deaths"]
        frozen += told["false_deaths_frozen"]
        suspicions += told["suspicions"]
        print(f"{hours:.0f} node-hours: {deaths}", file=sys.stderr, flush=True)
    print(f"| living nodes (frozen ones too) called dead, 10 % frozen for 10 s at a time, 20 % of segments lost | 0 in 10⁶ node-hours "
          f"| {deaths} in {hours:.0f} node-hours ({frozen} while frozen), of {suspicions} suspicions |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,10000,100000")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=2, help="how long to look for living nodes called dead")
    arguments = parser.parse_args()
    sizes([int(nodes) for nodes in arguments.nodes.split(",")], arguments.seed)
    rows(arguments.seed)
    false_deaths(arguments.seed, arguments.minutes)


if __name__ == "__main__":
    main()
