"""The two clients of examples/ as commands, and networks of `zswarm worker` processes on loopback."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ.get("ZSWARM_BIN", ROOT / "build/release/zswarm"))
COMMANDS = {"python": [sys.executable, "-m", "zswarm_client"], "node": ["node", str(ROOT / "examples/node/command.js")]}
PATIENCE_S = 30


def until(condition, patience_s=PATIENCE_S):
    """Asks until the answer is yes."""
    deadline = time.monotonic() + patience_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, "this did not come about in time"
        time.sleep(0.02)
    return answer


def environment(folder, **extra):
    """Of a process that finds nothing of this machine's own networks."""
    kept = {name: value for name, value in os.environ.items() if name != "TOKEN" and not name.startswith("ZSWARM_")}
    return {**kept, "ZSWARM_DATA": str(folder / "data"), "XDG_DATA_HOME": str(folder / "xdg"), "PYTHONPATH": str(ROOT / "examples/python"), **extra}


class Client:
    """The command of one of the two clients, with an identity of its own."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder
        self.identity = folder / "identity"
        self._started = []

    def start(self, *arguments, **env):
        process = subprocess.Popen([*COMMANDS[self.kind], *map(str, arguments)], env=environment(self.folder, **env), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._started.append(process)
        return process

    def run(self, *arguments, timeout_s=PATIENCE_S, **env):
        """The finished command."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def lines(self, *arguments, **env):
        """The JSON lines that it prints."""
        done = self.run(*arguments, **env)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fails(self, *arguments, **env):
        """The one sentence with which it ends."""
        done = self.run(*arguments, **env)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("zswarm_client: "), (done.returncode, done.stdout, done.stderr)
        assert done.stderr.count("\n") == 1 and done.stderr[:-1].isprintable(), done.stderr
        return done.stderr

    def stop(self):
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


class Lines:
    """JSON lines of a running command, as they come."""

    def __init__(self, process):
        self.seen, self._process = [], process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.seen.append(json.loads(line))

    def wait_for(self, **wanted):
        def there():
            assert self._process.poll() is None, self._process.stderr.read()
            return next((line for line in list(self.seen) if wanted.items() <= line.items()), None)

        return until(there)


class Worker:
    """A running `zswarm worker`."""

    def __init__(self, folder, name, *flags):
        folder.mkdir(exist_ok=True)
        self.name, self.data, self.token_file = name, folder / "data", folder / "token"
        ready_file, self.log_file = folder / "ready.json", folder / "log"
        ready_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "worker", "--data", self.data, "--listen", "127.0.0.1", "--no-lan", "--name", name, "--ready-out", ready_file,
                                             "--token-out", self.token_file, *map(str, flags)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(folder))
        until(lambda: ready_file.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        ready = json.loads(ready_file.read_text())
        self.id, self.sockets = ready["node"], ready["sockets"]

    def log(self):
        return self.log_file.read_text(errors="replace")

    def run(self, *arguments):
        """A command that asks this node."""
        return subprocess.run([PROGRAM, *map(str, arguments), "--data", self.data], env=environment(self.data.parent), check=True, capture_output=True, text=True,
                              timeout=PATIENCE_S).stdout

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


class Net:
    """Some workers with one token."""

    def __init__(self, folder):
        self.folder, self.workers = folder, []

    def add(self, name):
        flags = ["--token", self.token, "--bootstrap", self.workers[0].sockets["join"]] if self.workers else []
        self.workers.append(Worker(self.folder / name, name, *flags))
        return self.workers[-1]

    @property
    def token(self):
        return self.workers[0].token_file

    def flags_of(self, client, contact=0):
        """How a client gets in."""
        return ["--token", self.token, "--identity", client.identity, "--contact", self.workers[contact].sockets["join"]]

    def stop(self):
        for worker in self.workers:
            worker.stop(signal.SIGKILL)
