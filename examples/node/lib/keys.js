// Ed25519 and CURVE keys out of seeds, with node's own cryptography (PROTOCOL.md, "Identity of a node" and "Signatures and MACs").
import { createHash, createPrivateKey, createPublicKey, sign as ed25519Sign, verify } from "node:crypto";

import { base32, blake2b, withPurpose } from "./encoding.js";

// What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410).
const PKCS8 = { ed25519: "302e020100300506032b657004220420", x25519: "302e020100300506032b656e04220420" };
const P = 2n ** 255n - 19n;
// First coordinates' bytes of all points of small order, without the sign bit, as libsodium lists them.
const SMALL_ORDER = new Set([
  "00".repeat(32), `01${"00".repeat(31)}`, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", `ec${"ff".repeat(30)}7f`, `ed${"ff".repeat(30)}7f`, `ee${"ff".repeat(30)}7f`,
]);

const privateKey = (kind, seed) => createPrivateKey({ key: Buffer.concat([Buffer.from(PKCS8[kind], "hex"), seed]), format: "der", type: "pkcs8" });
const publicOf = (key) => Buffer.from(createPublicKey(key).export({ format: "jwk" }).x, "base64url");

/** {public, secret} of CurveZMQ, 32 bytes each. */
export function curveKeys(seed) {
  const secret = createHash("sha512").update(seed).digest().subarray(0, 32);
  return { public: publicOf(privateKey("x25519", secret)), secret };
}

/** {public, sign(purpose, data)} */
export function signKeys(seed) {
  const key = privateKey("ed25519", seed);
  return { public: publicOf(key), sign: (purpose, data) => ed25519Sign(null, withPurpose(purpose, data), key) };
}

/** False for a signature or a key of any bytes that do not fit, keys of small order included. */
export function signatureFits(signKey, purpose, data, signature) {
  if (hasSmallOrder(signKey) || hasSmallOrder(signature.subarray(0, 32)) || numberOf(signKey) >= P) return false;
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(signKey).toString("base64url") }, format: "jwk" });
    return verify(null, withPurpose(purpose, data), key, signature);
  } catch {
    return false; // not a point of the curve
  }
}

/** The public CURVE key that belongs to a public sign key: u = (1 + y) / (1 - y). */
export function curveKeyOf(signKey) {
  const y = numberOf(signKey);
  const u = ((1n + y) * power(P + 1n - y, P - 2n)) % P;
  return Buffer.from(u.toString(16).padStart(64, "0"), "hex").reverse();
}

/** The node id of a public sign key, as text. */
export const nodeOf = (signKey) => base32(blake2b(signKey).subarray(0, 16));

function withoutSign(point) {
  const bytes = Buffer.from(point);
  bytes[31] &= 0x7f;
  return bytes;
}

const hasSmallOrder = (point) => SMALL_ORDER.has(withoutSign(point).toString("hex"));
const numberOf = (point) => BigInt(`0x${withoutSign(point).reverse().toString("hex")}`);

function power(base, exponent) {
  let result = 1n;
  for (base %= P; exponent > 0n; exponent >>= 1n, base = (base * base) % P) if (exponent & 1n) result = (result * base) % P;
  return result;
}
