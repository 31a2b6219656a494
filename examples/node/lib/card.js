// Cards: who a node is and where it is reached, signed (PROTOCOL.md, "Card").
import { timingSafeEqual } from "node:crypto";

import { blake2b, isPlain, isWord, withPurpose } from "./encoding.js";
import { canonicalEndpoint } from "./endpoint.js";
import { SwarmError, malformed } from "./errors.js";
import { curveKeyOf, nodeOf, signatureFits } from "./keys.js";
import { Fields, pack } from "./pack.js";

export const SOCKETS = ["join", "gossip", "control", "dispatch", "stage"];
export const MAX_CARD_BYTES = 1024;
const SIGN = "zswarm card";
const MAC = "zswarm card mac";

const macOf = (keys, body, signature) => blake2b(withPurpose(MAC, Buffer.concat([body, signature])), 32, keys.membership);

/** The card of this client: it listens nowhere, so it shows no endpoints and nobody asks it for a link ("Guests"). */
export function sealCard(identity, keys, name = "", version = "") {
  const { signKey, curve, incarnation, instance } = identity;
  const body = pack([1, keys.epoch, signKey, curve.public, incarnation, instance, name, version, [], [], SOCKETS.map(() => "")]);
  const signature = identity.sign(SIGN, body);
  const data = pack([body, signature, macOf(keys, body, signature)]);
  if (data.length > MAX_CARD_BYTES || Buffer.byteLength(name) > 64 || !isPlain(name))
    throw new SwarmError("too_large", "a name has at most 64 bytes and no control characters");
  return data;
}

/** The card, if a member of this network made it and nobody has changed it; SwarmError otherwise. */
export function verifyCard(data, keys) {
  const { body, signature, mac } = partsOf(data);
  const card = readBody(body);
  const refused = (why) => new SwarmError("refused", `the card of node ${card.node} ${why}`);
  if (card.epoch !== keys.epoch) throw refused(`is of epoch ${card.epoch} of the token, this token of epoch ${keys.epoch}`);
  if (!timingSafeEqual(mac, macOf(keys, body, signature))) throw refused("was not made with this network's token");
  if (!signatureFits(card.signKey, SIGN, body, signature)) throw refused("is not signed by that node");
  if (!curveKeyOf(card.signKey).equals(card.curveKey)) throw refused("shows a CURVE key that is not its own");
  return card;
}

function partsOf(data) {
  if (data.length > MAX_CARD_BYTES) throw new SwarmError("too_large", "a card is larger than 1024 bytes");
  const fields = Fields.of(data);
  const body = fields.bin(MAX_CARD_BYTES);
  const signature = fields.fixed(64);
  const mac = fields.fixed(32);
  // One form only, so that nobody can make other bytes of a valid card.
  if (!pack([body, signature, mac]).equals(data)) throw malformed("a card is not a body, a signature and a MAC");
  return { body, signature, mac };
}

function readBody(body) {
  const fields = Fields.of(body);
  const format = fields.uint();
  if (format > 1) throw new SwarmError("unsupported", `a card is of format ${format}, which this program does not know`);
  if (format !== 1 || fields.left > 63) throw malformed("a card's format, or the number of its elements");
  const card = { epoch: fields.uint(0xffffffff), signKey: fields.fixed(32), curveKey: fields.fixed(32), incarnation: fields.uint64(), instance: fields.uint64() };
  card.node = nodeOf(card.signKey);
  card.name = plain(fields.text(64));
  card.version = plain(fields.text(32));
  card.roles = rolesOf(fields.array(8));
  card.labels = labelsOf(fields.array(16));
  card.sockets = socketsOf(fields.array(16));
  return card;
}

function plain(text) {
  if (!isPlain(text)) throw malformed("a text of a card has control characters");
  return text;
}

function rolesOf(fields) {
  const roles = [];
  while (fields.left > 0) roles.push(fields.text(16));
  if (!roles.every(isWord)) throw malformed("a role of a card");
  return roles;
}

function labelsOf(fields) {
  const labels = new Map();
  while (fields.left > 0) {
    const pair = fields.array(2);
    const key = pair.text(32);
    if (!isWord(key) || labels.has(key)) throw malformed("a label of a card");
    labels.set(key, plain(pair.text(64)));
  }
  return labels;
}

function socketsOf(fields) {
  const sockets = Object.fromEntries(SOCKETS.map((name) => [name, fields.text(255)]));
  if (!Object.values(sockets).every((text) => text === "" || canonicalEndpoint(text) === text)) throw malformed("an address of a card");
  return sockets;
}
