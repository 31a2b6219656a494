// The client in Node computes what the vectors of the protocol say.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { MAX_CARD_BYTES, sealCard, verifyCard } from "../../../examples/node/lib/card.js";
import { base32, base32Bytes, blake2b, withPurpose, z85, z85Bytes } from "../../../examples/node/lib/encoding.js";
import { encodeEntry, isSigned, readEntry } from "../../../examples/node/lib/entry.js";
import { identityFrom } from "../../../examples/node/lib/identity.js";
import { curveKeyOf, signatureFits } from "../../../examples/node/lib/keys.js";
import { Ledger, Order } from "../../../examples/node/lib/ledger.js";
import { pack } from "../../../examples/node/lib/pack.js";
import { boundBetween, fingerprint, shortId } from "../../../examples/node/lib/ranges.js";
import { networkKeys, parseToken } from "../../../examples/node/lib/token.js";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../vectors/bus/${name}.json`, import.meta.url)));
const bytes = (text) => Buffer.from(text, "hex");
const hex = (data) => Buffer.from(data).toString("hex");
const tokens = vectors("tokens");
const keys = vectors("keys");
const cards = vectors("cards");
const ledger = vectors("ledger");
const keysOf = (secret, epoch = 1, operator = Buffer.alloc(32)) => networkKeys({ epoch, secret: bytes(secret), operator });
const identity = (seed, incarnation = 1, instance = 1n) => identityFrom(bytes(seed), incarnation, instance);

test("a token is read", () => {
  for (const vector of tokens.valid) {
    for (const text of [vector.token, vector.token.toUpperCase(), ` ${vector.token.slice(0, 50)}\n\t${vector.token.slice(50)}\n`]) {
      const token = parseToken(text);
      assert.deepEqual([token.epoch, hex(token.secret), hex(token.operator)], [vector.epoch, vector.secret, vector.operator_key]);
      assert.equal(token.expiresS, vector.expires_s && BigInt(vector.expires_s));
      assert.deepEqual(token.bootstrap, vector.bootstrap);
    }
  }
});

test("a wrong token is refused and not repeated", () => {
  for (const { what, token, error } of tokens.invalid) {
    const parts = [...token].map((_, at) => token.slice(at, at + 8)).slice(4, -8);
    assert.throws(() => parseToken(token), (refused) => refused.code === error && !parts.some((part) => refused.message.includes(part)), what);
  }
});

test("the keys of a network follow from its token", () => {
  for (const vector of keys.networks) {
    const made = keysOf(vector.secret, 1, bytes(vector.operator_key));
    assert.equal(base32(made.network), vector.network);
    assert.equal(hex(made.joinServer), vector.join_server.public);
    assert.equal(z85(made.joinServer), vector.join_server.public_z85);
    assert.deepEqual(z85Bytes(vector.join_server.public_z85), made.joinServer);
    assert.deepEqual([hex(made.joinClient.public), hex(made.joinClient.secret)], [vector.join_client.public, vector.join_client.secret]);
    assert.equal(hex(made.membership), vector.membership_key);
  }
});

test("an identity follows from its seed", () => {
  for (const vector of keys.identities) {
    const made = identity(vector.seed);
    assert.deepEqual([hex(made.signKey), made.node, hex(base32Bytes(made.node))], [vector.sign_key, vector.node, vector.node_id]);
    assert.deepEqual([hex(made.curve.public), hex(made.curve.secret)], [vector.curve.public, vector.curve.secret]);
    assert.deepEqual(curveKeyOf(made.signKey), made.curve.public);
  }
});

test("signatures and MACs are those of the vectors", () => {
  for (const vector of keys.signatures) {
    const signer = identity(vector.seed);
    const data = bytes(vector.bytes);
    const signature = signer.sign(vector.purpose, data);
    assert.equal(hex(signature), vector.signature);
    assert.ok(signatureFits(signer.signKey, vector.purpose, data, signature));
    assert.ok(!signatureFits(signer.signKey, vector.purpose, Buffer.concat([data, Buffer.from("x")]), signature));
    assert.ok(!signatureFits(signer.signKey, "p", data, signature));
  }
  for (const vector of keys.macs) assert.equal(hex(blake2b(withPurpose(vector.purpose, bytes(vector.bytes)), 32, bytes(vector.key))), vector.mac);
});

test("a key of small order signs nothing", () => {
  const neutral = Buffer.alloc(32);
  neutral[0] = 1;
  const signature = Buffer.concat([neutral, Buffer.alloc(32)]); // fits every message, by the equation alone
  assert.ok(!signatureFits(neutral, "p", Buffer.alloc(0), signature));
  assert.ok(!signatureFits(Buffer.alloc(32, 0xff), "p", Buffer.alloc(0), signature));
});

test("a card is read and checked", () => {
  for (const vector of cards.valid) {
    const card = verifyCard(bytes(vector.card), keysOf(cards.network_secret, vector.epoch));
    assert.equal(card.node, identity(cards.seed).node);
    assert.deepEqual([String(card.incarnation), String(card.instance), card.name, card.version], [vector.incarnation, vector.instance, vector.name, vector.version]);
    assert.deepEqual([card.roles, [...card.labels], Object.values(card.sockets)], [vector.roles, vector.labels, vector.sockets]);
  }
});

test("a card is sealed byte for byte", () => {
  const [vector] = cards.valid;
  const own = identity(cards.seed, Number(vector.incarnation), BigInt(vector.instance));
  assert.equal(hex(sealCard(own, keysOf(cards.network_secret))), vector.card);
});

test("a card of a later version is read", () => {
  const { card, epoch, stage } = cards.later_version;
  assert.equal(verifyCard(bytes(card), keysOf(cards.network_secret, epoch)).sockets.stage, stage);
});

test("a wrong card is refused", () => {
  for (const { what, card, epoch, error } of cards.invalid)
    assert.throws(() => verifyCard(bytes(card), keysOf(cards.network_secret, epoch)), { code: error }, what);
  assert.throws(() => verifyCard(Buffer.alloc(MAX_CARD_BYTES + 1), keysOf(cards.network_secret)), { code: "too_large" });
});

test("an entry is read, checked and written as it was", () => {
  for (const vector of ledger.entries) {
    const data = bytes(vector.entry);
    const entry = readEntry(data, bytes(ledger.network));
    assert.deepEqual([entry.cell, entry.key, entry.erased, hex(entry.value), String(entry.stamp)], [vector.cell, vector.key, vector.erased, vector.value, vector.stamp]);
    assert.deepEqual([hex(entry.signed), hex(entry.hash)], [vector.signed, vector.hash]);
    assert.ok(isSigned(entry));
    assert.equal(hex(encodeEntry(entry)), vector.entry);
    for (const at of [4, data.length >> 1, data.length - 1]) {
      const changed = Buffer.from(data);
      changed[at] ^= 1;
      const empty = new Ledger(bytes(ledger.network), identity(ledger.operator).signKey);
      assert.notEqual(empty.merge(changed, Number(BigInt(vector.stamp) >> 16n)).verdict, "new");
    }
  }
});

test("short ids, fingerprints, positions and bounds are those of the vectors", () => {
  const nonce = bytes(ledger.nonce);
  const entries = ledger.entries.map((vector) => readEntry(bytes(vector.entry), bytes(ledger.network)));
  assert.deepEqual(entries.map((entry) => shortId(nonce, entry.hash)), ledger.short_ids);
  for (const vector of ledger.fingerprints) {
    const order = new Order(entries.slice(0, vector.entries));
    assert.equal(hex(fingerprint(nonce, order.sum(0, vector.entries), vector.entries)), vector.fingerprint);
  }
  const positions = new Order([...entries]).entries.map((entry) => entry.position);
  assert.deepEqual(positions.map(hex), ledger.positions);
  assert.deepEqual(positions.slice(1).map((position, at) => hex(boundBetween(positions[at], position))), ledger.bounds);
});

test("what is written has the shortest form of msgpack", () => {
  const forms = [
    [0, "00"], [127, "7f"], [128, "cc80"], [255, "ccff"], [256, "cd0100"], [65535, "cdffff"], [65536, "ce00010000"], [2 ** 32 - 1, "ceffffffff"],
    [2 ** 32, "cf0000000100000000"], [5n, "05"], [2n ** 64n - 1n, "cfffffffffffffffff"], [true, "c3"], [false, "c2"], ["", "a0"], ["ü", "a2c3bc"], [[], "90"],
    [Buffer.alloc(0), "c400"], [Buffer.from([1]), "c40101"],
  ];
  for (const [value, form] of forms) assert.equal(hex(pack(value)), form);
  for (const [value, head] of [["a".repeat(31), "bf"], ["a".repeat(32), "d920"], ["a".repeat(256), "da0100"], ["a".repeat(65536), "db00010000"],
    [Buffer.alloc(256), "c50100"], [Buffer.alloc(65536), "c600010000"], [Array(15).fill(1), "9f"], [Array(16).fill(1), "dc0010"], [Array(65536).fill(1), "dd00010000"]])
    assert.ok(hex(pack(value)).startsWith(head), head);
});

test("base32 takes what people write and nothing else", () => {
  assert.equal(base32(Buffer.from("foobar")), "csqpyrk1e8");
  for (const text of ["CSQPYRKIE8", "csqpyrkle8"]) assert.equal(base32Bytes(text).toString(), "foobar");
  for (const wrong of ["c", "cs!", "csu", "cz", "csqpyrk1e9", "\u212as"]) assert.equal(base32Bytes(wrong), null);
});
