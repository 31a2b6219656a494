"""A live member under attack: what it is allowed to take, and the proof that members keep working meanwhile.

Traffic runs all the time from an address of its own: calls of a service at the attacked node and at two others, and entries of the ledger, put at
one of those and read at the other. Siege.attack() is a span in which somebody does something hostile; at its end all checks are made.
"""
import contextlib
import selectors
import threading
import time

import harness
import swarm
import zmtp

# What an attack may cost the attacked process, in memory: bytes above the peak before the first one. A connection costs about 30 KiB, and there are up to
# 500 of them at a time; 1,000 messages of one peer may wait on each socket.
RSS_GROWTH_BYTES = 64 << 20
LOG_GROWTH_BYTES = 64 << 10  # a stranger must not fill a disk with sentences
CLOSED_WITHIN_S = 20  # PROTOCOL: 60 s at most for silent and slow ones; the limit of the handshake is 3 s, and what is over a limit of size ends a connection at once
CALL_WITHIN_S = 10


class Traffic:
    """Something that members do over and over; it counts what succeeded and keeps what did not."""

    def __init__(self, what, work, pause_s):
        self.what, self.work, self.pause_s = what, work, pause_s
        self.done = 0
        self.slowest_s = 0.0
        self.failures = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._run, name=what, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ends.wait(self.pause_s):
            began = time.monotonic()
            try:
                self.work()
                self.done += 1
            except Exception as error:  # whatever went wrong is the finding
                self.failures.append(f"{self.what}: {error!r}")
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def take_failures(self):
        taken, self.failures = self.failures, []
        return taken

    def end(self):
        self.ends.set()
        self.thread.join(30)
        assert not self.thread.is_alive(), f"{self.what} hangs"


class Watch:
    """What one process is allowed during an attack, and what `traffic` has to do meanwhile."""

    def __init__(self, process, traffic, rss_growth_bytes=RSS_GROWTH_BYTES, within_s=CLOSED_WITHIN_S):
        self.process, self.traffic = process, traffic
        self.rss_growth_bytes, self.within_s = rss_growth_bytes, within_s
        self.pid = process.pid
        self.rss_before = process.rss_bytes()

    @contextlib.contextmanager
    def attack(self):
        files_before = self.process.open_files()
        log_before = self.process.log_file.stat().st_size
        self.process.forget_peak()
        yield
        done_before = [one.done for one in self.traffic]
        assert self.process.runs() and self.process.pid == self.pid, f"the attacked process has ended: {self.process.log()[-3000:]}"
        grown = self.process.peak_rss_bytes() - self.rss_before
        assert grown <= self.rss_growth_bytes, f"{grown >> 20} MiB more than before; {self.rss_growth_bytes >> 20} are allowed"
        slack = 2 * len(self.traffic)  # connections of the traffic itself, which come and go
        harness.wait_until(lambda: self.process.open_files() <= files_before + slack, self.within_s,
                           lambda: f"files are closed again: {self.process.open_files()} are open, {files_before} were")
        said = self.process.log_file.stat().st_size - log_before
        assert said <= LOG_GROWTH_BYTES, f"{said} bytes of log: {self.process.log()[log_before:][:2000]}"
        # What failed meanwhile was noted; once more now, so that attacks of a moment are followed by proof too.
        harness.wait_until(lambda: all(one.done > before or one.failures for one, before in zip(self.traffic, done_before)), self.within_s,
                           lambda: f"members work: {[(one.what, one.done - before) for one, before in zip(self.traffic, done_before)]}")
        failures = [failure for one in self.traffic for failure in one.take_failures()]
        assert not failures, failures[:5]


