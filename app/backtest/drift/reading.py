"""Recorded days out of the ledger's typed records: runs, kept inputs, intents, flows. Reports are never read back."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from app.backtest.assumptions import Assumptions
from app.backtest.drift.again import missed, plan_again, plan_under, plan_with
from app.backtest.drift.closes import Source, by_day, price_of, scale
from app.backtest.drift.explain import explain
from app.backtest.drift.interval import Decided, Execution, Interval, Missed
from app.backtest.drift.parts import DayDrift, Drift
from app.desk.records import Flow, IntentRecord, RunRecord, RunStatus, StoredEvent
from app.desk.stages.kept_inputs import code_version
from app.desk.stages.memory import fills_of
from app.domain.errors import DataError, RecordError, UsageError
from app.domain.plan import Plan
from app.domain.policy import Policy
from app.domain.slots import CLOSE_SLOT, RECONCILE_SLOT, RECOVER_SLOT
from app.market.calendar import ExchangeCalendar
from app.record.capture import Inputs
from app.record.chunks import gather
from app.record.replay import Record, plan_of, read

_WORKED = frozenset({RunStatus.DONE, RunStatus.AWAITING_APPROVAL, RunStatus.REJECTED, RunStatus.HALTED})
# They decide nothing, so that nothing is kept of them.
_BESIDE = frozenset({CLOSE_SLOT, RECONCILE_SLOT, RECOVER_SLOT})
# A session has its daily run, its close and perhaps some more.
_RUNS_A_DAY = 8
_PAGE = 500
# A flow that no cash shows within so many days was seen before the record began.
_FLOW_WAITS = timedelta(days=7)
_ROUNDING = Decimal("0.0001")

Tell = Callable[[int, int], None]


class Ledger(Protocol):
    """What of the ledger is read."""

    def runs(self, limit: int = 20, book: str | None = None, account: str | None = None) -> tuple[RunRecord, ...]: ...

    def kept_root(self, run_id: str) -> str | None: ...

    def chunks(self, hashes: Collection[str]) -> Mapping[str, str]: ...

    def intents(self, run_id: str) -> tuple[IntentRecord, ...]: ...

    def flows(self, book: str) -> tuple[Flow, ...]: ...

    def income(self, book: str) -> tuple[Flow, ...]: ...

    def events(
        self, after: int = 0, book: str | None = None, kinds: Collection[str] = (), limit: int = 500
    ) -> tuple[StoredEvent, ...]: ...


@dataclass
class _Day:
    """One session of the record. `working` where a run did the session's work, whatever is kept of it."""

    session_date: date
    runs: list[RunRecord] = field(default_factory=list)
    kept: list[tuple[RunRecord, Record]] = field(default_factory=list)
    problem: str | None = None

    @property
    def working(self) -> bool:
        return any(run.status in _WORKED and run.key.slot not in _BESIDE for run in self.runs)

    @property
    def inputs(self) -> Inputs:
        """Of its first run."""
        return self.kept[0][1].inputs


