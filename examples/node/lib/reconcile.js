// One session of reconciliation with a member: afterwards the ledger holds what the member's holds.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { MAX_ENTRY_BYTES } from "./entry.js";
import { SwarmError, malformed } from "./errors.js";
import { Ledger } from "./ledger.js";
import { Type } from "./message.js";
import { State, readEntries, readTurn, trimmed, writeEntries, writeOpen, writeTurn } from "./ranges.js";
import { TurnMaker } from "./turns.js";

const SILENCE_MS = 10_000;
const FIRST_ANSWER_MS = 2500;
const ASK_TIMES = 4; // before a member that does not answer at all is given up
const SILENT = Symbol("silent");
const BUSY = Symbol("busy");
const MAX_TURNS = 256;
const MAX_FAULTS = 8;
const BUSY_AGAIN_MS = 600; // a member takes a session of ours every 0.5 s
const BUSY_TIMES = 20;
const MARGIN_MS = 60_000; // entries that end their life this soon are left alone: clocks differ

/** {turns, new: [entry], refused}; SwarmError "unreachable" if the member is silent, "busy" if it does not take a session in 12 s. */
export async function reconcile(member, ledger) {
  let silent = 0;
  for (let time = 0; time < BUSY_TIMES; time++) {
    const outcome = await oneSession(member, ledger);
    if (outcome !== BUSY && outcome !== SILENT) return outcome;
    if (outcome === SILENT && ++silent === ASK_TIMES) throw fellSilent(member);
    await pause(BUSY_AGAIN_MS);
  }
  throw new SwarmError("busy", `node ${member.card.node} takes no session of reconciliation`);
}

async function oneSession(member, ledger) {
  const nonce = randomBytes(16);
  const report = { turns: 0, new: [], refused: 0, faults: 0 };
  const session = member.openSession();
  try {
    const lower = Buffer.alloc(8);
    lower.writeBigUInt64BE(Ledger.horizon(Date.now() + MARGIN_MS));
    const opening = new TurnMaker(ledger.order, nonce).opening(trimmed(lower));
    await member.send(writeOpen(session.id, nonce, ledger.cell, opening));
    while (report.turns < MAX_TURNS) {
      const turn = await theirTurn(session.answers, ledger, report);
      if (turn === null && report.turns === 0) return SILENT; // our question may have been lost with a connection
      if (turn === null) throw fellSilent(member);
      if (turn.state === State.BUSY) return BUSY;
      if (turn.state === State.OTHER_CELL) throw new SwarmError("refused", `node ${member.card.node} belongs to another cell`);
      if (turn.state === State.DONE) return report;
      report.turns += 1;
      const maker = new TurnMaker(ledger.order, nonce);
      const answer = maker.answer(turn);
      if (maker.entries.length > 0) await member.send(writeEntries(session.id, maker.entries));
      await member.send(writeTurn(session.id, answer));
      if (answer.state === State.DONE) return report;
    }
    throw new SwarmError("too_large", "the reconciliation came to no end");
  } finally {
    member.closeSession(session.id);
  }
}

const fellSilent = (member) => new SwarmError("unreachable", `node ${member.card.node} fell silent`);

/** The next turn of the member; what it sends before is merged. null if it stays away. */
async function theirTurn(answers, ledger, report) {
  for (let entriesMayCome = true; ; entriesMayCome = false) {
    const message = await answers.take(report.turns > 0 ? SILENCE_MS : FIRST_ANSWER_MS);
    if (message === null) return null;
    if (message.type === Type.SYNC_RANGES) {
      const { fromOpener, turn } = readTurn(message.fields);
      if (fromOpener) throw malformed("the member answers as if it had opened the session");
      return turn;
    }
    if (message.type !== Type.SYNC_ENTRIES || !entriesMayCome) throw malformed("a message that has no place in a reconciliation");
    for (const data of readEntries(message.fields, MAX_ENTRY_BYTES)) take(data, ledger, report);
  }
}

function take(data, ledger, report) {
  const { verdict, entry } = ledger.merge(data);
  if (verdict === "new") report.new.push(entry);
  else if (verdict !== "duplicate" && verdict !== "older") {
    report.refused += 1;
    if (["malformed", "forged", "forbidden"].includes(verdict) && ++report.faults === MAX_FAULTS)
      throw new SwarmError("refused", "the member passes on entries that nobody may take");
  }
}
