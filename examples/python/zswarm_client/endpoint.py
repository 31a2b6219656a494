"""Where a socket is reached: HOST:PORT in its one form (PROTOCOL.md, "Endpoint")."""
import re
import socket

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical_endpoint(text):
    """The same endpoint as writers write it; ValueError if it is none. In a card the two texts must be equal."""
    host, colon, port = text.rpartition(":")
    if not colon or len(text.encode()) > 255 or not port.isascii() or not port.isdigit() or port[0] == "0" or int(port) > 65535:
        raise ValueError("an endpoint is HOST:PORT")
    return f"{_canonical_host(host)}:{port}"


def _canonical_host(host):
    if host.startswith("[") and host.endswith("]"):
        return f"[{_address(socket.AF_INET6, host[1:-1])}]"
    try:
        return _address(socket.AF_INET, host)
    except ValueError:
        name = host.lower()
        labels = name.split(".")
        if len(name) > 253 or labels[-1].isdigit() or not all(LABEL.fullmatch(label) for label in labels):
            raise
        return name


def _address(family, host):
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, host))
    except (OSError, ValueError) as error:  # ValueError: a NUL inside
        raise ValueError("not an address") from error
