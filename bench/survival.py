#!/usr/bin/env python3
"""Requests through an entry while nodes are killed: how many are answered right, and how long a stream pauses when its node dies.

    .cache/venv/bin/python bench/survival.py [--nodes 8] [--requests 10000] [--every 3] [--readers 16] [--tokens 16] [--seed 1]

Starts that many nodes with the demo model on loopback and one entry without a model. Each stream is compared, byte for byte, with an undisturbed one of the same prompt and seed. Every few seconds
a random node gets SIGKILL (with --freeze every other one SIGSTOP), and is started again at once, as a supervisor would do it. Prints one line of JSON.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e/federated"))
from federation import Federation, stream, until  # noqa: E402, as the path above comes first

PROMPTS = ["The lighthouse keeper opened the door and", "Water boils when", "Once there was a swarm of bees that", "A good recipe for bread begins with",
           "The capital of France is", "In the year 2040, computers", "She counted the stars:", "To repair a bicycle tyre, first"]
SEEDS = 4


class Killer:
    """Kills one node after the other while it is told to go on."""

    def __init__(self, nodes, every_s, freeze, generator):
        self.nodes, self.every_s, self.freeze, self.generator = nodes, every_s, freeze, generator
        self.kills = self.freezes = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends.wait(self.every_s):
            node = self.generator.choice(self.nodes)
            if self.freeze and (self.kills + self.freezes) % 2:
                self.freezes += 1
                node.send(signal.SIGSTOP)
                self.ends.wait(self.every_s)
                node.send(signal.SIGCONT)
            else:
                self.kills += 1
                node.kill()
                node.start()

    def end(self):
        self.ends.set()
        self.thread.join()


class Readers:
    """Clients that ask one question after the other."""

    def __init__(self, entry, model, wanted, options, requests, count):
        self.entry, self.model, self.wanted, self.options, self.left = entry, model, wanted, options, requests
        self.lock = threading.Lock()
        self.outcomes, self.pauses, self.failures = collections.Counter(), [], []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def next(self):
        with self.lock:
            self.left -= 1
            return self.left if self.left >= 0 else None

    def run(self, reader):
        with self.entry.client() as client:
            while (number := self.next()) is not None:
                prompt, seed = PROMPTS[number % len(PROMPTS)], number // len(PROMPTS) % SEEDS
                try:
                    answer = stream(client, self.model, prompt, seed=seed, **self.options)
                    outcome = "right" if answer.text == self.wanted[prompt, seed] else "wrong"
                    with self.lock:
                        self.pauses.append(answer.pause_s)
                except Exception as error:  # whatever went wrong is the finding
                    outcome = "failed"
                    with self.lock:
                        self.failures.append(repr(error)[:200])
                with self.lock:
                    self.outcomes[outcome] += 1

    def wait(self):
        for thread in self.threads:
            thread.join()


def measure(options, folder):
    federation = Federation(folder)
    try:
        model = pathlib.Path(os.environ["ZSWARM_DEMO_MODEL"])
        nodes = [federation.add(f"node{i}", [model], "--parallel", 8, "--context", 512) for i in range(options.nodes)]
        entry = federation.add("entry")
        until(lambda: model.stem in entry.models(), "the entry lists the model")
        sampling = {"max_tokens": options.tokens, "temperature": 0.8, "extra_body": {"ignore_eos": True}}
        with nodes[0].client() as direct:
            wanted = {(prompt, seed): stream(direct, model.stem, prompt, seed=seed, **sampling).text for prompt in PROMPTS for seed in range(SEEDS)}
        began = time.monotonic()
        killer = Killer(nodes, options.every, options.freeze, random.Random(options.seed))
        readers = Readers(entry, model.stem, wanted, sampling, options.requests, options.readers)
        readers.wait()
        killer.end()
        pauses = sorted(readers.pauses)
        at = lambda share: round(pauses[min(len(pauses) - 1, int(share * len(pauses)))], 3) if pauses else None  # noqa: E731
        return {"nodes": options.nodes, "requests": options.requests, "seed": options.seed, **{k: readers.outcomes[k] for k in ("right", "wrong", "failed")},
                "kills": killer.kills, "freezes": killer.freezes, "wall_s": round(time.monotonic() - began, 1), "pause_p50_s": at(0.5), "pause_p99_s": at(0.99), "pause_max_s": at(1),
                "failures": readers.failures[:5]}
    finally:
        federation.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=3, help="seconds between kills")
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--freeze", action="store_true", help="every other time the node is frozen instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(options, pathlib.Path(folder))))


if __name__ == "__main__":
    main()
