"""The client in Python computes what the vectors of the protocol say."""
import json
import pathlib

import pytest
from zswarm_client import card as cards
from zswarm_client import ranges
from zswarm_client.encoding import base32, base32_bytes, blake2b, with_purpose
from zswarm_client.entry import read_entry
from zswarm_client.errors import SwarmError
from zswarm_client.identity import Identity, curve_key_of, node_of, signature_fits
from zswarm_client.ledger import Ledger, Order
from zswarm_client.token import Token, parse_token

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "vectors/bus"
TOKENS, KEYS, CARDS, LEDGER = (json.loads((VECTORS / f"{name}.json").read_text()) for name in ("tokens", "keys", "cards", "ledger"))


def keys_of(secret, epoch=1, operator=bytes(32)):
    return Token(epoch, bytes.fromhex(secret), operator, None, ()).keys()


@pytest.mark.parametrize("vector", TOKENS["valid"], ids=range(len(TOKENS["valid"])))
def test_a_token_is_read(vector):
    for text in (vector["token"], vector["token"].upper(), f" {vector['token'][:50]}\n\t{vector['token'][50:]}\n"):
        token = parse_token(text)
        assert (token.epoch, token.secret.hex(), token.operator.hex()) == (vector["epoch"], vector["secret"], vector["operator_key"])
        assert token.expires_s == (vector["expires_s"] and int(vector["expires_s"])) and list(token.bootstrap) == vector["bootstrap"]


@pytest.mark.parametrize("vector", TOKENS["invalid"], ids=lambda vector: vector["what"])
def test_a_wrong_token_is_refused_and_not_repeated(vector):
    with pytest.raises(SwarmError) as refused:
        parse_token(vector["token"])
    assert refused.value.code == vector["error"] and not any(vector["token"][at:at + 8] in refused.value.sentence for at in range(4, len(vector["token"]) - 8))


@pytest.mark.parametrize("vector", KEYS["networks"], ids=range(len(KEYS["networks"])))
def test_the_keys_of_a_network_follow_from_its_token(vector):
    keys = keys_of(vector["secret"], operator=bytes.fromhex(vector["operator_key"]))
    assert base32(keys.network) == vector["network"]
    assert keys.join_server.hex() == vector["join_server"]["public"] and keys.membership.hex() == vector["membership_key"]
    assert (keys.join_client.public.hex(), keys.join_client.secret.hex()) == (vector["join_client"]["public"], vector["join_client"]["secret"])


@pytest.mark.parametrize("vector", KEYS["identities"], ids=range(len(KEYS["identities"])))
def test_an_identity_follows_from_its_seed(vector):
    identity = Identity(bytes.fromhex(vector["seed"]), 1)
    assert (identity.sign_key.hex(), identity.node) == (vector["sign_key"], vector["node"])
    assert (identity.curve.public.hex(), identity.curve.secret.hex()) == (vector["curve"]["public"], vector["curve"]["secret"])
    assert curve_key_of(identity.sign_key) == identity.curve.public and base32_bytes(identity.node).hex() == vector["node_id"]


def test_signatures_and_macs_are_those_of_the_vectors():
    for vector in KEYS["signatures"]:
        identity, data, purpose = Identity(bytes.fromhex(vector["seed"]), 1), bytes.fromhex(vector["bytes"]), vector["purpose"].encode()
        signature = identity.sign(purpose, data)
        assert signature.hex() == vector["signature"] and signature_fits(identity.sign_key, purpose, data, signature)
        assert not signature_fits(identity.sign_key, purpose, data + b"x", signature) and not signature_fits(identity.sign_key, b"p", data, signature)
    for vector in KEYS["macs"]:
        assert blake2b(with_purpose(vector["purpose"].encode(), bytes.fromhex(vector["bytes"])), key=bytes.fromhex(vector["key"])).hex() == vector["mac"]


