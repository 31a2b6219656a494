// Two ledgers of the client in Node become one by turns alone, whatever either has; and what it refuses.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { identityFrom } from "../../../examples/node/lib/identity.js";
import { Ledger } from "../../../examples/node/lib/ledger.js";
import { Type, readMessage, writeMessage } from "../../../examples/node/lib/message.js";
import { pack } from "../../../examples/node/lib/pack.js";
import { State, readTurn, writeTurn } from "../../../examples/node/lib/ranges.js";
import { TurnMaker } from "../../../examples/node/lib/turns.js";

const NOW_MS = 1_800_000_000_000;
const LIFE_MS = 24 * 3600 * 1000;
const NETWORK = Buffer.from("network!");
const identity = (number) => identityFrom(Buffer.alloc(32, number), 1);
const operator = identity(99);
const [a, b] = [identity(1), identity(2)];

function entry(author, key, { stampMs = NOW_MS, value = Buffer.alloc(0), erased = false } = {}) {
  const content = [0, key, erased ? 1 : 0, value, BigInt(stampMs) << 16n, author.signKey];
  return pack([...content, author.sign("zswarm ledger entry", pack([NETWORK, ...content]))]);
}

function ledgerWith(entries) {
  const ledger = new Ledger(NETWORK, operator.signKey);
  for (const data of entries) assert.equal(ledger.merge(data, NOW_MS).verdict, "new");
  return ledger;
}

const contents = (ledger) => ledger.order.entries.map((one) => one.hash.toString("hex"));

/** As the other side reads it. */
function overTheWire(turn) {
  const { fromOpener, turn: received } = readTurn(readMessage(writeTurn(7, turn)).fields);
  assert.ok(fromOpener);
  assert.deepEqual(JSON.stringify(received), JSON.stringify(turn));
  return received;
}

/** The number of turns. */
function reconcile(opener, responder) {
  const nonce = randomBytes(16);
  const sides = [responder, opener];
  let turn = new TurnMaker(opener.order, nonce).opening(Buffer.alloc(0));
  for (let number = 0; number < 1000; number++) {
    if (turn.state === State.DONE) return number;
    const maker = new TurnMaker(sides[0].order, nonce);
    turn = overTheWire(maker.answer(overTheWire(turn)));
    for (const data of maker.entries) assert.equal(sides[1].merge(data, NOW_MS).verdict, "new");
    sides.reverse();
  }
  throw new Error("no end");
}

const numbered = (count, value) => [...Array(count).keys()].map((number) => entry(a, `node/${a.node}/${number}`, { stampMs: NOW_MS - number, value }));

test("both end with what either had", () => {
  for (const [common, here, there] of [[0, 0, 0], [0, 0, 1], [0, 200, 0], [5, 1, 1], [40, 0, 40], [300, 3, 5], [300, 60, 60]]) {
    const entries = numbered(common + here + there).sort((one, other) => Buffer.compare(one.subarray(-32), other.subarray(-32))); // signatures: any order
    const opener = ledgerWith(entries.slice(0, common + here));
    const responder = ledgerWith([...entries.slice(0, common), ...entries.slice(common + here)]);
    assert.ok(reconcile(opener, responder) <= 12);
    assert.deepEqual(contents(opener), contents(responder));
    assert.equal(opener.size, entries.length);
  }
});

test("equal ledgers need one turn", () => {
  const entries = numbered(200);
  assert.equal(reconcile(ledgerWith(entries), ledgerWith(entries.reverse())), 1);
});

test("entries beyond a turn's limit come in later ones", () => {
  const [opener, responder] = [ledgerWith([]), ledgerWith(numbered(60, Buffer.alloc(8000)))];
  reconcile(opener, responder);
  assert.deepEqual(contents(opener), contents(responder));
});

