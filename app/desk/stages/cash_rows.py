"""What moved the account's cash, by what the broker tells of it: no row counts twice, and none before its cash moved.

What a person said already is the same money when a row tells of it later; see `not_told_already`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from app.desk.account_record import AccountRecord
from app.desk.desk import Desk
from app.desk.records import Flow, Snapshot
from app.desk.stages.continuity import FLOW_THRESHOLD, Continuity
from app.desk.states import Run
from app.domain.cash import CENT, SAME_MONEY, CashKind, CashRow, CashSource, ValuedRow, explaining, valued
from app.domain.errors import BrokerUnavailable, DataError
from app.domain.navs import NavKind, closes
from app.domain.portfolio import Portfolio

BROKER = "broker"
LOOK_BACK = timedelta(days=45)
# What whole cents and rates of exchange leave of nothing.
STILL = Decimal("0.05")
# What fees that nobody told may hide of a row, of NAV; a tenth of what matters.
TOLERANCE = FLOW_THRESHOLD / 10
# A flow that is said in words and one on a row are one where they are so much alike.
_ALIKE = Decimal("0.005")
_CERTAIN = frozenset({CashSource.TRANSACTIONS, CashSource.STATEMENT})
# How ids begin of rows that another source may tell again.
_LOOSE = tuple(f"{source}-" for source in (CashSource.PERFORMANCE, CashSource.STATEMENT))


async def explain_cash(
    desk: Desk, run: Run, portfolio: Portfolio, known: AccountRecord, found: Continuity
) -> tuple[Continuity, AccountRecord]:
    """What was found and what is known, with the rows that explain it; they are on record but for a preview's."""
    before, today = known.snapshot, run.key.session_date
    if before is None or abs(found.left) < STILL:
        return found, known
    told = await _told(desk, run, portfolio, before)
    since = max(_first_seen(known, before), today - LOOK_BACK)
    recent = [row for row in told if since <= row.day <= today]
    flows = tuple(_flow(one, known, today) for one in explanation(recent, portfolio, known, found))
    for flow in flows:
        run.progress(f"{flow.note}: {flow.amount:,.2f} {portfolio.currency}")
    for row in recent:
        if row.kind is CashKind.OTHER:
            run.progress(f"the broker has a row that says nothing certain: {row.description}")
    if flows and run.claim is not None and not run.key.dry_run:
        await run.journal.flush()
        for flow in flows:
            await desk.in_thread(desk.ledger.add_flow, run.key.book, flow, run.clock.now())
    return with_rows(found, known, flows)


def with_rows(found: Continuity, known: AccountRecord, flows: tuple[Flow, ...]) -> tuple[Continuity, AccountRecord]:
    """As if they had been on record before."""
    paid, earned = (tuple(flow for flow in flows if flow.is_income is income) for income in (False, True))
    explained = replace(
        found,
        recorded=found.recorded + sum((flow.amount for flow in paid), Decimal(0)),
        income=found.income + sum((flow.amount for flow in earned), Decimal(0)),
        rows=flows,
    )
    every = tuple(sorted((*known.flows, *paid), key=lambda flow: flow.session_date))
    return explained, replace(known, flows=every, income=(*known.income, *earned))


def explanation(
    told: Sequence[CashRow], portfolio: Portfolio, known: AccountRecord, found: Continuity
) -> tuple[ValuedRow, ...]:
    """Rows that the cash shows, the most certain first; of what those leave, the less certain ones."""
    on_record = (*known.flows, *known.income)
    counted = {flow.external_id for flow in on_record}
    rows = [row for row in told if row.explains and row.id not in counted]
    tolerance = TOLERANCE * abs(portfolio.nav)
    certain = valued((row for row in rows if row.source in _CERTAIN), lambda one: _rate(portfolio, known.snapshot, one))
    chosen = explaining(not_told_already(certain, on_record), found.left, tolerance)
    left = found.left - sum((one.value for one in chosen), Decimal(0))
    if abs(left) >= STILL:
        implied = valued(
            (row for row in rows if row.source is CashSource.PERFORMANCE), lambda one: _rate(portfolio, None, one)
        )
        chosen += _implied(_beyond_record(implied, known.flows, chosen), left, tolerance)
    return chosen


