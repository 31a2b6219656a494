"""Sockets of ZeroMQ with CURVE and every limit set (PROTOCOL.md, "Sockets"). libzmq's own defaults have no limit on sizes."""
import zmq
from zmq.utils import z85

from .endpoint import canonical_endpoint
from .errors import SwarmError

KIB = 1024
LIMITS = {"join": 64 * KIB, "gossip": 256 * KIB, "control": 1024 * KIB, "dispatch": 1024 * KIB}  # bytes of one part


def connect(context, name, endpoint, server_key, keys):
    """Our end of another node's socket: DEALER, or SUB for gossip. Connecting goes on in the background, again and again."""
    try:
        endpoint = canonical_endpoint(endpoint)
    except ValueError as error:
        raise SwarmError("malformed", "an address is HOST:PORT: 192.0.2.7:7000, [2001:db8::7]:7000 or node.example.org:7000") from error
    socket = context.socket(zmq.SUB if name == "gossip" else zmq.DEALER)
    socket.linger = 200  # milliseconds for what is still to be sent when it closes
    socket.ipv6 = True
    socket.maxmsgsize = LIMITS[name]
    socket.sndhwm = socket.rcvhwm = 1000
    socket.sndtimeo = 0  # what does not fit the queue is not waited for
    socket.handshake_ivl = 3000
    socket.tcp_keepalive, socket.tcp_keepalive_idle, socket.tcp_keepalive_intvl, socket.tcp_keepalive_cnt = 1, 15, 5, 3  # seconds
    socket.tcp_maxrt = 15_000
    socket.reconnect_ivl, socket.reconnect_ivl_max = 100, 5000
    socket.curve_serverkey = z85.encode(server_key)
    socket.curve_publickey = z85.encode(keys.public)
    socket.curve_secretkey = z85.encode(keys.secret)
    socket.connect(f"tcp://{endpoint}")
    return socket
