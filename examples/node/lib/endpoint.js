// Where a socket is reached: HOST:PORT in its one form (PROTOCOL.md, "Endpoint").
import { SocketAddress, isIPv4, isIPv6 } from "node:net";

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The same endpoint as writers write it; null if it is none. In a card the two texts must be equal. */
export function canonicalEndpoint(text) {
  const parts = /^(.*):([1-9][0-9]{0,4})$/s.exec(text);
  if (!parts || Buffer.byteLength(text) > 255 || Number(parts[2]) > 65535) return null;
  const host = canonicalHost(parts[1]);
  return host && `${host}:${parts[2]}`;
}

function canonicalHost(host) {
  const inside = /^\[(.*)\]$/s.exec(host)?.[1];
  if (inside !== undefined) {
    if (!isIPv6(inside) || inside.includes("%")) return null;
    return `[${new SocketAddress({ address: inside, family: "ipv6" }).address}]`;
  }
  if (isIPv4(host)) return host;
  const name = host.toLowerCase();
  const labels = name.split(".");
  const fits = name.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^[0-9]+$/.test(labels.at(-1));
  return fits ? name : null;
}