def _implied(rows: Sequence[ValuedRow], left: Decimal, tolerance: Decimal) -> tuple[ValuedRow, ...]:
    """What is only implied is as exact as the cash that shows it."""
    some = explaining(rows, left, max((one.row.margin for one in rows), default=Decimal(0)) + tolerance)
    if len(some) == 1 and abs(left - some[0].value) <= some[0].row.margin + tolerance:
        return (replace(some[0], value=left.quantize(CENT)),)
    return some


def not_told_already(
    rows: Iterable[ValuedRow], on_record: Iterable[Flow], *, told_by_rows: bool = False
) -> list[ValuedRow]:
    """Without those that tell of money that a person, or a less certain source, has told of.

    `told_by_rows`: the ids are of another list than those on record, so that rows of the broker tell of it, too.
    """
    loose = [f for f in on_record if told_by_rows or f.external_id is None or f.external_id.startswith(_LOOSE)]
    fresh = []
    for one in sorted(rows, key=lambda one: (one.row.day, one.row.id)):
        same = next((flow for flow in loose if _is_same(flow, one)), None)
        if same is None:
            fresh.append(one)
        else:
            loose.remove(same)
    return fresh


def _is_same(flow: Flow, one: ValuedRow) -> bool:
    near = abs(flow.session_date - one.row.day) <= SAME_MONEY
    return near and abs(flow.amount - one.value) <= max(CENT, _ALIKE * abs(one.value))


def _beyond_record(
    rows: Sequence[ValuedRow], flows: Sequence[Flow], chosen: Sequence[ValuedRow]
) -> tuple[ValuedRow, ...]:
    """A day's performance implies all of its flows: what is left of it once those that are known are taken off."""
    found = []
    for one in rows:
        known = sum((flow.amount for flow in flows if flow.session_date == one.row.day), Decimal(0))
        known += sum(
            (other.value for other in chosen if other.row.day == one.row.day and other.row.kind.is_flow), Decimal(0)
        )
        beyond = one.value - known
        if abs(beyond) > 5 * one.row.margin:
            found.append(replace(one, value=beyond))
    return tuple(found)


async def _told(desk: Desk, run: Run, portfolio: Portfolio, before: Snapshot) -> tuple[CashRow, ...]:
    """By the broker; nothing where it does not answer, which leaves the cash unexplained."""
    held = {position.instrument.conid for position in portfolio.positions}
    held |= {line.conid for line in portfolio.unmanaged if line.conid is not None}
    try:
        return await desk.broker.cash_rows(run.key.account, sorted(held | before.quantities.keys()))
    except BrokerUnavailable as error:
        run.progress(f"the broker does not say what moved the cash: {error.cause}")
        return ()


def _first_seen(known: AccountRecord, before: Snapshot) -> date:
    """Rows of before that day were in the cash that the account began with."""
    own = (point.session_date for point in known.navs if point.kind is not NavKind.BROKER)
    return min(own, default=before.session_date)


def _rate(portfolio: Portfolio, before: Snapshot | None, currency: str) -> Decimal | None:
    try:
        return portfolio.rate(currency)
    except DataError:
        return before.rates.get(currency) if before is not None else None


def _flow(one: ValuedRow, known: AccountRecord, today: date) -> Flow:
    """Of the row's day, unless a close of that day or a later one was counted without it: then it is today's."""
    earlier = [point for point in known.navs if point.session_date < today]
    newest = next(reversed(closes(earlier) or earlier), None)
    late = newest is not None and one.row.day <= newest.session_date
    row = one.row
    words = f"{row.kind.value.replace('_', ' ')} of {row.day}"
    if row.amount != one.value:
        words += f", {row.amount:,.2f} {row.currency}"
    note = f"{words}: {row.description}" if row.description else words
    return Flow(today if late else row.day, one.value, note[:500], BROKER, row.kind, row.id)