const epoch = (number) => {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(number);
  return value;
};
const judged = {
  "foreign key": [entry(a, `node/${b.node}/x`), "forbidden"],
  "operator's key": [entry(a, `network/revoked/${b.node}`), "forbidden"],
  "key without a third part": [entry(a, `node/${a.node}`), "forbidden"],
  model: [entry(a, `model/0123/${a.node}`), "new"],
  "another's model": [entry(a, `model/0123/${b.node}`), "forbidden"],
  placement: [entry(a, "placement/m", { value: epoch(7n) }), "new"],
  "placement without epoch": [entry(a, "placement/m", { value: epoch(0n) }), "forbidden"],
  "placement from the future": [entry(a, "placement/m", { value: epoch(1n << 63n) }), "forbidden"],
  "far ahead": [entry(a, `node/${a.node}/x`, { stampMs: NOW_MS + 5001 }), "ahead"],
  "a little ahead": [entry(a, `node/${a.node}/x`, { stampMs: NOW_MS + 5000 }), "new"],
  "past its life": [entry(a, `node/${a.node}/x`, { stampMs: NOW_MS - LIFE_MS - 1 }), "stale"],
  "old word of the operator": [entry(operator, `network/revoked/${b.node}`, { stampMs: NOW_MS - 2 * LIFE_MS }), "new"],
  "value of a tombstone": [entry(a, `node/${a.node}/x`, { value: Buffer.from("1"), erased: true }), "malformed"],
  "one part": [entry(a, "node"), "malformed"],
  "control character": [entry(a, `node/${a.node}/\n`), "malformed"],
  "no msgpack": [Buffer.from([0xc1]), "malformed"],
  "nested without end": [Buffer.alloc(10_000, 0x91), "malformed"],
  "claims four billion elements": [Buffer.from("ddffffffff", "hex"), "malformed"],
};

test("an entry is judged as the specification says", () => {
  for (const [what, [data, verdict]] of Object.entries(judged)) {
    const ledger = new Ledger(NETWORK, operator.signKey);
    assert.equal(ledger.merge(data, NOW_MS).verdict, verdict, what);
    assert.equal(ledger.size, verdict === "new" ? 1 : 0);
  }
});

test("the later entry stays in any order", () => {
  const key = `node/${a.node}/x`;
  const old = entry(a, key, { stampMs: NOW_MS - 2, value: Buffer.from("old") });
  const erased = entry(a, key, { stampMs: NOW_MS - 1, erased: true });
  const fresh = entry(a, key, { value: Buffer.from("new") });
  for (const order of [[old, erased, fresh], [fresh, erased, old], [erased, fresh, old]]) {
    const ledger = new Ledger(NETWORK, operator.signKey);
    for (const data of order) assert.ok(["new", "older"].includes(ledger.merge(data, NOW_MS).verdict));
    assert.equal(ledger.get(key).value.toString(), "new");
    assert.equal(ledger.merge(fresh, NOW_MS).verdict, "duplicate");
  }
});

test("a revoked node loses its entries and gets them back when it is let in", () => {
  const [kept, lost] = [entry(a, `node/${a.node}/x`), entry(b, `node/${b.node}/x`)];
  const ledger = ledgerWith([kept, lost, entry(operator, `network/revoked/${b.node}`)]);
  assert.deepEqual(ledger.items("node/").map((one) => one.node), [a.node]);
  assert.equal(ledger.merge(lost, NOW_MS).verdict, "revoked");
  assert.equal(ledger.merge(entry(operator, `network/revoked/${b.node}`, { stampMs: NOW_MS + 1, erased: true }), NOW_MS).verdict, "new");
  assert.equal(ledger.merge(lost, NOW_MS).verdict, "new");
});

test("a malformed turn is refused", () => {
  const none = Buffer.alloc(0);
  const print = Buffer.alloc(12);
  const malformed = {
    backwards: [[[Buffer.from([2]), print, Buffer.from([1])]], []],
    "empty range": [[[Buffer.from([1]), print, Buffer.from([1, 0])]], []],
    "short fingerprint": [[[none, Buffer.alloc(11), none]], []],
    "no upper bound": [[[none, print]], []],
    "behind the end": [[[none, print, none, print, none]], []],
    "half an id": [[], [none, none, Buffer.alloc(5)]],
    "no ids": [[], [none, none]],
    "long bound": [[], [Buffer.alloc(41), none, none]],
    "too many ids": [[], [none, none, Buffer.alloc(6 * 16385)]],
    "too many ranges": [Array(2049).fill([none, print, none]), []],
    "a text": ["", []],
    numbers: [[], [1, 2, 3]],
  };
  for (const [what, [fingerprints, lists]] of Object.entries(malformed)) {
    const { fields } = readMessage(writeMessage(Type.SYNC_RANGES, [false, 0, fingerprints, lists, []]));
    assert.throws(() => readTurn(fields), { code: "malformed" }, what);
  }
});
