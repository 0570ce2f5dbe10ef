"""What is seen before a person recovers a restored ledger, and the same for programs. It changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.desk.accounts import masked
from app.desk.desk import Desk
from app.desk.ports import Clock
from app.desk.records import Control, Quarantine, RunKey, RunStatus
from app.desk.recovery import Stray
from app.desk.run.strays import DAYS_BACK, shown_by, strays
from app.desk.stages.continuity import Continuity, continuity
from app.desk.stages.read import fills_on_record
from app.desk.stages.reconcile import our_ids
from app.desk.stages.valuation import carried
from app.domain.adoption import Adoption
from app.domain.instrument import Instrument
from app.domain.portfolio import Portfolio
from app.domain.ruling import KillLevel
from app.domain.slots import latest_starts

RUNS_LOOKED_AT = 60


@dataclass(frozen=True, slots=True)
class Look:
    """One look at broker and ledger. `missing`: sessions of which the ledger has no run at all.

    `adoption`: how the account was taken over, as far as the ledger knows.
    """

    key: RunKey
    strays: tuple[Stray, ...]
    known: frozenset[str]
    portfolio: Portfolio
    instruments: Mapping[int, Instrument]
    continuity: Continuity
    quarantined: tuple[Quarantine, ...]
    missing: tuple[date, ...]
    waiting: tuple[str, ...]
    level: Control
    adoption: Adoption | None = None

    @property
    def left(self) -> int:
        """How many orders a person has to decide about."""
        return sum(not stray.by_itself for stray in self.strays)


async def look(desk: Desk, key: RunKey, clock: Clock) -> Look:
    """`key`: of any run of the account today."""
    report = await desk.broker.report(key.account)
    portfolio = await desk.broker.portfolio(key.account)
    ids = our_ids(report.orders, report.trades)
    record = await desk.in_thread(desk.ledger.account_record, key.book, key.session_date, ids)
    runs = await desk.in_thread(desk.ledger.runs, RUNS_LOOKED_AT, key.book)
    days = {trade.execution_id: desk.calendar.local_date(trade.time) for trade in report.trades}
    shown = shown_by(report, key.session_date, days)
    # What was sold entirely is not held any more.
    universe, _ = await desk.market_data.instruments(desk.policy.universe.symbols)
    instruments = {i.conid: i for i in universe.values()}
    instruments |= {p.instrument.conid: p.instrument for p in portfolio.positions}
    slots = dict.fromkeys([*latest_starts(desk.policy), *(run.key.slot for run in runs)])
    before = record.snapshot
    listed = report.trades
    trades = listed + fills_on_record(clock.now(), record.filled_since, listed) if before is not None else ()
    seen = carried(portfolio, before.values if before else {})
    recorded, income = (sum((flow.amount for flow in flows), Decimal(0)) for flows in (record.flows, record.income))
    return Look(
        key=key,
        strays=strays(shown, record.orders, {n: i.symbol for n, i in instruments.items()}, tuple(slots), key),
        known=frozenset(each.coid for each in shown),
        portfolio=seen,
        instruments=instruments,
        continuity=continuity(before, seen, trades, recorded, income),
        quarantined=record.quarantined,
        missing=tuple(_missing(desk, clock, [run.key.session_date for run in runs])),
        waiting=tuple(run.run_id for run in runs if run.status is RunStatus.AWAITING_APPROVAL),
        level=await desk.in_thread(desk.ledger.level, key.book),
        adoption=record.adoption,
    )


def as_json(seen: Look) -> dict[str, Any]:
    """For programs and for the table alike."""
    unexplained = seen.continuity.unexplained(seen.portfolio.nav)
    return {
        "account": masked(seen.key.account),
        "session_date": seen.key.session_date.isoformat(),
        "orders": [_order(stray) for stray in seen.strays],
        "doubts": [{"symbol": doubt.symbol, "reason": doubt.reason} for doubt in seen.continuity.doubts],
        "quarantined": [{"symbol": q.symbol, "reason": q.reason, "since": f"{q.since}"} for q in seen.quarantined],
        "unexplained_flow": f"{unexplained:.2f} {seen.portfolio.currency}" if unexplained else None,
        "sessions_without_run": [day.isoformat() for day in seen.missing],
        "taken_over": seen.adoption.session_date.isoformat() if seen.adoption else None,
        "level": seen.level.level.value,
        "left": seen.left,
        "next": list(_next(seen)),
    }


def _order(stray: Stray) -> dict[str, Any]:
    shown = stray.shown
    return {
        "coid": shown.coid,
        "gap": stray.gap.value,
        "order_id": shown.order_id,
        "symbol": stray.symbol,
        "side": shown.side.value,
        "quantity": f"{shown.quantity:f}",
        "filled_quantity": f"{shown.filled_quantity:f}",
        "average_price": None if shown.average_price is None else f"{shown.average_price:f}",
        "at_broker": shown.status or "executions only",
        "session_date": stray.key.session_date.isoformat(),
        "slot": stray.key.slot if stray.identified else None,
        "leg": stray.leg if stray.identified else None,
        "run_id": stray.intent.run_id if stray.intent else None,
        "in_ledger": stray.intent.state.value if stray.intent else None,
        "may": [decision.value for decision in stray.may],
        "by_itself": stray.by_itself,
        "why": stray.why,
    }


def _next(seen: Look) -> Iterator[str]:
    """What is left to a person, in this order."""
    if seen.left:
        yield f"decide about {seen.left} orders: `portfolio recover --adopt COID|all --abandon COID|all`"
    if any(stray.by_itself for stray in seen.strays):
        yield "`portfolio reconcile`, or the next run, settles the orders that are only behind"
    for doubt in seen.continuity.doubts:
        known = seen.instruments.get(doubt.conid)
        name = known.symbol if known else doubt.symbol
        yield (
            f"{name}: {doubt.reason}; look at the broker's statement: the next run keeps automatic orders off it until "
            f"`portfolio release {doubt.symbol}`"
        )
    for kept in seen.quarantined:
        yield f"{kept.symbol} is in quarantine ({kept.reason}): look, then `portfolio release {kept.symbol}`"
    if seen.continuity.unexplained(seen.portfolio.nav):
        yield "cash does not follow from the executions that the broker still tells: `portfolio flow add`"
    for run_id in seen.waiting:
        yield f"run {run_id} waits for approval, perhaps of orders that were sent long ago: `portfolio reject {run_id}`"
    yield from _of_the_ledger(seen)


def _of_the_ledger(seen: Look) -> Iterator[str]:
    if seen.adoption is None:
        yield "the ledger does not know that the account was taken over: the next run takes it over as of its own day"
    yield "`portfolio audit verify`"
    if seen.level.level is not KillLevel.ACTIVE:
        yield f"`portfolio resume`, once all is right: the level is {seen.level.level.value} ({seen.level.reason})"


def _missing(desk: Desk, clock: Clock, days: Sequence[date]) -> Iterator[date]:
    """Sessions before today and after the first run on record; of the last days only."""
    first = min(days, default=None)
    for back in range(DAYS_BACK, 0, -1):
        session = desk.calendar.session(clock.now() - timedelta(days=back))
        if session is not None and first is not None and first < session.date and session.date not in days:
            yield session.date
