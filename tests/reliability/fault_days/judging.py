"""What is wrong after a day: the broker's own lists against the ledger read by plain SQL, and what was said."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from app.ledger.sql_ledger import SqlLedger
from tests.reliability.fault_days.hearing import rows_of
from tests.reliability.fault_days.machine import Machine
from tests.reliability.fault_days.playing import FINAL, Record
from tests.reliability.fault_days.truths import untrue

_SENT = text("SELECT coid FROM intents WHERE sends = 1")
_TWICE = text("SELECT coid FROM intents WHERE sends > 1")
_RUNNING = text("SELECT run_id, session_date, slot, dry_run FROM runs WHERE status = 'running'")
_TRACE: Final = "Traceback (most recent call last)"
_BROKEN: Final = ("InvalidatePoolError", "BrokenPipeError", "pg8000.exceptions.InterfaceError")
WRONGS: Final = (
    "doubled",
    "unrecorded",
    "short",
    "left running",
    "orphans",
    "hung",
    "untrue",
    "traces",
    "chain",
    "unfinished",
)
Arrivals = Sequence[tuple[int, list[dict[str, Any]]]]


@dataclass(frozen=True)
class Verdict:
    """A day judged: `wrong` has a sentence for everything that must not be."""

    record: Record
    wrong: Mapping[str, tuple[str, ...]]
    orders: int

    @property
    def violations(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(f"{kind}: {words}" for kind, found in self.wrong.items() for words in found)

    def as_json(self) -> dict[str, Any]:
        """What the suite keeps of a day."""
        return {
            "day": self.record.day.as_json(),
            "struck": self.record.struck,
            "kills": self.record.kills,
            "messages": sum(len(each.err.splitlines()) + bool(each.out) for each in self.record.heard),
            "orders": self.orders,
            "ended": self.record.ended,
            "seconds": round(self.record.seconds, 1),
            "wrong": {kind: list(found) for kind, found in self.wrong.items() if found},
        }


def judge(machine: Machine, record: Record, traces: Sequence[str]) -> Verdict:
    """After the day's last run; `traces` are the logs' lines of the day that begin a trace."""
    engine = create_engine(machine.ledger_url, poolclass=NullPool)
    try:
        wrong = {
            "doubled": (*_doubled(record.arrivals), *_sent_twice(engine)),
            "unrecorded": tuple(_unrecorded(record.arrivals, machine.record_urls)),
            "short": tuple(_short(machine, record.arrivals)),
            "left running": tuple(_running(engine)),
            "orphans": tuple(record.orphans),
            "hung": tuple(record.hung),
            "untrue": tuple(untrue(record.heard)),
            "traces": (*_unforeseen(traces, record), *_traced(record)),
            "chain": SqlLedger(engine).verify().problems,
            "unfinished": () if record.ended in _well_ended(machine) else (record.ended,),
        }
    finally:
        engine.dispose()
    return Verdict(record, wrong, len({row["cOID"] for _, rows in record.arrivals for row in rows}))


def _well_ended(machine: Machine) -> frozenset[str]:
    """Orders that went out on a stand-in's record are strange to the ledger: it halts, and is right."""
    return FINAL if machine.stand_ins else FINAL - {"halted"}


def _doubled(seen: Arrivals) -> Iterator[str]:
    """In one world by its own count, over several worlds by where an id turned up."""
    worlds: defaultdict[str, set[int]] = defaultdict(set)
    twice: set[str] = set()
    for world, rows in seen:
        for row in rows:
            worlds[row["cOID"]].add(world)
            if row["arrivals"] > 1 or row["brokerOrders"] > 1:
                twice.add(f"{row['cOID']} arrived {row['arrivals']} times and is {row['brokerOrders']} orders")
    yield from sorted(twice)
    yield from (f"{coid} was sent to {len(found)} gateways" for coid, found in worlds.items() if len(found) > 1)


def _sent_twice(engine: Engine) -> Iterator[str]:
    with engine.connect() as connection:
        yield from (f"{coid} is on record as sent again" for coid in connection.execute(_TWICE).scalars())


def _unrecorded(seen: Arrivals, records: Sequence[str]) -> Iterator[str]:
    sent = {coid for url in records for (coid,) in rows_of(url, _SENT)}
    arrived = {row["cOID"] for _, rows in seen for row in rows}
    yield from (f"{coid} is at the broker and no intent was sent under it" for coid in sorted(arrived - sent))


def _short(machine: Machine, seen: Arrivals) -> Iterator[str]:
    for broker in {machine.broker, machine.gateway}:
        try:
            positions = broker.get("state")["positions"]
        except httpx2.HTTPError:
            continue
        yield from (f"{row['quantity']} {row['symbol']} are held" for row in positions if row["quantity"] < 0)
    refused = {row["cOID"] for _, rows in seen for row in rows if "sell short" in str(row["text"])}
    yield from (f"{coid} would have sold short" for coid in sorted(refused))


def _running(engine: Engine) -> Iterator[str]:
    with engine.connect() as connection:
        for row in connection.execute(_RUNNING):
            yield f"{row.run_id} of {row.session_date} {row.slot}{' (dry)' if row.dry_run else ''}"


def _unforeseen(traces: Sequence[str], record: Record) -> Iterator[str]:
    """A driver's pool logs that a connection broke, with its trace, where the database was taken away."""
    broke = any(blow.part == "database" for blow in record.day.strikes)
    yield from (trace for trace in traces if not (broke and any(words in trace for words in _BROKEN)))


def _traced(record: Record) -> Iterator[str]:
    for said in record.heard:
        if _TRACE in said.err or _TRACE in said.out:
            yield f"{' '.join(said.arguments)}: {said.err.strip().splitlines()[-1]}"


class Logs:
    """What the processes that stay wrote since it was last asked."""

    def __init__(self, machine: Machine) -> None:
        """Their files are those of the state directory."""
        self._machine = machine
        self._read: dict[str, int] = {}

    def traces(self) -> list[str]:
        """The last line of each new trace."""
        found = []
        # The simulator's is the broker's own affair.
        logs = [self._machine.state / "logs" / f"{name}.log" for name in ("mcp_server", "service")]
        for path in filter(Path.exists, logs):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            new = lines[self._read.get(path.name, 0) :]
            self._read[path.name] = len(lines)
            for place, line in enumerate(new):
                if _TRACE in line:
                    told = (each for each in new[place + 1 :] if each and not each.startswith((" ", "|", "+")))
                    found.append(f"{path.name}: {next(told, '')[:160]}")
        return found
