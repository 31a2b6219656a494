"""Requests to a node's services, answered with streams (PROTOCOL.md, "Requests and streams": "The caller")."""
import asyncio
import collections
import dataclasses
import secrets
import time

from .errors import SwarmError
from .lane import Lane
from .message import Type, write

TICK_S, BEAT_S, RETRY_S, SILENCE_S = 0.05, 1, 2, 5
STALL_S = 1  # a tick that is so late shows that this process did not run: the node is not to blame for silence
EVENT_BYTES, TRAILER_BYTES = 262_144, 65_536
MAX_FRAMES, FRAME_BYTES, PAYLOAD_BYTES = 16, 524_288, 524_288
CODES = {"malformed", "refused", "unsupported", "too_large", "not_found", "busy", "deadline", "cancelled", "unreachable", "io"}


@dataclasses.dataclass
class Event:
    number: int
    payload: bytes
    frames: list


class Caller:
    """The dispatch socket of one node, with all streams over it. For members, and for clients that were admitted by `zswarm token client`."""

    def __init__(self, context, endpoint, server_key, keys, incarnation=None):
        """`incarnation` must be higher than in any earlier run with these keys; without one the clock gives it."""
        self._incarnation = incarnation or time.time_ns() // 1_000_000
        self._lane = Lane(context, "dispatch", endpoint, server_key, keys, self._on_message)
        self._streams = {}
        self._last_id = secrets.randbits(32)
        self._ticker = asyncio.create_task(self._tick())

    async def call(self, service, payload=b"", *, frames=(), deadline_s=60, priority=0, window=(64, 1 << 20)):
        """A Stream. `window` is how many events, and bytes of them, may be on their way to us."""
        events, size = window
        if not 1 <= len(service.encode()) <= 64 or not 0.001 <= deadline_s <= 86_400 or not 1 <= events <= 65_536 or not EVENT_BYTES <= size <= 64 << 20:
            raise SwarmError("refused", "the name of the service, the deadline or the window is over the protocol's limits")
        if len(payload) > PAYLOAD_BYTES or len(frames) > MAX_FRAMES or any(len(frame) > FRAME_BYTES for frame in frames):
            raise SwarmError("too_large", "a request takes a payload of 512 KiB, and 16 frames of that size")
        while self._last_id == 0 or self._last_id in self._streams:
            self._last_id = (self._last_id + 1) % 2**32
        elements = [self._incarnation, service, int(deadline_s * 1000), priority, events, size, payload]
        stream = Stream(self, self._last_id, elements, list(frames), window, deadline_s)
        self._streams[stream.id] = stream
        self._last_id = (self._last_id + 1) % 2**32
        await stream.ask()
        return stream

    async def send(self, message, frames=()):
        await self._lane.send(message, frames)

    def forget(self, stream):
        self._streams.pop(stream.id, None)

    async def _on_message(self, message, frames):
        stream = self._streams.get(message.request_id)
        if stream is not None:
            await stream.on_message(message, frames)

    async def _tick(self):
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)  # a timer, not a wait for something
            now = time.monotonic()
            for stream in list(self._streams.values()):
                await stream.on_time(now, stalled=now - last > STALL_S)
            last = now

    async def close(self):
        for stream in list(self._streams.values()):
            await stream.cancel()
        self._ticker.cancel()
        await asyncio.gather(self._ticker, return_exceptions=True)
        await self._lane.close()


