"""A member of the network in Python, and a client: what PROTOCOL.md says, and nothing of zswarm's own code.

It joins with a token, reads a member's ledger by reconciliation and calls services. Tests ask with it what members hold and whom they admit, and
attack with it from within.
"""
import contextlib
import os
import pathlib
import secrets
import struct
import sys
import time

import msgpack
import zmtp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vectors/bus"))
import check  # noqa: E402  (the second implementation of keys and cards)

HELLO, WELCOME, REFUSAL = 0x01, 0x02, 0x03
SYNC_OPEN, SYNC_RANGES, SYNC_ENTRIES = 0x40, 0x41, 0x42
REQUEST, EVENT, END, ALIVE = 0x50, 0x51, 0x54, 0x56
LEDGER_WITHIN_S = 20


def base32_decoded(text):
    bits = "".join(f"{check.BASE32.index(letter):05b}" for letter in text)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits) - 7, 8))


def z85_decoded(text):
    values = [check.Z85.index(letter) for letter in text]
    return b"".join(struct.pack(">I", sum(values[i + k] * 85 ** (4 - k) for k in range(5))) for i in range(0, len(values), 5))


class Token:
    """What a token's text holds."""

    def __init__(self, text):
        payload = base32_decoded(text[4:])[:-4]
        self.text = text
        self.epoch = struct.unpack(">I", payload[1:5])[0]
        self.secret, self.operator_key = payload[5:37], payload[37:69]
        server, client = (check.curve_pair(check.sub_key(self.secret, number)) for number in (2, 3))
        self.join_server_key = bytes.fromhex(server["public"])
        self.join_client_keys = bytes.fromhex(client["public"]), bytes.fromhex(client["secret"])


def token_text(secret=None, operator_seed=None, expires_s=None):
    """A token of somebody's own making."""
    operator = check.identity(operator_seed or secrets.token_bytes(32))["sign_key"]
    return check.token_text(check.token_payload(
        {"epoch": 1, "secret": (secret or secrets.token_bytes(32)).hex(), "operator_key": operator, "expires_s": expires_s, "bootstrap": []}))


def message(kind, content, request_id=0):
    return struct.pack(">BBBBI", 1, 0, kind, 0, request_id) + msgpack.packb(content)


def read_message(data):
    """(type, request id, content)"""
    _, _, kind, _, request_id = struct.unpack(">BBBBI", data[:8])
    return kind, request_id, msgpack.unpackb(data[8:], strict_map_key=False)


class Card:
    """The fields of a card that tests look at; not verified."""

    def __init__(self, data):
        body, _, _ = msgpack.unpackb(data)
        fields = msgpack.unpackb(body)
        self.epoch, self.sign_key, self.curve_key, self.incarnation, self.instance, self.name = fields[1:7]
        self.node = check.base32(check.blake2b(self.sign_key)[:16])


class Caller:
    """Calls services of a node with a CURVE key pair that it admits. One connection, one call at a time."""

    def __init__(self, connected, node_key, keys, within_s=10.0):
        self.connection = zmtp.Curve(connected, node_key, keys, within_s)
        self.incarnation = time.time_ns() // 1000  # each caller is a start of its own: its ids begin anew
        self.next_id = secrets.randbelow(1 << 31)
        try:
            self.connection.handshake("DEALER")
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def request(self, service, payload=b""):
        self.next_id += 1
        return message(REQUEST, [self.incarnation, service, 10_000, 0, 16, 1 << 20, payload], self.next_id)

    def call(self, service, payload=b"", within_s=10.0):
        """(events, code of the end)"""
        self.connection.send(self.request(service, payload))
        events = []
        deadline = time.monotonic() + within_s
        while True:
            kind, request_id, content = read_message(self.connection.receive(deadline - time.monotonic())[0])
            if request_id != self.next_id:
                continue
            if kind == EVENT:
                events.append(content[1])
            elif kind == END:
                return events, content[1]

    def info(self, within_s=10.0):
        events, code = self.call("zswarm.info", within_s=within_s)
        assert code == "ok" and len(events) == 1, (events, code)
        return msgpack.unpackb(events[0])


