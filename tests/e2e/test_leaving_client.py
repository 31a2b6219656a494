"""A client that leaves ends its generation within 1.5 s, also while a long prompt for a model of a billion weights is being read."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOPPED_WITHIN_S = 1.5


@pytest.fixture(scope="module")
def large_model(tmp_path_factory):
    """A file of 0.6 GB with random weights; taken away afterwards."""
    path = tmp_path_factory.mktemp("large") / "1b-q4_0.gguf"
    subprocess.run([sys.executable, ROOT / "bench/make_shape.py", "1b", os.environ["ZSWARM_DEMO_MODEL"], path, "--type", "q4_0"], check=True)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def large_server(start_server, large_model):
    server = start_server("--models-dir", large_model.parent, "--threads", 1)
    yield server
    server.stop()


def running(server):
    """Requests that the engines work on, by /metrics."""
    with socket.create_connection((server.host, server.port), timeout=30) as asking:
        asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        lines = asking.makefile("rb").read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("zswarm_requests_running"))


def wait_until(condition, within_s):
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s
    return time.monotonic() - began


@pytest.mark.parametrize("words, stream", [(6000, False), (6000, True), (3, True)], ids=["long prompt", "long prompt, streamed", "answer"])
def test_a_generation_ends_with_its_client(large_server, large_model, words, stream):
    body = json.dumps({"model": large_model.stem, "prompt": "a " * words, "max_tokens": 1000, "ignore_eos": True, "stream": stream}).encode()
    leaving = socket.create_connection((large_server.host, large_server.port), timeout=30)
    leaving.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    if words < 10:
        assert leaving.recv(16)  # it answers
    wait_until(lambda: running(large_server) == 1, 30)
    leaving.close()
    assert wait_until(lambda: running(large_server) == 0, 30) < STOPPED_WITHIN_S
