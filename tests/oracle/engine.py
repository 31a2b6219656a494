"""Runs `zswarm perplexity` and reads the logits that it writes."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np


class Engine:
    def __init__(self, path):
        self.path = path

    def run(self, *arguments, cpu=None):
        """Standard output of the command; an AssertionError with its standard error if it fails."""
        environment = {k: v for k, v in os.environ.items() if k != "ZSWARM_CPU"}
        if cpu:
            environment["ZSWARM_CPU"] = cpu
        done = subprocess.run([str(self.path), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment, timeout=600, text=True, errors="replace")
        assert done.returncode == 0, f"zswarm {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr[-2000:]}"
        return done.stdout

    def logits(self, model, text, context, threads=2, cpu=None):
        """float32 [windows, context, vocabulary]."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "logits.npy"
            self.run("perplexity", model, "--file", text, "--context", context, "--logits", path, "-t", threads, cpu=cpu)
            rows = np.load(path, allow_pickle=False)
        assert rows.dtype == np.float32 and rows.flags.c_contiguous and rows.ndim == 2
        assert rows.shape[0] % context == 0
        return rows.reshape(-1, context, rows.shape[1])


def supported_cpus():
    """The values of ZSWARM_CPU that this machine can run."""
    flags = next((line.split(":")[1].split() for line in open("/proc/cpuinfo", encoding="ascii") if line.startswith("flags")), [])
    out = ["scalar"]
    if {"avx2", "fma", "f16c"} <= set(flags):
        out.append("avx2")
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"} <= set(flags):
        out.append("avx512")
    return out
