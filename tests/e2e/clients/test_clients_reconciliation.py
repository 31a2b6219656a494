"""Two ledgers of the client in Python become one by turns alone, whatever either has."""
import random

import pytest
from zswarm_client import ranges
from zswarm_client.encoding import pack
from zswarm_client.entry import SIGN
from zswarm_client.errors import SwarmError
from zswarm_client.identity import Identity
from zswarm_client.ledger import LIFE_MS, Ledger
from zswarm_client.message import Type, read, write

NOW_MS = 1_800_000_000_000
NETWORK, OPERATOR = b"network!", Identity(bytes(range(32)), 1)
AUTHORS = [Identity(bytes([number]) * 32, 1) for number in range(3)]


def entry(author, key, stamp_ms=NOW_MS, value=b"", erased=False):
    content = [0, key, int(erased), value, stamp_ms << 16, author.sign_key]
    return pack(content + [author.sign(SIGN, pack([NETWORK] + content))])


def ledger_with(entries):
    ledger = Ledger(NETWORK, OPERATOR.sign_key)
    for data in entries:
        assert ledger.merge(data, NOW_MS)[0] == "new"
    return ledger


def contents(ledger):
    return [one.hash for one in ledger.order.entries]


def over_the_wire(turn):
    """As the other side reads it."""
    from_opener, received = ranges.read_turn(read(ranges.write_turn(7, turn)).fields)
    assert from_opener and received == turn
    return received


def reconcile(opener, responder):
    """The number of turns."""
    nonce, sides = random.randbytes(16), [responder, opener]
    turn = ranges.TurnMaker(opener.order, nonce).opening(b"")
    for number in range(1000):
        if turn.state == ranges.DONE:
            return number
        maker = ranges.TurnMaker(sides[0].order, nonce)
        turn = over_the_wire(maker.answer(over_the_wire(turn)))
        for data in maker.entries:
            assert sides[1].merge(data, NOW_MS)[0] == "new"
        sides.reverse()
    raise AssertionError("no end")


@pytest.mark.parametrize("common, here, there", [(0, 0, 0), (0, 0, 1), (0, 300, 0), (5, 1, 1), (40, 0, 40), (500, 3, 5), (700, 100, 100)])
def test_both_end_with_what_either_had(common, here, there):
    author = AUTHORS[0]
    numbers = random.Random(common).sample(range(100_000), common + here + there)
    entries = [entry(author, f"node/{author.node}/{number}", NOW_MS - number) for number in numbers]
    opener, responder = ledger_with(entries[:common + here]), ledger_with(entries[:common] + entries[common + here:])
    assert reconcile(opener, responder) <= 12
    assert contents(opener) == contents(responder) and len(opener) == len(entries)


def test_equal_ledgers_need_one_turn():
    author = AUTHORS[0]
    entries = [entry(author, f"node/{author.node}/{number}", NOW_MS - number) for number in range(200)]
    assert reconcile(ledger_with(entries), ledger_with(reversed(entries))) == 1


def test_entries_beyond_a_turns_limit_come_in_later_ones():
    author = AUTHORS[0]
    entries = [entry(author, f"node/{author.node}/{number}", NOW_MS - number, bytes(8000)) for number in range(60)]  # over seven turns' worth
    opener, responder = ledger_with([]), ledger_with(entries)
    reconcile(opener, responder)
    assert contents(opener) == contents(responder)