class Siege:
    """Three members; the first is attacked, the second is the operator's."""

    def __init__(self, lab):
        self.lab = lab
        self.network = swarm.Swarm(lab, 3, operator=1).start()
        self.attacked, *self.others = self.network.nodes
        harness.wait_all_see(self.network.nodes, 10)
        self.friend = lab.place("friend")
        self.mallory = lab.place("mallory")
        self.node_key = self.attacked.curve_key()
        self.keys = self.network.make_client(self.others[0], "friend")
        self.network.wait_admitted(self.network.nodes, self.keys, 10, place=self.friend)
        self.clients = 0
        self.traffic = [Traffic(f"calls at {node.name}", lambda node=node: self.call(node), 0.1) for node in self.network.nodes]
        self.traffic.append(Traffic("entries put at n2 and read at n3", self.put_and_read, 0.2))
        self.watch = Watch(self.attacked, self.traffic)

    def close(self):
        for one in self.traffic:
            one.end()

    def call(self, node):
        assert self.network.call(node, self.keys, self.friend, CALL_WITHIN_S)["id"] == node.id

    def put_and_read(self):
        """Two entries: a client is made, and revoked again (a node makes 64 at most). Each is heeded where it was not put."""
        self.clients += 1
        putting, reading = self.others
        keys = self.network.make_client(putting, f"client-{self.clients}")
        self.network.wait_admitted([reading], keys, CALL_WITHIN_S, self.friend)
        self.network.command("revoke", swarm.client_id(keys), node=putting)
        self.network.wait_refused([reading], keys, CALL_WITHIN_S, self.friend)

    # How an attacker reaches the attacked node

    def address(self, kind):
        return self.attacked.sockets[kind]

    def connect(self, kind):
        return self.once_it_listens(kind, lambda: self.mallory.connect(self.address(kind)))

    def once_it_listens(self, kind, connect):
        """The traffic shuts clients out, and a node then opens its gossip socket again: for a moment nobody listens there."""
        end = time.monotonic() + CLOSED_WITHIN_S
        while True:
            try:
                return connect()
            except ConnectionRefusedError:
                assert time.monotonic() < end, f"nobody listens at {self.address(kind)}"

    def server_key(self, kind):
        return self.network.member_token().join_server_key if kind == "join" else self.node_key

    def member(self, **options):
        """A member that the attacked node has admitted."""
        made = self.network.python_member(place=self.mallory, **options)
        made.join(self.address("join"))
        return made

    def admitted(self, kind, hostile):
        """A connection of a member, over which anything may come."""
        if kind == "join":
            return hostile.join_connection(self.address(kind))
        own = "SUB" if kind == "gossip" else "DEALER"
        return self.once_it_listens(kind, lambda: hostile.connection(self.address(kind), self.node_key, own))

    def attack(self):
        return self.watch.attack()


def ends_within(connection, within_s=CLOSED_WITHIN_S):
    """The other side closes; what it still said. Fails if it does not."""
    try:
        return connection.read_to_end(within_s)
    except TimeoutError:
        raise AssertionError(f"the connection is still open after {within_s} s") from None


def push(connection, data):
    """Writes until it is all written or the other side has had enough: either is fine."""
    with contextlib.suppress(zmtp.Closed, TimeoutError):
        connection.write(data)


def all_end(connections, within_s, feed=lambda connection, at_s: None):
    """Every one of these raw sockets is closed by the other side. `feed` may write something to one, ten times a second."""
    began = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for connection in connections:
            connection.setblocking(False)
            waiting.register(connection, selectors.EVENT_READ)
        fed = began
        while waiting.get_map():
            at_s = time.monotonic() - began
            assert at_s < within_s, f"{len(waiting.get_map())} of {len(connections)} connections are still open after {within_s} s"
            for key, _ in waiting.select(0.1):
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    if key.fileobj.recv(65536):
                        continue
                waiting.unregister(key.fileobj)
            if time.monotonic() - fed < 0.1:
                continue
            fed = time.monotonic()
            for key in list(waiting.get_map().values()):
                with contextlib.suppress(OSError):
                    feed(key.fileobj, at_s)
    return time.monotonic() - began


def never_ready(answer):
    """Nothing in it lets anybody in."""
    assert zmtp.command("READY") not in answer and zmtp.command("WELCOME") not in answer, answer
