"""The account's value over time, as far as the ledger and the broker know it."""

from datetime import date
from decimal import Decimal

from app.desk.account_record import AccountRecord
from app.desk.desk import Desk
from app.desk.records import Flow, RunStatus
from app.desk.states import AccountRead, Run
from app.domain.errors import LedgerError
from app.domain.navs import NavKind, NavPoint, closes, follow


async def nav_history(desk: Desk, run: Run, known: AccountRecord, doubt: str | None) -> tuple[NavPoint, ...]:
    """The `known` ones, with the closes since then, or on day one all of them, from the broker's own record.

    A preview adds them for itself only, and nothing is added while there is a `doubt` about the account's value: the
    point would count a cash flow as gain or loss for ever. Raises LedgerError where time would run backwards, or no
    return can be told.
    """
    navs, flows = known.navs, known.flows
    for point in closes(navs):
        _sound(point)
    today = run.key.session_date
    if navs and navs[-1].session_date > today:
        raise LedgerError(
            f"the ledger holds a value of this account for {navs[-1].session_date}, after {today}",
            "Time does not run backwards in one account: use another state directory",
        )
    newest = closes(navs)[-1] if closes(navs) else None
    if doubt is not None or (newest is not None and desk.calendar.sessions_between(newest.session_date, today) <= 1):
        return navs
    # Before any close the first value counts: an account is judged from the day it is first seen.
    before = newest or (navs[-1] if navs else None)
    settled = _seen_since(flows, newest, today)
    added: list[NavPoint] = []
    kind = NavKind.CLOSE if navs else NavKind.BROKER
    for session_date, nav in await desk.broker.performance(run.key.account):
        after_newest = newest is None or session_date > newest.session_date
        # The ledger goes forward only: a close that the broker reports late stays out.
        in_order = not navs or session_date >= navs[-1].session_date
        if after_newest and in_order and session_date < today and session_date >= settled and nav > 0:
            before = newest = follow(before, session_date, kind, nav, flow_since(flows, before, session_date))
            added.append(newest)
    if added and not run.key.dry_run and run.claim is not None:
        await run.journal.flush()
        await desk.in_thread(desk.ledger.add_navs, run.key.book, added)
    return tuple(sorted((*navs, *added), key=lambda point: point.session_date))


def _seen_since(flows: tuple[Flow, ...], newest: NavPoint | None, today: date) -> date:
    """The first close that surely holds all the money that came after the newest point.

    A flow that a person told bears the day on which it was seen. Whether a close between the newest point and that day
    holds it already nobody knows, and a return over such a close would be a false gain or loss. A row has its own day.
    """
    if newest is None:
        return date.min
    told = (flow.session_date for flow in flows if flow.external_id is None)
    since = (day for day in told if newest.session_date < day <= today)
    return max(since, default=date.min)


def flow_since(flows: tuple[Flow, ...], newest: NavPoint | None, until: date) -> Decimal:
    """Cash flow after the newest point, up to and including that date."""
    if newest is None:
        return Decimal(0)
    between = (flow.amount for flow in flows if newest.session_date < flow.session_date <= until)
    return sum(between, Decimal(0))


def today(run: AccountRead) -> NavPoint | None:
    """The account's value now, cash flows taken out of it; None with a doubt about it.

    Raises LedgerError where no return can be told from it.
    """
    if run.value_doubt is not None:
        return None
    earlier = [point for point in run.navs if point.session_date < run.key.session_date]
    newest = next(reversed(closes(earlier) or earlier), None)
    flow = flow_since(run.flows, newest, run.key.session_date)
    kind = NavKind.CLOSE if run.at_close else NavKind.RUN
    return _sound(follow(newest, run.key.session_date, kind, run.portfolio.nav, flow))


def nav_point(run: Run, status: RunStatus) -> NavPoint | None:
    """What the ledger keeps of this run's value: at the close slot the day's; of a dry run nothing."""
    if not isinstance(run, AccountRead) or status not in {RunStatus.DONE, RunStatus.AWAITING_APPROVAL}:
        return None
    return today(run)


def _sound(point: NavPoint) -> NavPoint:
    if not point.is_sound:
        raise LedgerError(
            f"no return can be told from the account's value of {point.session_date}: "
            f"{point.nav} with index {point.index:g} and peak {point.peak:g}",
            "Nothing is sent. Look at the account at the broker; if its value is right, restore a copy of the ledger "
            "from before that day, or begin with another state directory",
        )
    return point