A, B, C = AUTHORS
JUDGED = [
    ("foreign key", entry(A, f"node/{B.node}/x"), "forbidden"),
    ("operator's key", entry(A, f"network/revoked/{B.node}"), "forbidden"),
    ("key without a third part", entry(A, f"node/{A.node}"), "forbidden"),
    ("model", entry(A, f"model/0123/{A.node}"), "new"),
    ("another's model", entry(A, f"model/0123/{B.node}"), "forbidden"),
    ("placement", entry(A, "placement/m", value=(7).to_bytes(8, "big")), "new"),
    ("placement without epoch", entry(A, "placement/m", value=bytes(8)), "forbidden"),
    ("placement from the future", entry(A, "placement/m", value=(2**63).to_bytes(8, "big")), "forbidden"),
    ("far ahead", entry(A, f"node/{A.node}/x", NOW_MS + 5001), "ahead"),
    ("a little ahead", entry(A, f"node/{A.node}/x", NOW_MS + 5000), "new"),
    ("past its life", entry(A, f"node/{A.node}/x", NOW_MS - LIFE_MS - 1), "stale"),
    ("old word of the operator", entry(OPERATOR, f"network/revoked/{B.node}", NOW_MS - 2 * LIFE_MS), "new"),
    ("value of a tombstone", entry(A, f"node/{A.node}/x", value=b"1", erased=True), "malformed"),
    ("one part", entry(A, "node"), "malformed"),
    ("control character", entry(A, f"node/{A.node}/\n"), "malformed"),
    ("no msgpack", b"\xc1", "malformed"),
    ("nested without end", b"\x91" * 100_000, "malformed"),
    ("claims four billion elements", b"\xdd\xff\xff\xff\xff", "malformed"),
]


@pytest.mark.parametrize("data, verdict", [(data, verdict) for _, data, verdict in JUDGED], ids=[what for what, _, _ in JUDGED])
def test_an_entry_is_judged_as_the_specification_says(data, verdict):
    ledger = Ledger(NETWORK, OPERATOR.sign_key)
    assert ledger.merge(data, NOW_MS)[0] == verdict and len(ledger) == (verdict == "new")


def test_the_later_entry_stays_in_any_order():
    key = f"node/{A.node}/x"
    old, erased, new = entry(A, key, NOW_MS - 2, b"old"), entry(A, key, NOW_MS - 1, erased=True), entry(A, key, NOW_MS, b"new")
    for order in ([old, erased, new], [new, erased, old], [erased, new, old]):
        ledger = Ledger(NETWORK, OPERATOR.sign_key)
        verdicts = [ledger.merge(data, NOW_MS)[0] for data in order]
        assert ledger.get(key).value == b"new" and ledger.merge(new, NOW_MS)[0] == "duplicate" and set(verdicts) <= {"new", "older"}


def test_a_revoked_node_loses_its_entries_and_gets_them_back_when_it_is_let_in():
    kept, lost = entry(A, f"node/{A.node}/x"), entry(B, f"node/{B.node}/x")
    ledger = ledger_with([kept, lost, entry(OPERATOR, f"network/revoked/{B.node}")])
    assert [one.key for one in ledger.items("node/")] == [f"node/{A.node}/x"] and ledger.merge(lost, NOW_MS)[0] == "revoked"
    assert ledger.merge(entry(OPERATOR, f"network/revoked/{B.node}", NOW_MS + 1, erased=True), NOW_MS)[0] == "new"
    assert ledger.merge(lost, NOW_MS)[0] == "new"


@pytest.mark.parametrize("fingerprints, lists", [
    ([[b"\x02", bytes(12), b"\x01"]], []), ([[b"\x01", bytes(12), b"\x01\x00"]], []), ([[b"", bytes(11), b""]], []), ([[b"", bytes(12)]], []),
    ([[b"", bytes(12), b"", bytes(12), b""]], []), ([], [b"", b"", b"12345"]), ([], [b"", b""]), ([], [bytes(41), b"", b""]),
    ([], [b"", b"", bytes(6 * 16385)]), ([[b"", bytes(12), b""]] * 2049, []), ("", []), ([], [1, 2, 3]),
], ids=["backwards", "empty range", "short fingerprint", "no upper bound", "behind the end", "half an id", "no ids", "long bound", "too many ids", "too many ranges",
        "a text", "numbers"])
def test_a_malformed_turn_is_refused(fingerprints, lists):
    message = read(write(Type.SYNC_RANGES, [False, 0, fingerprints, lists, []]))
    with pytest.raises(SwarmError) as refused:
        ranges.read_turn(message.fields)
    assert refused.value.code == "malformed"
