"""A small speaker of ZMTP 3.1 (rfc.zeromq.org/spec/37) and CurveZMQ (spec/26) on a plain socket.

It says what a ZeroMQ library would never say: half a greeting, a command of 2^32 bytes, a message of 100,000 parts. It also speaks properly,
so that a test sees what comes back (READY, ERROR, the end of the connection) and no library reconnects behind its back.
"""
import os
import struct
import time

from nacl import bindings
from nacl.exceptions import CryptoError

GREETING_BYTES = 64
MORE, LONG, COMMAND = 1, 2, 4


class Closed(Exception):
    """The other side has ended the connection."""


class Refused(Exception):
    """The other side has answered with ERROR; the text is its reason."""


def greeting(mechanism, as_server=False, version=(3, 1)):
    return b"\xff" + bytes(8) + b"\x7f" + bytes(version) + mechanism.encode().ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def frame_head(size, flags=0):
    return struct.pack(">BQ", flags | LONG, size) if size > 255 else bytes([flags, size])


def frame(body, flags=0):
    return frame_head(len(body), flags) + body


def command(name, body=b""):
    return bytes([len(name)]) + name.encode() + body


def properties(**values):
    """The metadata of READY and INITIATE; an underscore in a name stands for '-'."""
    out = b""
    for name, value in values.items():
        value = value.encode() if isinstance(value, str) else value
        out += bytes([len(name)]) + name.replace("_", "-").encode() + struct.pack(">I", len(value)) + value
    return out


class Connection:
    """Frames over a connected socket. Whatever waits ends at a deadline; TimeoutError then."""

    def __init__(self, connected, within_s=10.0):
        self.socket = connected
        self.within_s = within_s
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def write(self, data):
        self.socket.settimeout(self.within_s)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def read(self, size, deadline=None):
        deadline = deadline or time.monotonic() + self.within_s
        while len(self.buffer) < size:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise Closed from error
            if not piece:
                raise Closed
            self.buffer += piece
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def read_frame(self, deadline=None):
        """(flags, body). Takes up to 16 MiB."""
        flags = self.read(1, deadline)[0]
        size = struct.unpack(">Q", self.read(8, deadline))[0] if flags & LONG else self.read(1, deadline)[0]
        if size > 16 << 20:
            raise Closed(f"a frame of {size} bytes is nothing that a member sends")
        return flags, self.read(size, deadline)

    def read_to_end(self, within_s):
        """What still comes until the other side closes. TimeoutError if it does not."""
        deadline = time.monotonic() + within_s
        out = b""
        try:
            while True:
                out += self.read(1, deadline)
        except Closed:
            return out


class Boxed(Connection):
    """Messages in boxes of CurveZMQ, after the handshake: `shared` is the connection's key."""

    sends, takes = b"", b""  # what nonces begin with

    def __init__(self, connected, within_s=10.0):
        super().__init__(connected, within_s)
        self.short_public, self.short_secret = bindings.crypto_box_keypair()
        self.nonce = 0

    def short_nonce(self):
        self.nonce += 1
        return struct.pack(">Q", self.nonce)

    def sealed(self, body, flags=0):
        """One frame of a MESSAGE. In the box, 1 says that more parts follow and 2 that it is a command."""
        nonce = self.short_nonce()
        return frame(command("MESSAGE", nonce + bindings.crypto_box_afternm(bytes([flags]) + body, self.sends + nonce, self.shared)))

    def sealed_parts(self, parts):
        return b"".join(self.sealed(part, int(i + 1 < len(parts))) for i, part in enumerate(parts))

    def send(self, *parts):
        self.write(self.sealed_parts(parts))

    def receive(self, within_s=None):
        """The parts of the next message; PINGs before it are answered."""
        deadline = time.monotonic() + (within_s or self.within_s)
        parts = []
        while True:
            _, body = self.read_frame(deadline)
            if body.startswith(command("ERROR")):
                raise Refused(body[7:].decode(errors="replace"))
            nonce = body[8:16]
            try:
                opened = bindings.crypto_box_open_afternm(body[16:], self.takes + nonce, self.shared)
            except CryptoError as error:
                raise Closed("a message that nobody who knows the key has made") from error
            flags, rest = opened[0], opened[1:]
            if flags & 2:
                if rest.startswith(command("PING")):
                    self.write(self.sealed(command("PONG", rest[7:]), 2))
                continue
            parts.append(rest)
            if not flags & 1:
                return parts


