"""What the events say that the other tables must hold, by table, the record's own key and column."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Table

from app.desk.records import RunStatus
from app.domain.order import OrderState
from app.ledger import former, way_back
from app.ledger.audit_rows import Columns, Key
from app.ledger.events import OwnKind
from app.ledger.leases import NOBODY
from app.ledger.run_memory import Kind
from app.ledger.schema import (
    adoption_modes,
    adoptions,
    control,
    flow_plans,
    flows,
    intents,
    navs,
    notices,
    quarantines,
    questions,
    run_memory,
    runs,
)
from app.record.canonical import canonical, digest

Payload = Mapping[str, Any]

_OF_PLAN = (
    "rule", "conid", "symbol", "side", "leg", "mandatory", "exit", "quantity", "reference_price", "limit_price",
)  # fmt: skip
_OF_NEWS = (
    "quantity", "limit_price", "value", "sent_at", "filled_quantity", "average_price", "broker_order_id", "reason",
)  # fmt: skip


class Told(NamedTuple):
    """One event of the ledger's own, known to be as it was written."""

    book: str
    seq: int
    run_id: str
    kind: str
    at: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Account:
    """Filled event by event, in the order of each book."""

    tables: defaultdict[Table, dict[Key, Columns]] = field(default_factory=lambda: defaultdict(dict))
    # Seals of before revision 0005 did not tell what was left for later runs: their reports do.
    without_memory: set[str] = field(default_factory=set)
    # Of what runs were decided from, by book.
    roots: set[tuple[str, str]] = field(default_factory=set)

    def note(self, event: Told) -> None:
        """KeyError and the like for one that the ledger cannot have written."""
        note = _NOTES.get(event.kind)
        if note is not None:
            note(self, event)

    def run(self, event: Told) -> Columns:
        """Of the event's run."""
        return self.tables[runs][(event.run_id,)]

    def put(self, table: Table, key: Key, values: Columns) -> None:
        """A row, whatever was told of it before."""
        self.tables[table][key] = values


def _claimed(account: Account, event: Told) -> None:
    told = event.payload
    names = ("number", "account", "session_date", "slot", "dry_run", "owner", "fence", "policy_hash")
    values = {name: told[name] for name in names if name in told}
    day_key = {"book": event.book, "status": RunStatus.RUNNING.value, "day_key": told["key"], "started_at": event.at}
    account.put(runs, (event.run_id,), {**values, **day_key})


def _taken_over(account: Account, event: Told) -> None:
    account.run(event).update({name: event.payload[name] for name in ("owner", "fence", "policy_hash")})


def _fenced(account: Account, event: Told) -> None:
    account.run(event).update(owner=NOBODY, fence=event.payload["fence"])


def _abandoned(account: Account, event: Told) -> None:
    told, run = event.payload, account.run(event)
    run["error"] = told["error"]
    if "from_owner" in told:
        run.update(owner=NOBODY, fence=told["fence"])
    if not told["resumable"]:
        run.update(status=told["status"], day_key=None, finished_at=event.at)


def _reopened(account: Account, event: Told) -> None:
    values = {name: event.payload[name] for name in ("owner", "fence")}
    account.run(event).update(values, status=RunStatus.RUNNING.value, finished_at=None)


def _sealed(account: Account, event: Told) -> None:
    told, run = event.payload, account.run(event)
    run.update(status=told["status"], sealed_seq=event.seq, finished_at=event.at, error=told.get("error"))
    run.update(report=told["report_hash"], report_hash=told["report_hash"])
    # Before revision 0006 whether the key was kept was told by nothing.
    if not told.get("holds_key", True):
        run["day_key"] = None
    _forget(account, event.run_id)
    if "memory" in told:
        account.without_memory.discard(event.run_id)
        for kind, content in told["memory"].items():
            account.put(run_memory, (event.run_id, kind), {"content": content})
    else:
        account.without_memory.add(event.run_id)
    _note_navs(account, event.book, [told["nav"]] if "nav" in told else [])


def _forget(account: Account, run_id: str) -> None:
    for kind in Kind:
        account.tables[run_memory].pop((run_id, kind.value), None)


def _navs_added(account: Account, event: Told) -> None:
    _note_navs(account, event.book, event.payload["points"])


def _note_navs(account: Account, book: str, points: list[Payload]) -> None:
    for point in points:
        values = {"nav": point["nav"], "idx": point["index"], "peak": point["peak"]}
        account.put(navs, (book, point["session_date"], point["kind"]), values)


def _planned(account: Account, event: Told) -> None:
    told, run = event.payload, account.run(event)
    run.update(plan=told["plan_hash"], plan_hash=told["plan_hash"])
    for position, planned in enumerate(told["intents"]):
        values = {name: planned[name] for name in _OF_PLAN if name in planned}
        values["rules"] = planned["rules"] if "rules" in planned else former.rules(planned["rule"])
        account.put(
            intents,
            (event.run_id, planned["coid"]),
            {
                "book": event.book,
                "session_date": run.get("session_date"),
                "position": position,
                "action": told["action"],
                "fence": told.get("fence"),
                "state": OrderState.PLANNED.value,
                "sends": 0,
                "absent_reads": 0,
                "filled_quantity": "0",
                **values,
            },
        )


