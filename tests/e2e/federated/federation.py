"""Networks of `zswarm run --p2p` and `zswarm federated` processes on loopback."""
import json
import os
import pathlib
import signal
import subprocess
import time

import openai

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("ZSWARM_BIN", str(ROOT / "build/release/zswarm"))
PATIENCE_S = 60


def until(condition, what, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"this did not come about in {patience_s} s: {what}"
        time.sleep(0.02)
    return answer


def environment(folder):
    """Of a process that finds nothing of this machine's own networks; one thread each, since they share two cores."""
    kept = {name: value for name, value in os.environ.items() if name != "TOKEN" and not name.startswith("ZSWARM_")}
    return {**kept, "ZSWARM_DATA": str(folder / "data"), "XDG_DATA_HOME": str(folder / "xdg")}


class Node:
    """A process that takes requests: with `models` it serves them, without it is an entry."""

    def __init__(self, folder, name, models, *flags):
        folder.mkdir(exist_ok=True)
        self.folder, self.name = folder, name
        command = ["run", *map(str, models), "--p2p", "-t", "1"] if models else ["federated"]
        self.ready_file, self.log_file, self.token_file = folder / "ready.json", folder / "log", folder / "token"
        self.command = [PROGRAM, *command, "--http", "127.0.0.1:0", "--listen", "127.0.0.1", "--no-lan", "--name", name, "--ready-out", self.ready_file,
                        "--token-out", self.token_file, *map(str, flags)]
        self.start()

    def start(self):
        self.ready_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(self.folder))

    def wait_ready(self):
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, f"{self.name} is ready")
        assert self.process.poll() is None, self.log()
        ready = json.loads(self.ready_file.read_text())
        self.id, self.http, self.sockets = ready["node"], ready["http"], ready["sockets"]
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")[-3000:]

    def client(self):
        return openai.OpenAI(base_url=f"http://{self.http}/v1", api_key="none", max_retries=0, timeout=PATIENCE_S)

    def models(self):
        with self.client() as client:
            return [model.id for model in client.models.list()]

    def run(self, *arguments):
        """A command that asks this node."""
        return subprocess.run([PROGRAM, *map(str, arguments)], env=environment(self.folder), check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


class Federation:
    """Nodes with one token."""

    def __init__(self, folder):
        self.folder, self.nodes = folder, []

    def add(self, name, models=(), *flags):
        if self.nodes:
            flags = (*flags, "--token", self.nodes[0].token_file, "--bootstrap", self.nodes[0].sockets["join"])
        node = Node(self.folder / name, name, models, *flags)
        self.nodes.append(node)
        return node.wait_ready()

    def stop(self):
        for node in self.nodes:
            if node.process.poll() is None:
                node.kill()


class Answer:
    """What a stream gave: pieces as they came, the reason of its end, and the longest pause between two pieces."""

    def __init__(self):
        self.pieces, self.reason, self.pause_s = [], None, 0.0

    @property
    def text(self):
        return "".join(self.pieces)


def stream(client, model, prompt, on_piece=lambda count: None, **options):
    """Streams a completion of `prompt`; on_piece(n) is called after each piece."""
    answer = Answer()
    last = None
    for chunk in client.completions.create(model=model, prompt=prompt, stream=True, **options):
        now = time.monotonic()
        if last is not None:
            answer.pause_s = max(answer.pause_s, now - last)
        last = now
        choice = chunk.choices[0]
        if choice.finish_reason:
            answer.reason = choice.finish_reason
        if choice.text:
            answer.pieces.append(choice.text)
            on_piece(len(answer.pieces))
    return answer