@pytest.mark.parametrize("vector", CARDS["valid"], ids=range(len(CARDS["valid"])))
def test_a_card_is_read_and_checked(vector):
    card = cards.verify(bytes.fromhex(vector["card"]), keys_of(CARDS["network_secret"], vector["epoch"]))
    assert card.node == Identity(bytes.fromhex(CARDS["seed"]), 1).node
    assert (str(card.incarnation), str(card.instance), card.name, card.version) == (vector["incarnation"], vector["instance"], vector["name"], vector["version"])
    assert list(card.roles) == vector["roles"] and [list(label) for label in card.labels.items()] == vector["labels"]
    assert list(card.sockets.values()) == vector["sockets"]


def test_a_card_is_sealed_byte_for_byte():
    vector = CARDS["valid"][0]
    identity = Identity(bytes.fromhex(CARDS["seed"]), int(vector["incarnation"]))
    identity.instance = int(vector["instance"])
    assert cards.seal(identity, keys_of(CARDS["network_secret"])).hex() == vector["card"]


def test_a_card_of_a_later_version_is_read():
    vector = CARDS["later_version"]
    assert cards.verify(bytes.fromhex(vector["card"]), keys_of(CARDS["network_secret"], vector["epoch"])).sockets["stage"] == vector["stage"]


@pytest.mark.parametrize("vector", CARDS["invalid"], ids=lambda vector: vector["what"])
def test_a_wrong_card_is_refused(vector):
    with pytest.raises(SwarmError) as refused:
        cards.verify(bytes.fromhex(vector["card"]), keys_of(CARDS["network_secret"], vector["epoch"]))
    assert refused.value.code == vector["error"]


@pytest.mark.parametrize("vector", LEDGER["entries"], ids=range(len(LEDGER["entries"])))
def test_an_entry_is_read_checked_and_written_as_it_was(vector):
    data = bytes.fromhex(vector["entry"])
    entry = read_entry(data, bytes.fromhex(LEDGER["network"]))
    assert (entry.cell, entry.key, entry.erased, entry.value.hex(), str(entry.stamp)) == tuple(vector[name] for name in ("cell", "key", "erased", "value", "stamp"))
    assert (entry.signed.hex(), entry.hash.hex()) == (vector["signed"], vector["hash"])
    assert entry.is_signed() and entry.encoded() == data
    for at in (4, len(data) // 2, len(data) - 1):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        operator = node_key(LEDGER["operator"])
        assert Ledger(entry_network(), operator).merge(changed, now_ms=int(vector["stamp"]) >> 16)[0] != "new"


def entry_network():
    return bytes.fromhex(LEDGER["network"])


def node_key(seed):
    return Identity(bytes.fromhex(seed), 1).sign_key


def test_short_ids_fingerprints_positions_and_bounds_are_those_of_the_vectors():
    nonce = bytes.fromhex(LEDGER["nonce"])
    entries = [read_entry(bytes.fromhex(vector["entry"]), entry_network()) for vector in LEDGER["entries"]]
    assert [ranges.short_id(nonce, entry.hash).hex() for entry in entries] == LEDGER["short_ids"]
    for vector in LEDGER["fingerprints"]:
        order = Order(entries[:vector["entries"]])
        assert ranges.fingerprint(nonce, order.sum(0, vector["entries"]), vector["entries"]).hex() == vector["fingerprint"]
    order = Order(entries)
    assert [position.hex() for position in order.positions] == LEDGER["positions"]
    assert [ranges.bound_between(*pair).hex() for pair in zip(order.positions, order.positions[1:])] == LEDGER["bounds"]


def test_base32_takes_what_people_write_and_nothing_else():
    assert base32(b"foobar") == "csqpyrk1e8" and base32_bytes("CSQPYRKIE8") == base32_bytes("csqpyrkle8") == b"foobar"
    assert node_of(bytes(32)) == base32(blake2b(bytes(32))[:16])
    for wrong in ("c", "cs!", "csu", "cz", "csqpyrk1e9", "\u212as"):
        with pytest.raises(ValueError):
            base32_bytes(wrong)
