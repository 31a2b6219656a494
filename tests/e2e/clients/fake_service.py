"""A dispatch socket that says what a test wants, to show what a client does about it. Its bytes are made with msgpack alone."""
import json
import struct
import threading

import msgpack
import zmq
from zmq.utils import z85

REQUEST, EVENT, CREDIT, CANCEL, END, BEAT, ALIVE = range(0x50, 0x57)


def message(kind, request_id, *elements, major=1):
    return struct.pack(">BBBBI", major, 0, kind, 0, request_id) + msgpack.packb(list(elements))


class FakeService(threading.Thread):
    """`behave(service, kind, request_id, elements)` is called for each message, on this thread, and sends with service.send()."""

    def __init__(self, folder, behave):
        super().__init__(daemon=True)
        self._behave = behave
        public, secret = zmq.curve_keypair()
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.curve_server, self._router.curve_secretkey = True, secret
        port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._done = threading.Event()
        self.raw, self.received = [], []  # messages as bytes; (kind, elements)
        client_public, client_secret = zmq.curve_keypair()
        file = folder / "client.json"
        file.write_text(json.dumps({"id": "none", "public": client_public.decode(), "secret": client_secret.decode()}))
        self.flags = ["--client", file, "--at", f"127.0.0.1:{port}", f"--key={public.decode()}"]  # a key may begin with a dash
        self.client_key = z85.decode(client_public)

    def run(self):
        while not self._done.is_set():
            if not self._router.poll(20):
                continue
            self._route, data, *frames = self._router.recv_multipart()
            _, _, kind, _, request_id = struct.unpack_from(">BBBBI", data)
            elements = msgpack.unpackb(data[8:])
            self.raw.append((data, frames))
            self.received.append((kind, elements))
            self._behave(self, kind, request_id, elements)
        self._router.close()
        self._context.term()

    def send(self, data, *frames):
        self._router.send_multipart([self._route, data, *frames])

    def kinds(self):
        return [kind for kind, _ in self.received]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()
