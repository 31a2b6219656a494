#!/usr/bin/env python3
"""Compares the numpy oracle of tests/oracle with llama.cpp, for every architecture and shape of its random models.

With F32 weights and an F32 cache, both compute the same function to within rounding; what remains is the step of llama.cpp's file of
log-probabilities, 1.2e-4. With quantised weights llama.cpp also rounds activations, so there the divergence is larger, but a
weight type that is decoded wrongly would show up at once. Ends with status 1 if any is too far.

    bench/check_oracle.py [--threads 1]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

import llama

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import compare  # noqa: E402
import forward  # noqa: E402
import make_model  # noqa: E402
import text  # noqa: E402
import weight_types  # noqa: E402

CONTEXT, WINDOWS = 128, 4
TEXT = ROOT / "tests" / "data" / "technical_english.txt"
EXACT_BOUND = 2.5e-4    # a log-probability: one step of the file
QUANTISED_BOUND = 0.02  # KL; these models are noisier than trained ones


def check(path, case, weight_type, threads):
    make_model.write(path, make_model.CASES[case], weight_type)
    exact = weight_type in weight_types.FLOAT_TYPES and not make_model.CASES[case].types
    peer = llama.predictions(path, TEXT, CONTEXT, WINDOWS, threads, ("-ctk", "f32", "-ctv", "f32", "-fa", "off"))
    model = forward.Model(path)
    windows = text.windows(path, TEXT, CONTEXT)[:WINDOWS]
    same_text = all((np.array(w[1:]) == p[1:]).all() for w, p in zip(windows, peer.windows, strict=True))
    ours = compare.log_softmax(np.stack([model.logits(w)[CONTEXT // 2:-1] for w in windows]))
    worst = np.abs(ours - peer.log_p)[peer.log_p > peer.lower_bounds].max()
    kl = compare.kl_divergence(ours, peer.log_p).mean()
    good = same_text and (worst <= EXACT_BOUND if exact and weight_type == "F32" else kl <= QUANTISED_BOUND)
    print(f"{'ok' if good else 'FAR':4} {case:18} {weight_type:7} log p differ by at most {worst:.1e}; KL {kl:.1e}"
          + ("" if same_text else "; tokens differ"), flush=True)
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    pairs = [(case, "F32") for case in make_model.CASES]
    pairs += [(case, t) for case in ("llama-gqa", "qwen2", "qwen3") for t in weight_types.TYPES if t != "F32"]
    with tempfile.TemporaryDirectory() as folder:
        results = [check(Path(folder) / "model.gguf", case, t, a.threads) for case, t in pairs]
    print(f"{sum(results)} of {len(results)} agree")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
