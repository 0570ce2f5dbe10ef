"""Money that came and is not invested yet, and money that is announced to leave: what the decision knows of both."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from app.desk.account_record import AccountRecord
from app.desk.desk import Desk
from app.desk.records import Flow, FlowPlan, Notice, PlanEnd
from app.desk.stages.cash_rows import BROKER
from app.desk.stages.memory import fills_of
from app.desk.states import Run
from app.domain.cash import CENT
from app.domain.lots import Fill
from app.domain.order import Side
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.policy.fields import CASH
from app.domain.portfolio import Portfolio

# What was not invested within two weeks is cash like any other: the policy's drift and calendar have it.
NEW_SESSIONS = 10
# A withdrawal that is a little less than was announced is the announced one.
MOST_SHORT = Decimal("0.01")


async def with_money(desk: Desk, run: Run, portfolio: Portfolio, known: AccountRecord, memory: Memory) -> Memory:
    """The memory with both; what ended of the announced is put on record, but by a preview, and a person is told."""
    today = run.key.session_date
    ended = ends_of(known.plans, known.flows, today)
    for plan in known.plans:
        if plan.number not in ended:
            continue
        ending, words = ended[plan.number], _ending_words(plan, ended[plan.number], portfolio.currency)
        run.progress(words)
        if run.claim is not None and not run.key.dry_run:
            await run.journal.flush()
            await desk.in_thread(
                desk.ledger.end_plan, run.key.book, plan.number, ending, words, BROKER, run.clock.now()
            )
            if ending is PlanEnd.LAPSED:
                key = f"{run.key.book}|flow_plan|{plan.number}"
                notice = Notice(key, run.key.book, f"{today}: a planned withdrawal lapsed", words)
                await desk.in_thread(desk.ledger.add_notice, notice)
    planned = sum((plan.amount for plan in known.plans if plan.number not in ended), Decimal(0))
    new = new_money(
        known.flows, fills_of(known.filled), portfolio, lambda day: desk.calendar.sessions_between(day, today)
    )
    return replace(
        memory,
        new_money=max(Decimal(0), min(new, free_cash(desk.policy, portfolio) - planned)).quantize(CENT),
        planned_withdrawal=planned,
    )


def new_money(
    flows: Sequence[Flow], fills: Sequence[Fill], portfolio: Portfolio, ago: Callable[[date], int]
) -> Decimal:
    """What was paid in within the last sessions, less what was paid out and bought net of sales since, day by day.

    `ago`: sessions from a day to today. What was bought for more than there was of it was bought with other cash.
    """
    paid: defaultdict[date, Decimal] = defaultdict(Decimal)
    bought: defaultdict[date, Decimal] = defaultdict(Decimal)
    for flow in flows:
        if ago(flow.session_date) < NEW_SESSIONS:
            paid[flow.session_date] += flow.amount
    if not any(amount > 0 for amount in paid.values()):
        return Decimal(0)
    rates = {p.instrument.conid: portfolio.rate(p.instrument.currency) for p in portfolio.positions}
    first = min(day for day, amount in paid.items() if amount > 0)
    for fill in fills:
        if fill.session_date >= first and fill.price is not None:
            value = fill.quantity * fill.price * rates.get(fill.conid, Decimal(1))
            bought[fill.session_date] += value if fill.side is Side.BUY else -value
    left = Decimal(0)
    for day in sorted(paid.keys() | bought.keys()):
        left = max(Decimal(0), left + paid[day] - max(Decimal(0), bought[day]))
    return left


def free_cash(policy: Policy, portfolio: Portfolio) -> Decimal:
    """Above what the policy keeps as cash."""
    kept = max(policy.allocation.asset_classes.get(CASH, 0.0), policy.risk_limits.min_cash_reserve)
    return portfolio.total_cash - Decimal(str(kept)) * portfolio.nav


def ends_of(plans: Sequence[FlowPlan], flows: Sequence[Flow], today: date) -> Mapping[int, PlanEnd]:
    """By number: done where the money left, lapsed after the day by which it was to. One withdrawal is of one plan."""
    left = [flow for flow in flows if flow.amount < 0]
    ended: dict[int, PlanEnd] = {}
    for plan in plans:
        least = plan.amount * (1 - MOST_SHORT)
        gone = next((f for f in left if f.session_date >= plan.planned_on and -f.amount >= least), None)
        if gone is not None:
            left.remove(gone)
            ended[plan.number] = PlanEnd.DONE
        elif today > plan.due:
            ended[plan.number] = PlanEnd.LAPSED
    return ended


def _ending_words(plan: FlowPlan, ending: PlanEnd, currency: str) -> str:
    what = f"the withdrawal of {plan.amount:,.2f} {currency} planned for {plan.due}"
    if ending is PlanEnd.DONE:
        return f"{what} has left the account"
    return f"{what} did not come: its cash is invested again; `portfolio flow plan` announces it anew"