class Stream:
    """An answer: `async for event in stream` gives events in order, then ends, or raises the SwarmError with which the stream ended.

    Reading an event grants the node another one, so a slow reader slows this stream and nothing else.
    """

    def __init__(self, caller, request_id, elements, frames, window, deadline_s):
        self.id, self.trailer = request_id, b""
        self._caller, self._request, self._frames = caller, write(Type.REQUEST, elements, request_id), frames
        self._window = window
        self._received, self._consumed = [0, 0], [0, 0]  # events, bytes: totals
        self._told = list(window)
        self._waiting = collections.deque()  # at most a window of events
        self._answered, self._error, self._ended = False, None, asyncio.Event()
        self._news = asyncio.Event()
        self._heard = self._sent = time.monotonic()
        self._deadline = self._heard + deadline_s

    async def ask(self):
        await self._caller.send(self._request, self._frames)

    async def cancel(self):
        """Ends the stream and tells the node."""
        await self._stop("cancelled", "the caller cancelled the request")

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._waiting and not self._ended.is_set():
            self._news.clear()
            await self._news.wait()
        if self._waiting:
            event, size = self._waiting.popleft()
            self._consumed = [self._consumed[0] + 1, self._consumed[1] + size]
            await self._grant()
            return event
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    # What comes in

    async def on_message(self, message, frames):
        self._heard = time.monotonic()
        self._answered = True
        try:
            if message.type == Type.EVENT:
                await self._on_event(message.fields, frames)
            elif message.type == Type.END:
                self._on_end(message.fields)
            elif message.type == Type.ALIVE and message.fields.uint() > self._received[0]:
                await self._stop("unreachable", "events were lost with a connection")
        except SwarmError as error:
            await self._stop(error.code, error.sentence)

    async def _on_event(self, fields, frames):
        number, payload = fields.uint(), fields.bin(EVENT_BYTES)
        size = len(payload) + sum(len(frame) for frame in frames)
        if number < self._received[0]:
            return  # it was delivered before
        if number > self._received[0]:
            raise SwarmError("unreachable", "events were lost with a connection")
        if size > EVENT_BYTES:
            raise SwarmError("malformed", "an event is larger than the protocol allows")
        self._received = [self._received[0] + 1, self._received[1] + size]
        if self._received[0] > self._told[0] or self._received[1] > self._told[1]:
            raise SwarmError("refused", "the node sent more than it was allowed to")
        self._waiting.append((Event(number, payload, frames), size))
        self._news.set()

    def _on_end(self, fields):
        events, code, sentence, trailer = fields.uint(), fields.text(32), fields.text(256), fields.bin(TRAILER_BYTES)
        if code != "ok":
            shown = "".join(character if character.isprintable() else "?" for character in sentence)
            self._end(SwarmError(code if code in CODES else "refused", shown))
        elif events > self._received[0]:
            self._end(SwarmError("unreachable", "events were lost with a connection"))
        elif events < self._received[0]:
            self._end(SwarmError("malformed", "the end of the stream contradicts its events"))
        else:
            self.trailer = trailer
            self._end(None)

    # Time

    async def on_time(self, now, stalled):
        if stalled:
            self._heard = now
        if now >= self._deadline:
            await self._stop("deadline", "the answer took longer than the request allowed")
        elif now - self._heard >= SILENCE_S:
            await self._stop("unreachable", "no sign of life from the node")
        elif not self._answered and now - self._sent >= RETRY_S:
            self._sent = now
            await self.ask()  # byte for byte: the node runs it once
        elif self._answered and now - self._sent >= BEAT_S:
            await self._tell(Type.BEAT)

    async def _grant(self):
        """Tells the node of what was consumed before half of its window is used up."""
        low = any(told - received <= max(window // 2, least) for told, received, window, least
                  in zip(self._told, self._received, self._window, (0, EVENT_BYTES)))
        if low and not self._ended.is_set():
            await self._tell(Type.CREDIT)

    async def _tell(self, kind):
        self._told = [consumed + window for consumed, window in zip(self._consumed, self._window)]
        self._sent = time.monotonic()
        await self._caller.send(write(kind, self._told, self.id))

    async def _stop(self, code, sentence):
        if self._ended.is_set():
            return
        self._end(SwarmError(code, sentence))
        await self._caller.send(write(Type.CANCEL, [], self.id))

    def _end(self, error):
        self._error = error
        self._ended.set()
        self._news.set()
        self._caller.forget(self)
