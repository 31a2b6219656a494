"""A DEALER to one of a node's ROUTERs, read by a task of its own until it is closed."""
import asyncio

import zmq

from .errors import SwarmError
from .message import read
from .sockets import connect

MAX_FRAMES = 16


class Lane:
    def __init__(self, context, name, endpoint, server_key, keys, on_message):
        """`on_message(message, frames)` gets what the node sends; messages that cannot be read are passed over."""
        self._socket = connect(context, name, endpoint, server_key, keys)
        self._on_message = on_message
        self._reader = asyncio.create_task(self._read())

    async def send(self, message, frames=()):
        try:
            await self._socket.send_multipart([message, *frames])
        except zmq.Again:
            return  # the queue is full: as if it were lost with a connection, which all protocols make up for

    async def _read(self):
        while True:
            parts = await self._socket.recv_multipart()
            if len(parts) > 1 + MAX_FRAMES:
                continue
            try:
                message = read(parts[0])
                await self._on_message(message, parts[1:])
            except SwarmError:
                continue  # of another version, or malformed: no answer will come of it, and who waits for one gives up in time

    async def close(self):
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._socket.close()
