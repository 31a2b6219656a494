"""Runs llama.cpp's tools, as bench/build_llama.sh builds them, and reads what they print or write."""

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DEFAULT_BIN = Path(__file__).resolve().parent.parent / ".cache" / "llama" / "bin"


def tool(name):
    """Path of a tool; ZSWARM_LLAMA_BIN names another folder than .cache/llama/bin."""
    path = Path(os.environ.get("ZSWARM_LLAMA_BIN", DEFAULT_BIN)) / name
    if not path.exists():
        raise SystemExit(f"{path} is missing; run bench/build_llama.sh first (ten minutes) or set ZSWARM_LLAMA_BIN to a folder that holds {name}.")
    return str(path)


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with status {done.returncode}:\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")
    return done


def speed(model, threads, prompt=0, generate=0, repeats=1):
    """Tokens per second of each repeat of one test of llama-bench: a prompt of so many tokens, or so many generated ones."""
    done = run(tool("llama-bench"), "-m", model, "-t", threads, "-p", prompt, "-n", generate, "-r", repeats, "-o", "json")
    return json.loads(done.stdout)[0]["samples_ts"]


def batched_speed(model, threads, streams, generate=128):
    """Tokens per second in total while `streams` sequences generate side by side, each after its own prompt of 16 tokens."""
    context = streams * (16 + generate)
    done = run(tool("llama-batched-bench"), "-m", model, "-t", threads, "-c", context, "-npp", 16, "-ntg", generate, "-npl", streams,
               "--output-format", "jsonl")
    row = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return row["speed_tg"]


@dataclass
class Predictions:
    windows: np.ndarray    # token ids [windows, context], before BOS replaces a window's first
    log_p: np.ndarray      # natural logarithms [windows, context - 1 - context // 2, vocabulary], of positions context // 2 to context - 2
    lower_bounds: np.ndarray  # where log_p is only known to be at most this: what lies 16 below the top is cut off


def predictions(model, text, context, windows, threads, flags=()):
    """llama-perplexity's log-probabilities over the windows of a text, from its --kl-divergence-base file.

    The file holds 16-bit steps between the largest logit and 16 below it, so an error of 1.2e-4 remains.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base"
        run(tool("llama-perplexity"), "-m", model, "-f", text, "-c", context, "-b", context, "-t", threads, "--chunks", windows,
            "--kl-divergence-base", path, *flags)
        raw = path.read_bytes()
    if raw[:8] != b"_logits_":
        raise SystemExit("llama-perplexity wrote a file of a format that is not known here")
    context, vocabulary, count = np.frombuffer(raw, np.int32, 3, 8)
    tokens = np.frombuffer(raw, np.int32, context * count, 20).reshape(count, context)
    rows, width = context - 1 - context // 2, 2 * ((vocabulary + 1) // 2) + 4
    codes = np.frombuffer(raw, np.uint16, -1, 20 + tokens.nbytes).reshape(count, rows, width)
    header = np.ascontiguousarray(codes[..., :4]).view(np.float32)
    log_p = header[..., :1] * codes[..., 4:4 + vocabulary].astype(np.float64) + header[..., 1:]
    return Predictions(tokens, log_p, header[..., 1:])


def version():
    done = run(tool("llama-bench"), "--version")
    found = re.search(r"version: *(.*)", done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
