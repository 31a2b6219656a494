"""A running server for the end-to-end tests.

ZSWARM_BIN is the command (default: build/release/zswarm of this clone), ZSWARM_DEMO_MODEL the model. Any program with the same flags
will do: build/release/tests/gateway/scripted_gateway needs no model.
"""
import json
import os
import pathlib
import subprocess
import time

import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_WITHIN_S = 120
STOPPED_WITHIN_S = 20


class Server:
    """One process of `zswarm run`."""

    def __init__(self, folder, *flags):
        self.ready_file = folder / "ready.json"
        self.log_file = folder / "log.txt"
        command = [os.environ.get("ZSWARM_BIN", str(ROOT / "build/release/zswarm")), "run", os.environ["ZSWARM_DEMO_MODEL"],
                   "--http", "127.0.0.1:0", "--ready-out", str(self.ready_file), *map(str, flags)]
        self.log = open(self.log_file, "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, "ZSWARM_DATA": str(folder / "data")})
        self.http = self._wait_until_ready()
        self.host, port = self.http.rsplit(":", 1)
        self.port = int(port)

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}: {self.log_file.read_text(errors='replace')[-2000:]}")
            try:
                address = json.loads(self.ready_file.read_text())["http"]
                return address.removeprefix("http://").rstrip("/")
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.02)
        self.stop()
        raise TimeoutError(f"not ready within {READY_WITHIN_S} s: {self.log_file.read_text(errors='replace')[-2000:]}")

    def client(self, **options):
        options = {"api_key": "none", "max_retries": 0, "timeout": 120, **options}
        return openai.OpenAI(base_url=f"http://{self.http}/v1", **options)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """SIGTERM; the exit status."""
        if self.alive():
            self.process.terminate()
        try:
            return self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    assert running.alive(), running.log_file.read_text(errors="replace")[-2000:]
    assert running.stop() == 0


@pytest.fixture
def client(server):
    with server.client() as made:
        yield made


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Starts further servers with flags of their own; all are stopped at the end."""
    started = []

    def start(*flags):
        started.append(Server(tmp_path_factory.mktemp("server"), *flags))
        return started[-1]

    yield start
    for running in started:
        running.stop()
