"""A guest of a zswarm network: looks at its members and its ledger, watches who comes and goes, calls services.

    python -m zswarm_client members --token home.token --contact 192.0.2.7:7000
    python -m zswarm_client watch --token home.token --contact 192.0.2.7:7000
    python -m zswarm_client call zswarm.info --token home.token --contact 192.0.2.7:7000
    python -m zswarm_client call zswarm.info --client app.json --at 192.0.2.7:7003 --key='…'
"""
import argparse
import asyncio
import base64
import json
import os
import pathlib
import sys

import msgpack
import zmq.asyncio
from zmq.utils import z85

from .errors import SwarmError
from .identity import start_identity
from .network import Network
from .service import Caller
from .token import CurveKeys, load_token
from .watch import watch


def show(value):
    print(json.dumps(value, ensure_ascii=False), flush=True)


def network_of(options):
    return Network(load_token(options.token), start_identity(options.identity), options.contact, options.name)


async def members(options):
    async with network_of(options) as network:
        await network.read_ledger()
        for node, card in sorted(network.cards().items()):
            shown = {"node": node, "name": card.name, "version": card.version, "incarnation": card.incarnation, "labels": card.labels, "sockets": card.sockets}
            if options.probe:
                shown["answers"] = await answers(network, node)
            show(shown)


async def answers(network, node):
    try:
        return await (await network.member(node)).probe()
    except SwarmError:
        return False


async def ledger(options):
    async with network_of(options) as network:
        await network.read_ledger()
        for entry in network.ledger.items(options.prefix):
            show({"key": entry.key, "author": entry.node, "stamp_ms": entry.stamp >> 16, "value": base64.b64encode(entry.value).decode()})


async def watch_members(options):
    async with network_of(options) as network:
        async for event in watch(network):
            show(event)


async def call(options):
    if options.client:
        await call_as_client(options)
        return
    async with network_of(options) as network:
        if options.node:
            await network.read_ledger()
        member = await (network.member(options.node) if options.node else network.join())
        await print_answer(member.caller, options)


async def call_as_client(options):
    """With the file of `zswarm token client`: such a client has no token, so it is told where a member listens, and under which key."""
    if not options.at or not options.key:
        raise SwarmError("not_found", "--client needs --at HOST:PORT and --key of a member's dispatch socket: zswarm nodes --json shows them")
    try:
        kept = json.loads(pathlib.Path(options.client).read_text())
        public, secret, server_key = (z85.decode(key) for key in (kept["public"], kept["secret"], options.key))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SwarmError("malformed", f"{options.client} is no client's file, or --key is no key") from error
    if not len(public) == len(secret) == len(server_key) == 32:
        raise SwarmError("malformed", f"{options.client} is no client's file, or --key is no key")
    context = zmq.asyncio.Context()
    caller = Caller(context, options.at, server_key, CurveKeys(public, secret))
    try:
        await print_answer(caller, options)
    finally:
        await caller.close()
        context.destroy(linger=200)


async def print_answer(caller, options):
    stream = await caller.call(options.service, options.payload.encode(), deadline_s=options.deadline, window=(options.window, 1 << 20))
    seen = 0
    async for event in stream:
        show(readable(event.payload))
        seen += 1
        if seen == options.events:
            await stream.cancel()
            return


def readable(payload):
    """What services of zswarm send is msgpack; other bytes are shown in base64."""
    try:
        value = msgpack.unpackb(payload, raw=False)
        json.dumps(value)
        return value
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return base64.b64encode(payload).decode()


def parse(arguments):
    parser = argparse.ArgumentParser(prog="zswarm_client", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--token", help="the network's token: text, file, or - for standard input (environment: ZSWARM_TOKEN)")
    common.add_argument("--contact", action="append", default=[], metavar="HOST:PORT", help="a member's join socket; the token may hold some")
    data = pathlib.Path(os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share")
    common.add_argument("--identity", default=data / "zswarm-client/identity", help="file of this client's keys, made if missing; one process at a time")
    common.add_argument("--name", default="", help="what members are shown, for people")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("members", parents=[common], help="who is in the network")
    one.add_argument("--probe", action="store_true", help="also ask each whether it answers")
    one.set_defaults(run=members)
    one = commands.add_parser("ledger", parents=[common], help="every entry, each checked")
    one.add_argument("prefix", nargs="?", default="")
    one.set_defaults(run=ledger)
    commands.add_parser("watch", parents=[common], help="who comes and goes, until Ctrl-C").set_defaults(run=watch_members)
    one = commands.add_parser("call", parents=[common], help="calls a service and prints its events")
    one.add_argument("service")
    one.add_argument("--node", help="the member to ask; without it the contact")
    one.add_argument("--payload", default="", help="text to send along")
    one.add_argument("--deadline", type=float, default=10, metavar="SECONDS")
    one.add_argument("--window", type=int, default=64, metavar="EVENTS", help="how many events may be on their way")
    one.add_argument("--events", type=int, default=0, metavar="N", help="cancel after so many events")
    one.add_argument("--client", metavar="FILE", help="call as a client that zswarm token client has admitted")
    one.add_argument("--at", metavar="HOST:PORT", help="the dispatch socket, for --client")
    one.add_argument("--key", metavar="Z85", help="the CURVE key of that node, for --client")
    one.set_defaults(run=call)
    return parser.parse_args(arguments)


def main():
    options = parse(None)
    try:
        asyncio.run(options.run(options))
    except SwarmError as error:
        sys.exit(f"zswarm_client: {error.sentence} ({error.code})")
    except OSError as error:
        sys.exit(f"zswarm_client: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
