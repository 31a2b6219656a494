"""Nodes of one network in a lab, and what a test asks of them from outside."""
import contextlib
import json

import harness
import member
import zmtp


class Swarm:
    """`count` nodes of a new network, not started yet. The operator's key lies in the data folder of one of them."""

    def __init__(self, lab, count, operator=0):
        self.lab = lab
        self.nodes = [lab.node(f"n{i + 1}") for i in range(count)]
        self.operator = self.nodes[operator]
        self.token = lab.write("network.token", self.command("token", "new", "--json")["token"])
        self.tester = lab.place("tester")

    def start(self, *flags, nodes=None):
        """All at once; ready when this returns."""
        nodes = nodes or self.nodes
        for node in nodes:
            node.launch(self.token, *flags)
        for node in nodes:
            node.wait_ready()
        return self

    def add(self, name):
        node = self.lab.node(name)
        self.nodes.append(node)
        return node

    def command(self, *arguments, node=None):
        """What the command prints as JSON, run with the data folder of a node (default: the operator's)."""
        data = (node or self.operator).data
        done = self.lab.run(*arguments, "--data", data, data=data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else None

    def member_token(self):
        return member.Token(self.token.read_text().strip())

    def python_member(self, place=None, **options):
        """A member in Python; its sockets are of this place."""
        return member.Member(self.member_token(), (place or self.tester).connect, **options)

    def make_client(self, node, name):
        """Keys of a client that this node admits for the whole network: an entry in the ledger."""
        file = self.lab.folder / f"{name}.client"
        self.command("token", "client", "--out", file, node=node)
        made = json.loads(file.read_text())
        return member.z85_decoded(made["public"]), member.z85_decoded(made["secret"])

    def call(self, node, keys, place=None, within_s=5.0):
        """What zswarm.info answers at this node's dispatch socket over a fresh connection."""
        connected = (place or self.tester).connect(node.sockets["dispatch"], within_s)
        with member.Caller(connected, node.curve_key(), keys, within_s=within_s) as caller:
            return caller.info(within_s)

    def admits(self, node, keys, place=None):
        """Whether a client with these keys can call this node: whether the entry has come there."""
        with contextlib.suppress(zmtp.Refused, zmtp.Closed):
            return self.call(node, keys, place)["id"] == node.id
        return False

    def wait_admitted(self, nodes, keys, within_s, place=None):
        return harness.wait_until(lambda: all(self.admits(node, keys, place) for node in nodes), within_s, "a client made at one node is admitted at the others")

    def wait_refused(self, nodes, keys, within_s, place=None):
        return harness.wait_until(lambda: not any(self.admits(node, keys, place) for node in nodes), within_s, "a client that was revoked is refused")


def client_id(keys):
    return member.check.base32(member.check.blake2b(keys[0])[:16])
