"""A network of Linux namespaces on this machine, and `zswarm worker` in them.

A Lab has a hub (a namespace with the bridges) and places: one namespace each, with one address on the bridge. Places can be cut off and split
into halves; the links of a place stay up when it is split off, as they do when a switch between two rooms fails. Nothing touches the machine's own network,
names are of this run only, and a Lab takes back all that it made. Whatever waits here polls with a deadline.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import time

import member
import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("ZSWARM_BIN", ROOT / "build/release/zswarm"))
NAMESPACES = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]  # whatever this process comes to
POLL_S = 0.02


class Failed(Exception):
    """A command that prepares the network failed."""


def ip(*arguments, batch=None):
    command = ["ip", *arguments] if batch is None else ["ip", *arguments, "-batch", "-"]
    done = subprocess.run(command, input=None if batch is None else "\n".join(batch) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def why_no_namespaces():
    """Why this user may make none on this machine; None where they work."""
    name = f"zsw{os.getpid():x}-probe"
    try:
        ip("netns", "add", name)
    except Failed as failed:
        return f"network namespaces are not permitted here: {failed}"
    ip("netns", "delete", name)
    return None


def wait_until(condition, within_s, what):
    """Polls until condition() is true; the seconds that took. `what` completes "it did not happen within … s that"."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within_s:
            raise AssertionError(f"it did not happen within {within_s} s that {what() if callable(what) else what}")
        time.sleep(POLL_S)
    return time.monotonic() - began


