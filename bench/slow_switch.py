#!/usr/bin/env python3
"""A switch that keeps each frame for a while: the latency of a network between namespaces, where the kernel has no netem.

    ip netns exec HUB bench/slow_switch.py MILLISECONDS INTERFACE…

Learns who is where by source addresses, as switches do; to unknown and broadcast addresses it sends everywhere. Frames leave in the order in which they came.
Prints a line when it runs; ends with its standard input. Offloaded checksums and segments are handed on as they are (PACKET_VNET_HDR of packet(7)).
"""
import collections
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
EVERYTHING = 0x0003  # ETH_P_ALL
HEADER_BYTES = 10  # struct virtio_net_hdr
FRAME_BYTES_MAX = HEADER_BYTES + 18 + 65536
WAITING_MAX = 100_000


def open_port(interface):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    port.bind((interface, 0))
    port.setblocking(False)
    return port


class Switch:
    def __init__(self, ports, delay_s):
        self.ports, self.delay_s = ports, delay_s
        self.where = {}  # source address -> port
        self.waiting = collections.deque()  # (due, port that it came from, frame)

    def take(self, port):
        try:
            while len(self.waiting) < WAITING_MAX:
                self.waiting.append((time.monotonic() + self.delay_s, port, port.recv(FRAME_BYTES_MAX)))
        except OSError:  # nothing more, or the link is down
            return

    def send_due(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, origin, frame = self.waiting.popleft()
            destination, source = frame[HEADER_BYTES:HEADER_BYTES + 6], frame[HEADER_BYTES + 6:HEADER_BYTES + 12]
            self.where[source] = origin
            known = self.where.get(destination)
            for port in [known] if known else self.ports:
                if port is origin:
                    continue
                try:
                    port.send(frame)
                except OSError:  # a link that is down, or full: lost, as on any wire
                    continue

    def run(self, until):
        poll = select.poll()
        by_number = {port.fileno(): port for port in self.ports}
        for one in (*self.ports, until):
            poll.register(one, select.POLLIN)
        while True:
            wait_s = self.waiting[0][0] - time.monotonic() if self.waiting else 1
            for number, events in poll.poll(max(0, wait_s) * 1000):
                if number == until.fileno():
                    return
                self.take(by_number[number])
            self.send_due()


def main():
    ports = [open_port(interface) for interface in sys.argv[2:]]
    print("ready", flush=True)
    Switch(ports, float(sys.argv[1]) / 1000).run(sys.stdin)


if __name__ == "__main__":
    main()
