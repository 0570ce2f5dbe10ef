"""The account's value over time, as far as the ledger and the broker know it."""

from datetime import date
from decimal import Decimal

from app.desk.desk import Desk, Run
from app.desk.records import Flow, RunStatus
from app.domain.errors import LedgerError
from app.domain.navs import NavKind, NavPoint, closes, follow


async def nav_history(desk: Desk, run: Run) -> tuple[NavPoint, ...]:
    """The ledger's, with the closes since then, or on day one all of them, from the broker's own record.

    A preview adds them for itself only, and nothing is added while money from outside is unexplained: the point would
    count it as gain or loss for ever. Raises LedgerError where time would run backwards.
    """
    navs = await desk.write(desk.ledger.navs, run.key.book)
    today = run.key.session_date
    if navs and navs[-1].session_date > today:
        raise LedgerError(
            f"the ledger holds a value of this account for {navs[-1].session_date}, after {today}",
            "Time does not run backwards in one account: use another state directory",
        )
    newest = closes(navs)[-1] if closes(navs) else None
    if run.value_doubt is not None or (
        newest is not None and desk.calendar.sessions_between(newest.session_date, today) <= 1
    ):
        return navs
    flows = await desk.write(desk.ledger.flows, run.key.book)
    # Before any close the first value counts: an account is judged from the day it is first seen.
    before = newest or (navs[-1] if navs else None)
    added: list[NavPoint] = []
    kind = NavKind.CLOSE if navs else NavKind.BROKER
    for session_date, nav in await desk.broker.performance(run.key.account):
        after_newest = newest is None or session_date > newest.session_date
        # The ledger goes forward only: a close that the broker reports late stays out.
        in_order = not navs or session_date >= navs[-1].session_date
        if after_newest and in_order and session_date < today and nav > 0:
            before = newest = follow(before, session_date, kind, nav, flow_since(flows, before, session_date))
            added.append(newest)
    if added and not run.key.dry_run and run.claim is not None:
        await desk.write(desk.ledger.add_navs, run.key.book, added)
    return tuple(sorted((*navs, *added), key=lambda point: point.session_date))


def flow_since(flows: tuple[Flow, ...], newest: NavPoint | None, until: date) -> Decimal:
    """Money from outside after the newest point, up to and including that date."""
    if newest is None:
        return Decimal(0)
    between = (flow.amount for flow in flows if newest.session_date < flow.session_date <= until)
    return sum(between, Decimal(0))


def today(run: Run) -> NavPoint | None:
    """The account's value now, money from outside taken out of it; None without an account or with a doubt about it."""
    if run.portfolio is None or run.value_doubt is not None:
        return None
    earlier = [point for point in run.navs if point.session_date < run.key.session_date]
    newest = next(reversed(closes(earlier) or earlier), None)
    flow = flow_since(run.flows, newest, run.key.session_date)
    kind = NavKind.CLOSE if run.at_close else NavKind.RUN
    return follow(newest, run.key.session_date, kind, run.portfolio.nav, flow)


def nav_point(run: Run, status: RunStatus) -> NavPoint | None:
    """What the ledger keeps of this run's value: at the close slot the day's; of a dry run nothing."""
    return today(run) if status in {RunStatus.DONE, RunStatus.AWAITING_APPROVAL} else None