def holds(condition, for_s, what):
    """condition() is true from now on, for so long."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        assert condition(), what() if callable(what) else what
        time.sleep(POLL_S)


class Place:
    """A namespace with one address."""

    def __init__(self, lab, name, number):
        self.lab = lab
        self.name = f"{lab.prefix}-{name}"
        self.port = f"to-{name}"  # the hub's end of the link
        self.address = f"{lab.subnet}.{number}"

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes meanwhile belong to this namespace, and stay there."""
        with open("/proc/thread-self/ns/net", "rb") as outside, open(NAMESPACES / self.name, "rb") as inside:
            if LIBC.setns(inside.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")
            try:
                yield
            finally:
                if LIBC.setns(outside.fileno(), CLONE_NEWNET) != 0:
                    os._exit(70)  # in a wrong network nothing that follows would mean anything

    def socket(self, kind=socket.SOCK_STREAM):
        with self.entered():
            return socket.socket(socket.AF_INET, kind)

    def connect(self, address, within_s=10.0):
        host, port = address.rsplit(":", 1)
        made = self.socket()
        try:
            made.settimeout(within_s)
            made.connect((host, int(port)))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made

    def command(self, *arguments):
        return ["ip", "netns", "exec", self.name, *map(str, arguments)]


class Lab:
    """with Lab(folder) as lab: the hub with its two bridges; places and nodes are added."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.prefix = f"zsw{os.getpid():x}{secrets.token_hex(2)}"
        self.subnet = f"10.77.{secrets.randbelow(256)}"
        self.hub = f"{self.prefix}-hub"
        self.places = []
        self.nodes = []
        self.made = []

    def __enter__(self):
        try:
            self._make_namespace(self.hub)
            ip("-n", self.hub, batch=[f"link add {bridge} type bridge stp_state 0 forward_delay 0" for bridge in ("left", "right")] +
               [f"link set {bridge} up" for bridge in ("left", "right")])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in self.nodes:
            node.kill()
        # A namespace lives on while something uses it: the processes above have ended, sockets of this process close with it.
        left = [name for name in self.made if not self._deleted(name)]
        self.made = []
        assert not left, f"namespaces that could not be deleted: {left}"

    @staticmethod
    def _deleted(name):
        with contextlib.suppress(Failed):
            ip("netns", "delete", name)
        return not (NAMESPACES / name).exists()

    def _make_namespace(self, name):
        self.made.append(name)
        ip("netns", "add", name)

    def place(self, name):
        place = Place(self, name, len(self.places) + 1)
        self._make_namespace(place.name)
        ip("-n", self.hub, batch=[f"link add {place.port} type veth peer name eth0 netns {place.name}", f"link set {place.port} master left",
                                  f"link set {place.port} up"])
        ip("-n", place.name, batch=["link set lo up", "link set eth0 up", f"addr add {place.address}/24 dev eth0"])
        self.places.append(place)
        return place

    def node(self, name, place=None):
        node = Node(place or self.place(name), name, self.folder / name)
        self.nodes.append(node)
        return node

    # Faults of the network

    def split(self, away):
        """These places or nodes are on another bridge now. Their links stay up."""
        ip("-n", self.hub, batch=[f"link set {place_of(one).port} master right" for one in away])

    def heal(self):
        ip("-n", self.hub, batch=[f"link set {place.port} master left" for place in self.places])

    def cut(self, one):
        ip("-n", self.hub, "link", "set", place_of(one).port, "down")

    def mend(self, one):
        ip("-n", self.hub, "link", "set", place_of(one).port, "up")

    # Commands and files

    def run(self, *arguments, place=None, data=None, env=None, within_s=20):
        """A command of the program to its end, in a place or outside all of them."""
        command = [PROGRAM, *map(str, arguments)]
        return subprocess.run(place.command(*command) if place else command, env=clean_environment(data or self.folder / "nobody", **(env or {})),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within_s)

    def write(self, name, text):
        file = self.folder / name
        file.write_text(text)
        file.chmod(0o600)
        return file


def place_of(one):
    return one.place if isinstance(one, Node) else one


def clean_environment(data, **extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZSWARM_") and name != "TOKEN"}
    return {**kept, "ZSWARM_DATA": str(data), **extra}


class Process:
    """A process that we started, and what the kernel says of it."""

    def __init__(self, name, log_file):
        self.name = name
        self.log_file = log_file
        self.process = None

    def spawn(self, command, data):
        assert not self.runs()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*DIES_WITH_US, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(data))

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.runs():
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_file.read_text(errors="replace")

    def _memory(self, field):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) << 10
        raise AssertionError(f"{self.name} has no memory: it has ended")

    def rss_bytes(self):
        return self._memory("VmRSS")

    def peak_rss_bytes(self):
        """Since the last forget_peak()."""
        return self._memory("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Node(Process):
    """One `zswarm worker` at a place, with a data folder of its own; it can be started again and again."""

    def __init__(self, place, name, folder):
        super().__init__(name, folder / "log.txt")
        self.place = place
        self.data = folder / "data"
        self.folder = folder
        folder.mkdir()
        self.starts = 0
        self.ready = None

    def launch(self, token_file, *flags):
        """Starts it and does not wait."""
        self.starts += 1
        self.ready = None
        self.ready_file = self.folder / f"ready-{self.starts}.json"
        self.spawn(self.place.command(PROGRAM, "worker", "--data", self.data, "--token", token_file, "--name", self.name, "--ready-out", self.ready_file, *flags),
                   self.data)
        return self

    def wait_ready(self, within_s=20):
        deadline = time.monotonic() + within_s
        while True:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                self.ready = json.loads(self.ready_file.read_text())
                return self
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}: {self.log()[-2000:]}"
            assert time.monotonic() < deadline, f"{self.name} is not ready after {within_s} s: {self.log()[-2000:]}"
            time.sleep(POLL_S)

    def start(self, token_file, *flags):
        return self.launch(token_file, *flags).wait_ready()

    @property
    def id(self):
        return self.ready["node"]

    @property
    def sockets(self):
        return self.ready["sockets"]

    def stop(self, within_s=10):
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(within_s)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    # What it says of the network

    def status(self, within_s=10):
        """As `zswarm status --json` prints it, without a process for each look: asked over and over that would keep the nodes from running."""
        folder = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with zmq.Context.instance().socket(zmq.REQ) as asking:
                asking.linger, asking.rcvtimeo = 0, int(within_s * 1000)
                asking.connect(f"ipc:///proc/self/fd/{folder}/node.sock")
                asking.send_json({"do": "status"})
                answer = asking.recv_json()
        except zmq.Again:
            raise AssertionError(f"{self.name} does not answer: {self.log()[-2000:]}") from None
        finally:
            os.close(folder)
        assert "result" in answer, f"status of {self.name}: {answer}\n{self.log()[-2000:]}"
        return answer["result"]

    def states(self):
        """Node id -> state, of the others."""
        return {one["id"]: one["state"] for one in self.status()["members"] if one["id"] != self.id}

    def seed(self):
        """Of its identity (PROTOCOL.md, "Files")."""
        return member.base32_decoded((self.data / "identity").read_text().splitlines()[1])[:32]

    def curve_key(self):
        return bytes.fromhex(member.check.identity(self.seed())["curve"]["public"])


def all_see(nodes, others=None, state="alive"):
    """Every one of `nodes` has every one of `others` (default: the same nodes) in this state, or in one of these."""
    others = others or nodes
    wanted = (state,) if isinstance(state, str) else state
    for node in nodes:
        states = node.states()
        if any(states.get(other.id) not in wanted for other in others if other is not node):
            return False
    return True


def what_they_see(nodes):
    return "; ".join(f"{node.name}: " + ", ".join(f"{other[:6]} {state}" for other, state in sorted(node.states().items())) for node in nodes)


def wait_all_see(nodes, within_s, others=None, state="alive"):
    return wait_until(lambda: all_see(nodes, others, state), within_s, lambda: f"all are seen {state}. Their states: {what_they_see(nodes)}")
