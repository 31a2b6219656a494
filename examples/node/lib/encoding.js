// Texts and hashes (PROTOCOL.md, "Language" and "Signatures and MACs").
import { blake2b as noble } from "@noble/hashes/blake2";

const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";
const Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

export function base32(data) {
  let bits = [...data].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  bits = bits.padEnd(Math.ceil(bits.length / 5) * 5, "0");
  return bits.replace(/.{5}/g, (five) => BASE32[parseInt(five, 2)]);
}

/** What base32() was given; null for anything that it never writes, capitals and i, l, o aside. */
export function base32Bytes(text) {
  if (!/^[\x00-\x7f]*$/.test(text)) return null; // toLowerCase() knows letters that are none here
  const digits = [...text.toLowerCase().replace(/[il]/g, "1").replace(/o/g, "0")].map((digit) => BASE32.indexOf(digit));
  if (digits.includes(-1)) return null;
  const bits = digits.map((digit) => digit.toString(2).padStart(5, "0")).join("");
  const spare = bits.length % 8;
  if (spare >= 5 || bits.slice(bits.length - spare).includes("1")) return null;
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => parseInt(eight, 2)));
}

/** Keys as ZeroMQ writes them: https://rfc.zeromq.org/spec/32/ */
export function z85(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 4) {
    const value = data.readUInt32BE(at);
    for (let power = 4; power >= 0; power--) text += Z85[Math.floor(value / 85 ** power) % 85];
  }
  return text;
}

/** null for what is no Z85. */
export function z85Bytes(text) {
  const data = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at * 5 < text.length; at++) {
    let value = 0;
    for (const digit of text.slice(at * 5, at * 5 + 5)) {
      if (!Z85.includes(digit)) return null;
      value = value * 85 + Z85.indexOf(digit);
    }
    if (text.length % 5 !== 0 || value > 0xffffffff) return null;
    data.writeUInt32BE(value, at * 4);
  }
  return data;
}

export const blake2b = (data, size = 32, key = undefined) => Buffer.from(noble(data, { dkLen: size, key }));

/** libsodium's crypto_kdf_derive_from_key. */
export function subKey(secret, number) {
  const salt = Buffer.alloc(16);
  salt.writeBigUInt64LE(BigInt(number));
  const personalization = Buffer.alloc(16);
  personalization.write("zswarm-1");
  return Buffer.from(noble(Buffer.alloc(0), { dkLen: 32, key: secret, salt, personalization }));
}

/** What is signed or hashed with a key. */
export const withPurpose = (purpose, data) => Buffer.concat([Buffer.from([purpose.length]), Buffer.from(purpose), data]);

/** Plain text: no control characters, and none that the decoder put where the bytes were no UTF-8. */
export const isPlain = (text) => !/[\p{Cc}\ufffd]/u.test(text);
export const isWord = (text) => /^[a-z0-9\-_.]+$/.test(text);
