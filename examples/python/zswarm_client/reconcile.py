"""One session of reconciliation with a member: afterwards the ledger holds what the member's holds."""
import asyncio
import dataclasses
import secrets

from . import ranges
from .entry import MAX_BYTES
from .errors import SwarmError, malformed
from .ledger import wall_ms
from .message import Type

SILENCE_S, FIRST_ANSWER_S = 10, 2.5
ASK_TIMES = 4  # before a member that does not answer at all is given up
SILENT, BUSY = "silent", "busy"
MAX_TURNS = 256
MAX_FAULTS = 8
BUSY_AGAIN_S = 0.6  # a member takes a session of ours every 0.5 s
BUSY_TIMES = 20
MARGIN_MS = 60_000  # entries that end their life this soon are left alone: clocks differ


@dataclasses.dataclass
class Report:
    turns: int = 0
    new: list = dataclasses.field(default_factory=list)  # entries
    refused: int = 0
    faults: int = 0  # of those, the ones that the member should have refused as well


async def reconcile(member, ledger):
    """A Report; SwarmError "unreachable" if the member is silent, "busy" if it does not take a session in 12 s."""
    silent = 0
    for _ in range(BUSY_TIMES):
        outcome = await _session(member, ledger)
        if isinstance(outcome, Report):
            return outcome
        silent += outcome == SILENT
        if silent == ASK_TIMES:
            break
        await asyncio.sleep(BUSY_AGAIN_S)  # the protocol's own pause
    raise SwarmError("busy", f"node {member.card.node} takes no session of reconciliation") if silent < ASK_TIMES else _fell_silent(member)


async def _session(member, ledger):
    nonce, report = secrets.token_bytes(16), Report()
    session, answers = member.open_session()
    try:
        lower = ledger.horizon(wall_ms() + MARGIN_MS).to_bytes(8, "big").rstrip(b"\0")
        opening = ranges.TurnMaker(ledger.order, nonce).opening(lower)
        await member.send(ranges.write_open(session, nonce, ledger.cell, opening))
        while report.turns < MAX_TURNS:
            turn = await _their_turn(answers, ledger, report)
            if turn is None and report.turns == 0:
                return SILENT  # our question may have been lost with a connection
            if turn is None:
                raise _fell_silent(member)
            if turn.state == ranges.BUSY:
                return BUSY
            if turn.state == ranges.OTHER_CELL:
                raise SwarmError("refused", f"node {member.card.node} belongs to another cell")
            if turn.state == ranges.DONE:
                return report
            report.turns += 1
            maker = ranges.TurnMaker(ledger.order, nonce)
            answer = maker.answer(turn)
            if maker.entries:
                await member.send(ranges.write_entries(session, maker.entries))
            await member.send(ranges.write_turn(session, answer))
            if answer.state == ranges.DONE:
                return report
        raise SwarmError("too_large", "the reconciliation came to no end")
    finally:
        member.close_session(session)


def _fell_silent(member):
    return SwarmError("unreachable", f"node {member.card.node} fell silent")


async def _their_turn(answers, ledger, report):
    """The next turn of the member; what it sends before is merged. None if it stays away."""
    entries_may_come = True
    while True:
        try:
            message = await asyncio.wait_for(answers.get(), SILENCE_S if report.turns else FIRST_ANSWER_S)
        except asyncio.TimeoutError:
            return None
        if message.type == Type.SYNC_RANGES:
            from_opener, turn = ranges.read_turn(message.fields)
            if from_opener:
                raise malformed("the member answers as if it had opened the session")
            return turn
        if message.type != Type.SYNC_ENTRIES or not entries_may_come:
            raise malformed("a message that has no place in a reconciliation")
        entries_may_come = False
        _take(ranges.read_entries(message.fields, MAX_BYTES)[1], ledger, report)


def _take(entries, ledger, report):
    for data in entries:
        verdict, entry = ledger.merge(data)
        if verdict == "new":
            report.new.append(entry)
        elif verdict not in ("duplicate", "older"):
            report.refused += 1
            report.faults += verdict in ("malformed", "forged", "forbidden")
            if report.faults == MAX_FAULTS:
                raise SwarmError("refused", "the member passes on entries that nobody may take")
