"""What the tests of the command share: the program, the demo model, a way to run it and a way to serve with it."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ.get("ZSWARM_BIN", ROOT / "build/release/zswarm"))
MODEL = pathlib.Path(os.environ.get("ZSWARM_DEMO_MODEL", ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
VOCABS = pathlib.Path(os.environ.get("ZSWARM_VOCABS", ROOT / ".cache/peer-data/models"))


def clean_environment(tmp_path, **extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZSWARM_")}
    return {**kept, "ZSWARM_DATA": str(tmp_path / "data"), **extra}


@pytest.fixture(scope="session")
def model():
    assert MODEL.exists(), f"{MODEL} is missing; tests/run fetches it"
    return str(MODEL)


@pytest.fixture(scope="session")
def vocabs():
    assert VOCABS.exists(), f"{VOCABS} is missing; tests/run fetches it"
    return VOCABS


@pytest.fixture
def start(tmp_path):
    """start(*arguments, env={}, **popen options): a running command; killed at the end of the test if it still runs."""
    started = []

    def start(*arguments, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], env=clean_environment(tmp_path, **(env or {})), **options)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def run(start):
    """run(*arguments, input=b"", env={}): the finished command, with its output as bytes."""

    def run(*arguments, input=b"", env=None, timeout=120):
        process = start(*arguments, env=env, stdin=subprocess.PIPE)
        out, err = process.communicate(input, timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run


@pytest.fixture
def one_sentence():
    """Checks that standard error holds exactly one line, fit for a terminal, that begins with the program's name."""

    def check(done):
        text = done.stderr.decode()
        assert text.startswith("zswarm: ") and text.endswith("\n") and text.count("\n") == 1, text
        assert all(c.isprintable() for c in text[:-1]), ascii(text)
        return text

    return check


class Server:
    def __init__(self, process, ready):
        self.process = process
        self.ready = ready
        self.url = "http://" + ready["http"]

    def get(self, path, **headers):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as response:
            return response.status, response.read()

    def post(self, path, body, **headers):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def serve(start, tmp_path):
    """serve(*arguments, env={}): a Server that is ready, on a free port unless --http is among the arguments."""

    def serve(*arguments, env=None):
        ready_file = tmp_path / f"ready-{time.monotonic_ns()}.json"
        if "--http" not in arguments:
            arguments = (*arguments, "--http", "127.0.0.1:0")
        log = tmp_path / (ready_file.name + ".log")
        with open(log, "wb") as err:
            process = start("run", *arguments, "--ready-out", ready_file, env=env, stderr=err)
        deadline = time.monotonic() + 60
        while not ready_file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.02)
        server = Server(process, json.loads(ready_file.read_text()))
        server.ready_file, server.log = ready_file, log
        return server

    return serve
