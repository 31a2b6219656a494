"""A client of zswarm networks, written from bus/PROTOCOL.md: pyzmq, msgpack and PyNaCl, on asyncio.

Start reading at network.py, which composes the rest; __main__.py is a small command on top of it. Sections of PROTOCOL.md are named where they
are put to use.
"""
from .errors import SwarmError
from .identity import start_identity
from .network import Network
from .service import Caller
from .token import load_token, parse_token

__all__ = ["Caller", "Network", "SwarmError", "load_token", "parse_token", "start_identity"]
