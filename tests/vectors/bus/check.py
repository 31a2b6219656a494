"""Test vectors of the bus: tokens, derived keys, identities, cards, beacons and entries of the ledger, computed a second time from PROTOCOL.md.

    check.py            compares what stands in the JSON files beside it with what it computes
    check.py --write    writes them

The inputs stand here, the C++ tests and the clients in other languages read the files. Byte strings are hexadecimal, 64-bit numbers are decimal
strings (JavaScript's numbers are too short for them). Nothing of zswarm's own code is used: PyNaCl for Curve25519, Ed25519 and XChaCha20-Poly1305, hashlib for the
rest, msgpack for the body of a card.
"""
import hashlib
import json
import pathlib
import struct
import sys

import msgpack
from nacl import bindings

FOLDER = pathlib.Path(__file__).resolve().parent

BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def base32(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(BASE32[int(bits[i:i + 5], 2)] for i in range(0, len(bits), 5))


def z85(data):
    text = ""
    for (value,) in struct.iter_unpack(">I", data):
        text += "".join(Z85[value // 85**i % 85] for i in (4, 3, 2, 1, 0))
    return text


def blake2b(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def with_purpose(purpose, data):
    return bytes([len(purpose)]) + purpose + data


# Tokens


def token_payload(token):
    out = struct.pack(">BI", 1, token["epoch"]) + bytes.fromhex(token["secret"]) + bytes.fromhex(token["operator_key"])
    if token["expires_s"] is None:
        out += b"\0"
    else:
        out += b"\1" + struct.pack(">Q", int(token["expires_s"]))
    out += bytes([len(token["bootstrap"])])
    for endpoint in token["bootstrap"]:
        out += bytes([len(endpoint)]) + endpoint.encode()
    return out


def token_text(payload):
    return "zsw1" + base32(payload + blake2b(b"zsw1" + payload)[:4])


# Keys


def curve_pair(seed):
    secret = hashlib.sha512(seed).digest()[:32]
    public = bindings.crypto_scalarmult_base(secret)
    return {"public": public.hex(), "public_z85": z85(public), "secret": secret.hex(), "secret_z85": z85(secret)}


def sub_key(secret, number):
    """crypto_kdf_derive_from_key: BLAKE2b with the number as salt and the context as personalisation."""
    return hashlib.blake2b(b"", digest_size=32, key=secret, salt=struct.pack("<QQ", number, 0), person=b"zswarm-1".ljust(16, b"\0")).digest()


def network_id(operator_key):
    return blake2b(operator_key)[:8]


def network_keys(secret, operator_key):
    network = network_id(operator_key)
    return {"network_id": network.hex(), "network": base32(network), "join_server": curve_pair(sub_key(secret, 2)), "join_client": curve_pair(sub_key(secret, 3)),
            "beacon_key": sub_key(secret, 4).hex(), "membership_key": sub_key(secret, 5).hex()}


def identity(seed):
    public, _ = bindings.crypto_sign_seed_keypair(seed)
    curve = curve_pair(seed)
    assert bindings.crypto_sign_ed25519_pk_to_curve25519(public).hex() == curve["public"]
    node = blake2b(public)[:16]
    return {"sign_key": public.hex(), "curve": curve, "node_id": node.hex(), "node": base32(node)}


def sign(seed, purpose, data):
    _, secret = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign(with_purpose(purpose, data), secret)[:64]


def sealed_token(text, node_seed, ephemeral_seed):
    """crypto_box_seal, with an ephemeral key that is the same each time."""
    public, ephemeral = bytes.fromhex(identity(node_seed)["curve"]["public"]), curve_pair(ephemeral_seed)
    ephemeral_public = bytes.fromhex(ephemeral["public"])
    nonce = hashlib.blake2b(ephemeral_public + public, digest_size=24).digest()
    return ephemeral_public + bindings.crypto_box(text.encode(), nonce, public, bytes.fromhex(ephemeral["secret"]))


# Cards


def card_body(card, seed):
    keys = identity(seed)
    return msgpack.packb([1, card["epoch"], bytes.fromhex(keys["sign_key"]), bytes.fromhex(keys["curve"]["public"]), int(card["incarnation"]), int(card["instance"]),
                          card["name"], card["version"], card["roles"], card["labels"], card["sockets"]])


def seal(body, seed, network_secret):
    signature = sign(seed, b"zswarm card", body)
    mac = blake2b(with_purpose(b"zswarm card mac", body + signature), key=sub_key(network_secret, 5))
    return msgpack.packb([body, signature, mac])


# The ledger


def entry_content(entry, author):
    return [entry["cell"], entry["key"], 1 if entry["erased"] else 0, bytes.fromhex(entry["value"]), int(entry["stamp"]), author]


def entry_vector(seed, network, entry):
    author = bytes.fromhex(identity(seed)["sign_key"])
    content = entry_content(entry, author)
    signed = msgpack.packb([network] + content)
    signature = sign(seed, b"zswarm ledger entry", signed)
    return {**entry, "seed": seed.hex(), "signed": signed.hex(), "hash": blake2b(signed).hex(), "entry": msgpack.packb(content + [signature]).hex()}


def keyed_128(nonce, data, size):
    return hashlib.blake2b(data, digest_size=16, key=nonce).digest()[:size]


def fingerprint(nonce, hashes):
    total = sum(int.from_bytes(h, "little") for h in hashes) % 2**256
    return keyed_128(nonce, total.to_bytes(32, "little") + struct.pack("<Q", len(hashes)), 12)


def position(entry):
    permanent = 1 << 63 if entry["key"].startswith("network/") else 0
    return struct.pack(">Q", int(entry["stamp"]) | permanent) + bytes.fromhex(entry["hash"])


def bound_between(below, above):
    differ = next(i for i in range(40) if below[i] != above[i])
    return above[:differ + 1]


# Beacons


def beacon_body(beacon, major=1):
    node = bytes.fromhex(identity(secret_of("node"))["node_id"])
    return msgpack.packb([major, 0, int(beacon["time_ms"]), node, int(beacon["instance"]), 1 if beacon["seeking"] else 0, beacon["port"], beacon["endpoints"]])


def seal_beacon(body, key, nonce, length=None):
    plain = struct.pack(">H", len(body) if length is None else length) + body
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain.ljust(216, b"\0"), b"zswarm beacon", nonce, key)


# The vectors: fixed inputs, and what follows from them


def secret_of(name):
    return hashlib.sha256(name.encode()).digest()


def tokens():
    operator = identity(secret_of("operator"))["sign_key"]
    plain = {"epoch": 1, "secret": secret_of("network").hex(), "operator_key": operator, "expires_s": None, "bootstrap": []}
    tokens = [
        plain,
        {**plain, "epoch": 4294967295, "expires_s": "4102444800"},
        {**plain, "epoch": 2, "secret": "00" * 32, "bootstrap": ["192.0.2.7:7000"]},
        {**plain, "expires_s": "253402300799", "bootstrap": ["[2001:db8::7]:7000", "node.example.org:65535", "192.0.2.7:1"] + [f"n{i}.example:7" for i in range(5)]},
        {**plain, "expires_s": "1000000000"},
    ]
    payload = token_payload(plain)
    good = token_text(payload)
    wrong = {
        "one character mistyped": ("malformed", good[:40] + ("0" if good[40] != "0" else "1") + good[41:]),
        "a part is missing": ("malformed", good[:100]),
        "another word": ("malformed", "hello"),
        "format 2": ("unsupported", token_text(b"\2" + payload[1:])),
        "format 0": ("malformed", token_text(b"\0" + payload[1:])),
        "a flag that format 1 has not": ("malformed", token_text(payload[:69] + b"\2" + payload[70:])),
        "bytes left over": ("malformed", token_text(payload + b"\0")),
        "nine endpoints": ("malformed", token_text(token_payload({**plain, "bootstrap": [f"n{i}.example:7" for i in range(9)]}))),
        "an endpoint without a port": ("malformed", token_text(token_payload({**plain, "bootstrap": ["node.example.org"]}))),
    }
    return {"valid": [{**token, "token": token_text(token_payload(token))} for token in tokens],
            "invalid": [{"what": what, "token": text, "error": error} for what, (error, text) in wrong.items()]}


def keys():
    operator, other = (bytes.fromhex(identity(secret_of(name))["sign_key"]) for name in ("operator", "other"))
    return {"networks": [{"secret": secret.hex(), "operator_key": key.hex(), **network_keys(secret, key)}
                         for secret, key in ((secret_of("network"), operator), (bytes(32), operator), (b"\xff" * 32, other))],
            "identities": [{"seed": seed.hex(), **identity(seed)} for seed in (secret_of("node"), bytes(32), b"\xff" * 32)],
            "sealed_tokens": [{"seed": seed.hex(), "token": token, "sealed": sealed_token(token, seed, secret_of("ephemeral")).hex()}
                              for seed, token in ((secret_of("node"), tokens()["valid"][0]["token"]), (b"\xff" * 32, tokens()["valid"][3]["token"]))],
            "signatures": [{"seed": seed.hex(), "purpose": purpose.decode(), "bytes": data.hex(), "signature": sign(seed, purpose, data).hex()}
                           for seed, purpose, data in ((secret_of("node"), b"zswarm test", b""), (bytes(32), b"p" * 255, bytes(range(256))))],
            "macs": [{"key": key.hex(), "purpose": purpose.decode(), "bytes": data.hex(), "mac": blake2b(with_purpose(purpose, data), key=key).hex()}
                     for key, purpose, data in ((secret_of("node"), b"zswarm test", b""), (bytes(32), b"p" * 255, bytes(range(256))))]}


def cards():
    seed, network = secret_of("node"), secret_of("network")
    small = {"epoch": 1, "incarnation": "1048576", "instance": "1", "name": "", "version": "", "roles": [], "labels": [], "sockets": [""] * 5}
    large = {"epoch": 4294967295, "incarnation": "18446744073709551615", "instance": "18364758544493064720", "name": "küche", "version": "0.1.0",
             "roles": ["worker", "gateway"], "labels": [["zone", "cellar"], ["os.arch", "x86-64"]],
             "sockets": ["192.0.2.7:7000", "192.0.2.7:7001", "[2001:db8::7]:7002", "node.example.org:7003", ""]}
    body = card_body(small, seed)
    other = card_body(small, secret_of("other"))
    fields = msgpack.unpackb(body)
    foreign_curve = msgpack.packb(fields[:3] + [bytes.fromhex(identity(secret_of("other"))["curve"]["public"])] + fields[4:])
    later = msgpack.packb(fields[:10] + [["", "", "", "", "[::1]:5", "a sixth socket"], "a twelfth element"])
    wrong = {
        "another network's token": ("refused", seal(body, seed, secret_of("elsewhere"))),
        "another epoch": ("refused", seal(card_body({**small, "epoch": 2}, seed), seed, network)),
        "signed by another node": ("refused", seal(other, seed, network)),
        "another node's CURVE key": ("refused", seal(foreign_curve, seed, network)),
        "format 2": ("unsupported", seal(msgpack.packb([2] + fields[1:]), seed, network)),
        "an element too few": ("malformed", seal(msgpack.packb(fields[:10]), seed, network)),
        "a control character in the name": ("malformed", seal(card_body({**small, "name": "a\x1bb"}, seed), seed, network)),
        "an endpoint that is none": ("malformed", seal(card_body({**small, "sockets": ["host", "", "", "", ""]}, seed), seed, network)),
        "an endpoint not in its shortest form": ("malformed", seal(card_body({**small, "sockets": ["[2001:DB8::7]:7000", "", "", "", ""]}, seed), seed, network)),
        "a label twice": ("malformed", seal(card_body({**small, "labels": [["a", "1"], ["a", "2"]]}, seed), seed, network)),
        "over 1 KiB": ("too_large", seal(card_body({**small, "labels": [[f"k{i}", "v" * 64] for i in range(16)]}, seed), seed, network)),
        "a longer msgpack form": ("malformed", b"\xdc\0\3" + seal(body, seed, network)[1:]),
        "cut": ("malformed", seal(body, seed, network)[:-1]),
    }
    return {"network_secret": network.hex(), "seed": seed.hex(),
            "valid": [{**card, "body": card_body(card, seed).hex(), "card": seal(card_body(card, seed), seed, network).hex()} for card in (small, large)],
            "later_version": {"epoch": 1, "stage": "[::1]:5", "card": seal(later, seed, network).hex()},
            "invalid": [{"what": what, "epoch": 1, "card": card.hex(), "error": error} for what, (error, card) in wrong.items()]}


def ledger():
    node, operator, network, nonce = secret_of("node"), secret_of("operator"), bytes.fromhex("0123456789abcdef"), bytes(range(16))
    own, revoked = identity(node)["node"], identity(secret_of("other"))["node"]
    plain = {"cell": 0, "key": f"node/{own}/x", "erased": False, "value": "01", "stamp": str(1800000000000 << 16)}
    entries = [
        entry_vector(node, network, plain),
        entry_vector(node, network, {**plain, "erased": True, "value": "", "stamp": str((1800000000000 << 16) + 1)}),
        entry_vector(node, network, {**plain, "cell": 4294967295, "value": "ff" * 300, "stamp": str(2**63 - 1)}),
        entry_vector(node, network, {**plain, "key": "placement/m", "value": "000000000000000773746167", "stamp": str(1800000001000 << 16)}),
        entry_vector(operator, network, {**plain, "key": f"network/revoked/{revoked}", "value": ""}),
    ]
    hashes = [bytes.fromhex(entry["hash"]) for entry in entries]
    order = sorted(position(entry) for entry in entries)
    return {"network": network.hex(), "nonce": nonce.hex(), "operator": operator.hex(), "entries": entries,
            "short_ids": [keyed_128(nonce, h, 6).hex() for h in hashes],
            "fingerprints": [{"entries": count, "fingerprint": fingerprint(nonce, hashes[:count]).hex()} for count in range(len(hashes) + 1)],
            "positions": [p.hex() for p in order], "bounds": [bound_between(a, b).hex() for a, b in zip(order, order[1:])]}


def beacons():
    key, nonce = sub_key(secret_of("network"), 4), bytes(range(24))
    plain = {"time_ms": "1800000000123", "instance": "18364758544493064720", "seeking": True, "port": 7000, "endpoints": []}
    valid = [plain,
             {**plain, "seeking": False, "port": 0, "endpoints": ["192.0.2.7:7000", "[2001:db8::7]:7000", "node.example.org:65535"]},
             {**plain, "time_ms": str(2**48 - 1), "instance": "0", "port": 65535}]
    body = beacon_body(plain)
    sealed = seal_beacon(body, key, nonce)
    fields = msgpack.unpackb(body)
    wrong = {
        "another network's": ("refused", seal_beacon(body, sub_key(secret_of("elsewhere"), 4), nonce)),
        "changed on the way": ("refused", sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:]),
        "a byte too short": ("malformed", sealed[:-1]),
        "a byte too long": ("malformed", sealed + b"\0"),
        "a length beyond the plain bytes": ("malformed", seal_beacon(body, key, nonce, 215)),
        "an empty body": ("malformed", seal_beacon(b"", key, nonce)),
        "another major version": ("unsupported", seal_beacon(beacon_body(plain, 2), key, nonce)),
        "a time of more than 48 bits": ("malformed", seal_beacon(beacon_body({**plain, "time_ms": str(2**48)}), key, nonce)),
        "an element too few": ("malformed", seal_beacon(msgpack.packb(fields[:7]), key, nonce)),
        "five endpoints": ("malformed", seal_beacon(beacon_body({**plain, "endpoints": [f"192.0.2.{i}:1" for i in range(5)]}), key, nonce)),
        "an endpoint without a port": ("malformed", seal_beacon(beacon_body({**plain, "endpoints": ["192.0.2.7"]}), key, nonce)),
    }
    return {"beacon_key": key.hex(),
            "valid": [{**beacon, "node": identity(secret_of("node"))["node"], "datagram": seal_beacon(beacon_body(beacon), key, nonce).hex()} for beacon in valid],
            "invalid": [{"what": what, "datagram": datagram.hex(), "error": error} for what, (error, datagram) in wrong.items()]}


FILES = {"tokens.json": tokens, "keys.json": keys, "cards.json": cards, "ledger.json": ledger, "beacons.json": beacons}


def text_of(name):
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True) + "\n"


def main(arguments):
    different = []
    for name in FILES:
        if arguments == ["--write"]:
            (FOLDER / name).write_text(text_of(name))
        elif (FOLDER / name).read_text() != text_of(name):
            different.append(name)
    for name in different:
        print(f"{name}: not what PROTOCOL.md says", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