@dataclass
class Days:
    """The record of one book, oldest session first."""

    ledger: Ledger
    book: str
    days: tuple[_Day, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def newest_closes(self) -> dict[int, Mapping[date, float]]:
        """By conid, as the account's own source gave them last."""
        return {c: by_day(one) for day in self.days if day.kept for c, one in day.inputs.today.market.history.items()}

    @property
    def conids(self) -> dict[str, int]:
        """By symbol."""
        found: dict[str, int] = {}
        for day in self.days:
            if day.kept:
                found |= {one.symbol: conid for conid, one in day.inputs.today.market.instruments.items()}
        return found


def recorded_days(ledger: Ledger, book: str, days: int) -> Days:
    """The newest so many sessions. Raises: UsageError where there are no two of which anything is kept."""
    found: dict[date, _Day] = {}
    for run in reversed(ledger.runs(_RUNS_A_DAY * (days + 1), book)):
        if not run.key.dry_run:
            found.setdefault(run.key.session_date, _Day(run.key.session_date)).runs.append(run)
    newest = tuple(found[session] for session in sorted(found)[-days - 1 :])
    for day in newest:
        _read(ledger, day)
    if sum(bool(day.kept) for day in newest) < 2:
        raise UsageError(
            "there are no two recorded days to compare",
            "`portfolio runs` lists the runs; each keeps what it was made from",
        )
    return Days(ledger, book, newest)


def drift(days: Days, policy: Policy, source: Source, assumptions: Assumptions, tell: Tell | None = None) -> Drift:
    """Every recorded day but the last, until the one after it."""
    late, left = _filled_late(days), _recorded_cash(days)
    recorded = [day for day in days.days if day.kept]
    found: list[DayDrift] = []
    unknown = [(day.session_date, day.problem) for day in days.days if day.problem is not None]
    for at, (day, after) in enumerate(pairwise(recorded)):
        left = [flow for flow in left if flow.session_date >= day.session_date - _FLOW_WAITS]
        waiting = [flow for flow in left if flow.session_date <= after.session_date]
        interval = _interval(days, day, after, waiting, policy, source, late)
        unknown += [(one.session_date, one.problem) for one in interval.missed if one.problem is not None]
        try:
            told, used = explain(interval, assumptions)
        except (ArithmeticError, LookupError, DataError) as error:
            # Its values are those that a run worked with; one that is not there now was never needed by it.
            unknown.append((day.session_date, f"a value is missing: {error}"))
            continue
        gone = {id(waiting[n]) for n in used}
        left = [flow for flow in left if id(flow) not in gone]
        found.append(told)
        if tell is not None:
            tell(at + 1, len(recorded) - 1)
    strange = sorted({symbol for symbol, conid in days.conids.items() if conid in source.others})
    notes = [f"{source.name} has another series than was kept of {', '.join(strange)}: left out"] if strange else []
    return Drift(
        currency=recorded[0].inputs.today.portfolio.currency,
        days=tuple(found),
        not_explainable=tuple(sorted(unknown)),
        notes=(*days.notes, *notes),
    )


def _recorded_cash(days: Days) -> list[Flow]:
    """What was paid in and out, and what was earned and charged."""
    return sorted((*days.ledger.flows(days.book), *days.ledger.income(days.book)), key=lambda flow: flow.session_date)


def _read(ledger: Ledger, day: _Day) -> None:
    for run in day.runs:
        root = ledger.kept_root(run.run_id)
        if root is None:
            if run.status in _WORKED and run.key.slot not in _BESIDE:
                day.problem = f"nothing is kept of run {run.run_id}"
            continue
        try:
            day.kept.append((run, read(gather(ledger.chunks, root))))
        except RecordError as error:
            day.problem = f"what is kept of run {run.run_id} cannot be read: {error.cause}"


def _interval(
    days: Days, day: _Day, after: _Day, flows: Sequence[Flow], policy: Policy, source: Source, late: set[str]
) -> Interval:
    inputs, then = day.inputs, after.inputs
    kept, now = _closes(inputs, then, source, day.session_date)
    between = [one for one in days.days if day.session_date <= one.session_date < after.session_date]
    of_kept = {run.run_id for run, _ in day.kept}
    rest = [run for one in between for run in one.runs if run.run_id not in of_kept]
    dividends: defaultdict[int, Decimal] = defaultdict(Decimal)
    for one in source.dividends:
        if day.session_date < one.session_date <= after.session_date:
            dividends[one.conid] += one.amount
    return Interval(
        session_date=day.session_date,
        until=after.session_date,
        start=inputs.today.portfolio,
        end=then.today.portfolio,
        market=then.today.market,
        decided=tuple(_decided(days, run, record, policy, source, late) for run, record in day.kept),
        closes=kept,
        closes_now=now,
        others=tuple(one for run in rest for one in _executions(days.ledger.intents(run.run_id), late)),
        missed=tuple(_missed(days, day, after)),
        flows=tuple(flows),
        dividends=dividends,
    )


def _closes(inputs: Inputs, after: Inputs, source: Source, day: date) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
    """The session's closes as the next recorded run knew them and as the source gives them, in the session's shares."""
    kept: dict[int, Decimal] = {}
    now: dict[int, Decimal] = {}
    for conid, series in after.today.market.history.items():
        before = inputs.today.market.history.get(conid)
        factor = scale(before, by_day(series)) if before is not None else 1.0
        close = by_day(series).get(day)
        if close is None or factor is None:
            continue
        kept[conid] = price_of(close * factor)
        revised = None if before is None else source.close(before, day)
        if revised is not None and abs(revised / kept[conid] - 1) > _ROUNDING:
            now[conid] = revised
    return kept, now


def _decided(days: Days, run: RunRecord, record: Record, policy: Policy, source: Source, late: set[str]) -> Decided:
    inputs = record.inputs
    plan = plan_of(inputs, record.outcome)

    def tried(decide: Callable[[], Plan | None]) -> Plan | None:
        try:
            return decide()
        except RecordError as error:
            days.notes.append(f"{run.key.session_date}: {error.cause}")
            return None

    same = record.told.code == code_version()
    by_hand = inputs.by_hand is not None
    code = None if same else tried(lambda: plan_again(inputs))
    edited = None if by_hand else tried(lambda: plan_under(inputs, policy))
    revised = None if by_hand else tried(lambda: plan_with(inputs, policy, source))
    executions = tuple(_executions(days.ledger.intents(run.run_id), late))
    return Decided(run.run_id, inputs, plan, executions, code, edited, revised)


def _executions(intents: Iterable[IntentRecord], late: set[str]) -> Iterable[Execution]:
    for intent, fill in zip(kept := tuple(intents), fills_of(kept), strict=True):
        yield Execution(
            conid=intent.conid,
            symbol=intent.symbol,
            side=intent.side,
            leg=intent.leg,
            quantity=intent.quantity,
            filled=intent.filled_quantity,
            price=intent.average_price,
            fee=fill.fee,
            state=intent.state,
            late=intent.coid in late,
            reason=intent.reason,
        )


def _missed(days: Days, day: _Day, after: _Day) -> Iterable[Missed]:
    """The sessions in between whose work nobody did."""
    calendar = ExchangeCalendar()
    known = {one.session_date: one for one in days.days}
    at = calendar.next_session(day.session_date)
    while at < after.session_date:
        session = calendar.session_on(at)
        if session is not None and not (at in known and known[at].working):
            yield missed(session, after.inputs, day.inputs, calendar.sessions_between(at, after.session_date))
        at = calendar.next_session(at)


def _filled_late(days: Days) -> set[str]:
    """Ids of the orders whose fills another run than their own was the first to hear of."""
    heard: dict[str, bool] = {}
    after = 0
    while events := days.ledger.events(after, days.book, ("intent_moved",), _PAGE):
        for event in events:
            told = event.payload
            if Decimal(str(told.get("filled_quantity") or 0)) > 0:
                heard.setdefault(str(told["coid"]), event.run_id != told["planned_by"])
        after = events[-1].number
    return {coid for coid, is_late in heard.items() if is_late}
