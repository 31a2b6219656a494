#!/usr/bin/env python3
"""Time from the start of the process to its first token, and peak memory over the file's size.

Starts `zswarm generate` several times; the first start may read the file from the disk, the others find it in the page cache. Time runs
until the first byte of the answer arrives on standard output. Peak memory is ru_maxrss of the process, which counts mapped pages
of the file too. The key-value cache of so short an answer is a few hundred kilobytes; --kv-tokens adds that of a longer one to the bound.

    bench/load.py MODEL.gguf… [--starts 5] [--json]
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "The capital of France is"
TOKENS = 8
MEMORY_BOUND = 1.3  # times the file, besides the cache


def cache_bytes(model, tokens):
    """float16 keys and values of all layers."""
    from gguf import GGUFReader  # only after the last start, see main

    fields = GGUFReader(model).fields
    arch = fields["general.architecture"].contents()

    def number(key, default=None):
        field = fields.get(f"{arch}.{key}")
        return default if field is None else field.contents()

    heads = number("attention.head_count")
    head_dim = number("attention.key_length", number("embedding_length") // heads)
    return number("block_count") * number("attention.head_count_kv", heads) * head_dim * 2 * 2 * tokens


def start(model, threads):
    """(seconds to the first byte, peak bytes)"""
    binary = os.environ.get("ZSWARM_BIN", ROOT / "build" / "release" / "zswarm")
    began = time.monotonic()
    process = subprocess.Popen([str(binary), "generate", model, "-p", PROMPT, "-n", str(TOKENS), "--temp", "0", "-t", str(threads)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = os.read(process.stdout.fileno(), 1)
    seconds = time.monotonic() - began
    while os.read(process.stdout.fileno(), 65536):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0 or not first:
        raise SystemExit(f"zswarm generate {model} failed (status {os.waitstatus_to_exitcode(status)})")
    return seconds, usage.ru_maxrss * 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--starts", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--kv-tokens", type=int, default=64)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    # A child's ru_maxrss begins with what its parent held when it was started; so this process stays small until all have run.
    measured = [(model, [start(model, a.threads) for _ in range(a.starts)]) for model in a.models]
    for model, runs in measured:
        size, cache = Path(model).stat().st_size, cache_bytes(model, a.kv_tokens)
        peak = max(r[1] for r in runs)
        found = {"model": Path(model).name, "file_bytes": size, "kv_bytes": cache, "first_token_s": median(r[0] for r in runs),
                 "first_token_s_first_start": runs[0][0], "peak_bytes": peak, "peak_over_file": (peak - cache) / size}
        if a.json:
            print(json.dumps(found))
        else:
            print(f"{found['model']}: first token {found['first_token_s']:.2f} s after the start (first start {runs[0][0]:.2f} s); "
                  f"peak {peak / 1e6:.0f} MB = {found['peak_over_file']:.2f} x file + cache (at most {MEMORY_BOUND})")


if __name__ == "__main__":
    main()