class CurveServer(Boxed):
    """The server's side, which lets everybody in."""

    sends, takes = b"CurveZMQMESSAGES", b"CurveZMQMESSAGEC"

    def __init__(self, accepted, keys, within_s=10.0):
        super().__init__(accepted, within_s)
        self.secret = keys[1]

    def handshake(self, socket_type):
        self.write(greeting("CURVE", as_server=True))
        self.read(GREETING_BYTES)
        hello = self.read_frame()[1]
        client_short = hello[80:112]
        nonce = os.urandom(16)
        welcome = bindings.crypto_box(self.short_public + bytes(96), b"WELCOME-" + nonce, client_short, self.secret)
        self.write(frame(command("WELCOME", nonce + welcome), COMMAND))
        self.read_frame()  # INITIATE: whoever it is
        self.shared = bindings.crypto_box_beforenm(client_short, self.short_secret)
        nonce = self.short_nonce()
        ready = bindings.crypto_box_afternm(properties(Socket_Type=socket_type, Identity=b""), b"CurveZMQREADY---" + nonce, self.shared)
        self.write(frame(command("READY", nonce + ready), COMMAND))
        return self


class Curve(Boxed):
    """The client's side of CurveZMQ; the names of keys are the specification's: S the server's, C the client's, with ' the short-lived ones."""

    sends, takes = b"CurveZMQMESSAGEC", b"CurveZMQMESSAGES"

    def __init__(self, connected, server_key, client_keys, within_s=10.0):
        super().__init__(connected, within_s)
        self.server_key = server_key
        self.client_public, self.client_secret = client_keys

    def hello(self):
        nonce = self.short_nonce()
        box = bindings.crypto_box(bytes(64), b"CurveZMQHELLO---" + nonce, self.server_key, self.short_secret)
        return command("HELLO", b"\1\0" + bytes(72) + self.short_public + nonce + box)

    def take_welcome(self, body):
        nonce = b"WELCOME-" + body[8:24]
        welcome = bindings.crypto_box_open(body[24:], nonce, self.server_key, self.short_secret)
        self.server_short, self.cookie = welcome[:32], welcome[32:]
        self.shared = bindings.crypto_box_beforenm(self.server_short, self.short_secret)

    def initiate(self, metadata):
        vouch_nonce = os.urandom(16)
        vouch = bindings.crypto_box(self.short_public + self.server_key, b"VOUCH---" + vouch_nonce, self.server_short, self.client_secret)
        nonce = self.short_nonce()
        box = bindings.crypto_box_afternm(self.client_public + vouch_nonce + vouch + metadata, b"CurveZMQINITIATE" + nonce, self.shared)
        return command("INITIATE", self.cookie + nonce + box)

    def read_command(self, name):
        _, body = self.read_frame()
        if body.startswith(command("ERROR")):
            raise Refused(body[7:].decode(errors="replace"))
        if not body.startswith(command(name)):
            raise Closed(f"{body[:16]!r} instead of {name}")
        return body

    def begin(self):
        """Greetings, HELLO and WELCOME."""
        self.write(greeting("CURVE"))
        self.read(GREETING_BYTES)
        self.write(frame(self.hello(), COMMAND))
        self.take_welcome(self.read_command("WELCOME"))

    def handshake(self, socket_type, **metadata):
        self.begin()
        self.write(frame(self.initiate(properties(Socket_Type=socket_type, Identity=b"", **metadata)), COMMAND))
        ready = self.read_command("READY")
        bindings.crypto_box_open_afternm(ready[14:], b"CurveZMQREADY---" + ready[6:14], self.shared)
        return self
