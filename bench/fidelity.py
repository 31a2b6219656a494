#!/usr/bin/env python3
"""How far zswarm's and llama.cpp's predictions are from a float32 run of the same weights, over the same windows in one run.

The float32 run is the numpy oracle of tests/oracle on the decoded weights. Compared are the predictions at positions C/2 to C-2 of each
window, those that both commands score, and for zswarm also all positions. Both figures are mean Kullback-Leibler divergences in
nats per position and the share of positions whose most probable token stays the same.

    bench/fidelity.py MODEL.gguf [--text FILE] [--windows 12] [--context 512] [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import llama

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import compare  # noqa: E402
import forward  # noqa: E402
import text  # noqa: E402


class Sums:
    def __init__(self):
        self.kl, self.same = [], []

    def add(self, reference, log_q):
        """Log-probabilities [positions, vocabulary] of one window."""
        self.kl.append(compare.kl_divergence(reference, log_q))
        self.same.append(reference.argmax(-1) == log_q.argmax(-1))

    def result(self):
        kl, same = np.concatenate(self.kl), np.concatenate(self.same)
        return {"kl_mean": float(kl.mean()), "kl_error": float(kl.std() / np.sqrt(kl.size)), "kl_p99": float(np.quantile(kl, 0.99)),
                "same_top": float(same.mean()), "positions": int(kl.size)}


def our_logits(model, text_path, context, threads, out):
    binary = os.environ.get("ZSWARM_BIN", ROOT / "build" / "release" / "zswarm")
    subprocess.run([str(binary), "perplexity", model, "--file", text_path, "--context", str(context), "--logits", str(out), "-t", str(threads)],
                   check=True, stdout=subprocess.DEVNULL)
    rows = np.load(out, mmap_mode="r")
    return rows.reshape(-1, context, rows.shape[1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--text", default=str(ROOT / "tests" / "data" / "technical_english.txt"))
    p.add_argument("--windows", type=int, default=12)
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()

    windows = text.windows(a.model, a.text, a.context)[:a.windows]
    oracle = forward.Model(a.model)
    peer = llama.predictions(a.model, a.text, a.context, len(windows), a.threads)
    half = slice(a.context // 2, a.context - 1)
    sums = {"zswarm": Sums(), "llama.cpp": Sums(), "zswarm, all positions": Sums()}
    with tempfile.TemporaryDirectory() as folder:
        ours = our_logits(a.model, a.text, a.context, a.threads, Path(folder) / "logits.npy")
        for i, window in enumerate(windows):
            if (peer.windows[i][1:] != np.array(window[1:])).any():
                raise SystemExit(f"llama.cpp has other tokens in window {i}")
            reference = compare.log_softmax(oracle.logits(window))
            found = compare.log_softmax(ours[i])
            sums["zswarm"].add(reference[half], found[half])
            sums["zswarm, all positions"].add(reference, found)
            sums["llama.cpp"].add(reference[half], peer.log_p[i])
            print(f"window {i + 1} of {len(windows)}", file=sys.stderr)
    results = {name: s.result() for name, s in sums.items()}
    if a.json:
        print(json.dumps({"model": Path(a.model).name, "context": a.context, "windows": len(windows), "results": results}))
        return
    print(f"{Path(a.model).name}: {len(windows)} windows of {a.context} tokens, against float32")
    for name, r in results.items():
        print(f"  {name:22} KL {r['kl_mean']:.5f} ± {r['kl_error']:.5f}, 99th percentile {r['kl_p99']:.4f}; "
              f"same top token {100 * r['same_top']:.2f} % of {r['positions']}")


if __name__ == "__main__":
    main()