def _moved(account: Account, event: Told) -> None:
    told = event.payload
    known = account.tables[intents][told["planned_by"], told["coid"]]
    known["fence"] = told["fence"]
    if "absent_reads" in told:
        known["absent_reads"] = told["absent_reads"]
        return
    known["state"] = told["to"]
    if told["to"] == OrderState.SENDING:
        # Earlier versions took the time of the event itself.
        known.update(sends=1, sent_at=event.at)
    known.update({name: told[name] for name in _OF_NEWS if told.get(name) is not None})
    if told.get("what_if") is not None:
        known["what_if"] = canonical(told["what_if"])
    asked = account.tables[questions]
    place = 0
    for one in told.get("questions", ()):
        # Behind those of earlier events.
        while (told["planned_by"], told["coid"], place) in asked:
            place += 1
        values = {"ids": canonical(one["ids"]), **{name: one[name] for name in ("text", "answered", "why")}}
        asked[told["planned_by"], told["coid"], place] = values


def _level(account: Account, event: Told) -> None:
    told, before = event.payload, account.tables[control].get((event.book,), {})
    values = {name: told[name] for name in ("level", "reason", "actor")}
    by_person = {name: told.get(name, before.get(name)) for name in ("reviewed", "resumed")}
    causes = canonical(told["causes"]) if told.get("causes") else None
    account.put(control, (event.book,), {**values, **by_person, "at": event.at, "causes": causes})


def _flow(account: Account, event: Told) -> None:
    account.put(flows, (event.book, event.seq), dict(event.payload))


def _adopted(account: Account, event: Told) -> None:
    told = event.payload
    account.put(
        adoptions, (event.book,), {**told, **{name: canonical(told[name]) for name in ("holdings", "inherited")}}
    )


def _mode_set(account: Account, event: Told) -> None:
    account.put(adoption_modes, (event.book,), {**event.payload, "at": event.at})


def _flow_plan(account: Account, event: Told) -> None:
    account.put(flow_plans, (event.book, event.seq), dict(event.payload))


def _quarantined(account: Account, event: Told) -> None:
    account.put(quarantines, (event.book, event.payload["conid"]), dict(event.payload))


def _released(account: Account, event: Told) -> None:
    del account.tables[quarantines][event.book, event.payload["conid"]]


def _noticed(account: Account, event: Told) -> None:
    told = event.payload
    values = {"book": event.book, "title": told["title"], "body": told["body_hash"], "made_at": event.at}
    account.put(notices, (told["key"],), values)


def _found(account: Account, event: Told) -> None:
    """What an upgrade found in columns that no event had told of. What one had told stays as it was told."""
    told = event.payload
    # Kept inputs did not outlive the version that knew no place for them.
    account.roots.difference_update([named for named in account.roots if named[0] == event.book])
    for row in told.get("runs", ()):
        known = account.tables[runs].get((row["run_id"],))
        if known is not None:
            known.update(row)
    for row in told.get("intents", ()):
        planned = account.tables[intents].get((row["run_id"], row["coid"]))
        if planned is not None:
            leg = planned.get("leg", row["leg"])
            planned.update({**row, "leg": leg})
    for row in told.get("notices", ()):
        values = {**row, "book": event.book, "body": digest(row["body"])}
        account.put(notices, (row["key"],), values)


def _turned(account: Account, event: Told) -> None:
    """It stands in no row: what a run left for later ones is told by its seal."""
    if event.payload.keys() != set(way_back.TOLD[event.kind]):
        raise KeyError(event.kind)


def _inputs_kept(account: Account, event: Told) -> None:
    account.roots.add((event.book, event.payload["root"]))


_NOTES: Mapping[str, Callable[[Account, Told], None]] = {
    OwnKind.RUN_CLAIMED: _claimed,
    OwnKind.RUN_TAKEN_OVER: _taken_over,
    OwnKind.RUN_FENCED: _fenced,
    OwnKind.RUN_ABANDONED: _abandoned,
    OwnKind.RUN_REOPENED: _reopened,
    OwnKind.RUN_SEALED: _sealed,
    OwnKind.NAVS_ADDED: _navs_added,
    OwnKind.PLAN_COMMITTED: _planned,
    OwnKind.INTENT_MOVED: _moved,
    OwnKind.INTENT_ABSENT: _moved,
    OwnKind.LEVEL_RAISED: _level,
    OwnKind.LEVEL_LOWERED: _level,
    OwnKind.LEVEL_SET: _level,
    OwnKind.FLOW_ADDED: _flow,
    OwnKind.ADOPTED: _adopted,
    OwnKind.ADOPTION_MODE_SET: _mode_set,
    OwnKind.FLOW_PLANNED: _flow_plan,
    OwnKind.FLOW_PLAN_ENDED: _flow_plan,
    OwnKind.QUARANTINED: _quarantined,
    OwnKind.QUARANTINE_RELEASED: _released,
    OwnKind.NOTICE_ADDED: _noticed,
    OwnKind.INPUTS_KEPT: _inputs_kept,
    OwnKind.COLUMNS_FOUND: _found,
    **dict.fromkeys(way_back.TOLD, _turned),
}
