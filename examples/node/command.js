#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { unpack } from "msgpackr";

import { Caller, Network, SwarmError, loadToken, startIdentity, watch } from "./index.js";
import { z85Bytes } from "./lib/encoding.js";

const HELP = `A guest of a zswarm network: looks at its members and its ledger, watches who comes and goes, calls services.

    node command.js members [--probe] --token home.token --contact 192.0.2.7:7000
    node command.js ledger [PREFIX] --token home.token --contact 192.0.2.7:7000
    node command.js watch --token home.token --contact 192.0.2.7:7000
    node command.js call zswarm.info [--node ID] --token home.token --contact 192.0.2.7:7000
    node command.js call zswarm.info --client app.json --at 192.0.2.7:7003 --key='…'

  --token      the network's token: text, file, or - for standard input (environment: ZSWARM_TOKEN)
  --contact    a member's join socket, more than one if you like; the token may hold some
  --identity   file of this client's keys, made if missing; one process at a time
  --name       what members are shown, for people
  --probe      also ask each member whether it answers
  --payload    text to send along; --deadline SECONDS (10); --window EVENTS that may be on their way (64); --events N: cancel after so many
  --client     call as a client that zswarm token client has admitted; --at and --key are the dispatch socket and CURVE key of the node`;

const text = { type: "string" };
const OPTIONS = {
  token: text, contact: { type: "string", multiple: true, default: [] }, identity: text, name: { type: "string", default: "" }, probe: { type: "boolean" }, node: text,
  payload: { type: "string", default: "" }, deadline: { type: "string", default: "10" }, window: { type: "string", default: "64" }, events: { type: "string", default: "0" },
  client: text, at: text, key: text, help: { type: "boolean", short: "h" },
};

const show = (value) => console.log(JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? Number(inner) : inner)));

async function withNetwork(options, use) {
  const token = loadToken(options.token);
  const data = process.env.XDG_DATA_HOME || join(homedir(), ".local/share");
  const identity = startIdentity(options.identity ?? join(data, "zswarm-client/identity-node"));
  const network = new Network(token, identity, options.contact, options.name);
  try {
    await use(network);
  } finally {
    await network.close();
  }
}

async function answers(network, node) {
  try {
    return await (await network.member(node)).probe();
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return false;
  }
}

const members = (options) =>
  withNetwork(options, async (network) => {
    await network.readLedger();
    for (const [node, card] of [...network.cards()].sort()) {
      const { name, version, incarnation, labels, sockets } = card;
      const probed = options.probe ? { answers: await answers(network, node) } : {};
      show({ node, name, version, incarnation, labels: Object.fromEntries(labels), sockets, ...probed });
    }
  });

const ledger = (options, [prefix = ""]) =>
  withNetwork(options, async (network) => {
    await network.readLedger();
    for (const entry of network.ledger.items(prefix))
      show({ key: entry.key, author: entry.node, stamp_ms: Number(entry.stamp >> 16n), value: entry.value.toString("base64") });
  });

const watchMembers = (options) =>
  withNetwork(options, async (network) => {
    for await (const event of watch(network)) show(event);
  });

async function call(options, [service]) {
  if (service === undefined) throw new SwarmError("not_found", "which service? For example: call zswarm.info");
  if (options.client) return callAsClient(options, service);
  return withNetwork(options, async (network) => {
    if (options.node) await network.readLedger();
    const member = options.node ? await network.member(options.node) : await network.join();
    await printAnswer(member.caller, service, options);
  });
}

/** With the file of `zswarm token client`: such a client has no token, so it is told where a member listens, and under which key. */
async function callAsClient(options, service) {
  if (!options.at || !options.key) throw new SwarmError("not_found", "--client needs --at HOST:PORT and --key of a member's dispatch socket: zswarm nodes --json shows them");
  const [keys, serverKey] = clientKeys(options);
  const caller = new Caller(options.at, serverKey, keys);
  try {
    await printAnswer(caller, service, options);
  } finally {
    await caller.close();
  }
}

function clientKeys(options) {
  try {
    const kept = JSON.parse(readFileSync(options.client, "utf8"));
    const keys = [kept.public, kept.secret, options.key].map(z85Bytes);
    if (keys.every((key) => key?.length === 32)) return [{ public: keys[0], secret: keys[1] }, keys[2]];
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new SwarmError("malformed", `${options.client} is no client's file, or --key is no key`);
}

async function printAnswer(caller, service, options) {
  const window = { events: Number(options.window), bytes: 1 << 20 };
  const stream = caller.call(service, Buffer.from(options.payload), { deadlineMs: Math.round(Number(options.deadline) * 1000), window });
  let seen = 0;
  for await (const event of stream) {
    show(readable(event.payload));
    if (++seen === Number(options.events)) break; // leaving cancels
  }
}

/** What services of zswarm send is msgpack; other bytes are shown in base64. */
function readable(payload) {
  try {
    return unpack(payload);
  } catch {
    return payload.toString("base64");
  }
}

function fail(sentence, status) {
  process.stderr.write(`zswarm_client: ${sentence}\n`);
  process.exit(status);
}

async function main() {
  let parsed;
  try {
    parsed = parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    fail(error.message, 2);
  }
  const [command, ...rest] = parsed.positionals;
  const run = { members, ledger, watch: watchMembers, call }[command];
  if (parsed.values.help) return console.log(HELP);
  if (!run) fail(`which of members, ledger, watch and call? See --help`, 2);
  try {
    await run(parsed.values, rest);
  } catch (error) {
    if (error instanceof SwarmError) fail(`${error.message} (${error.code})`, 1);
    if (error.syscall) fail(error.message, 1);
    throw error;
  }
}

await main();