class Member:
    """An identity of its own and a card under the token. `connect` makes a connected socket of "HOST:PORT"."""

    def __init__(self, token, connect, name="python", seed=None, sockets=("",) * 5):
        self.token = token
        self.connect = connect
        self.seed = seed or secrets.token_bytes(32)
        identity = check.identity(self.seed)
        self.node = identity["node"]
        self.keys = bytes.fromhex(identity["curve"]["public"]), bytes.fromhex(identity["curve"]["secret"])
        self.incarnation = time.time_ns() // 1_000_000
        self.card = self.sealed_card(name, list(sockets))
        self.session = secrets.randbelow(1 << 31)

    def sealed_card(self, name, sockets):
        body = check.card_body({"epoch": self.token.epoch, "incarnation": self.incarnation, "instance": int.from_bytes(os.urandom(8), "big"), "name": name,
                                "version": "test", "roles": [], "labels": [], "sockets": sockets}, self.seed)
        return check.seal(body, self.seed, self.token.secret)

    def join_connection(self, address, client_keys=None):
        connection = zmtp.Curve(self.connect(address), self.token.join_server_key, client_keys or self.token.join_client_keys)
        try:
            return connection.handshake("DEALER")
        except BaseException:
            connection.close()
            raise

    def join(self, address):
        """Says hello at a join socket; the member's card. Refused with its sentence."""
        with self.join_connection(address) as connection:
            connection.send(message(HELLO, [self.card]))
            kind, _, content = read_message(connection.receive()[0])
        if kind != WELCOME:
            raise zmtp.Refused(": ".join(str(part) for part in content))
        return Card(content[0])

    def connection(self, address, node_key, socket_type="DEALER"):
        connection = zmtp.Curve(self.connect(address), node_key, self.keys)
        try:
            return connection.handshake(socket_type)
        except BaseException:
            connection.close()
            raise

    def read_ledger(self, sockets):
        """All entries that the node with these sockets holds: key -> (value, author's node id). Joins first."""
        card = self.join(sockets["join"])
        entries = {}
        with self.connection(sockets["control"], card.curve_key) as connection:
            connection.within_s = 2.0
            lists = [b"", b"", b""]  # of everything, we have nothing
            end = time.monotonic() + LEDGER_WITHIN_S
            while True:
                assert time.monotonic() < end, "the ledger could not be read"
                self.session += 1
                connection.send(message(SYNC_OPEN, [os.urandom(16), 0, [], lists], self.session))
                try:
                    state, again = self.read_turn(connection, entries)
                except TimeoutError:  # an answer that the node meant to send over a link of its own, to somebody who listens nowhere
                    continue
                if state != 2:
                    break
                with contextlib.suppress(TimeoutError):  # a node takes two sessions a second of one peer; meanwhile it sends PINGs at most
                    connection.receive(0.6)
            while state == 0 and again:  # more than one turn holds
                lists = [part for lower, upper in again for part in (lower, upper, b"")]
                connection.send(message(SYNC_RANGES, [True, 0, [], lists, []], self.session))
                state, again = self.read_turn(connection, entries)
        return entries

    def read_turn(self, connection, entries):
        """The other's turn: its state and the ranges that it only gave fingerprints of."""
        while True:
            kind, session, content = read_message(connection.receive()[0])
            if session != self.session:
                continue
            if kind == SYNC_ENTRIES:
                for data in content[1]:
                    _, key, erased, value, _, author, _ = msgpack.unpackb(data)
                    if not erased:
                        entries[key] = (value, check.base32(check.blake2b(author)[:16]))
            elif kind == SYNC_RANGES:
                blocks = content[2]
                return content[1], [(block[i], block[i + 2]) for block in blocks for i in range(0, len(block) - 2, 2)]
