"""A withdrawal that a person announces: its cash is raised before it leaves, and then it surprises nobody."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.desk.accounts import Whose, masked, meant
from app.desk.controls.level import ANYBODY, require_text
from app.desk.ports import AccountMemory
from app.desk.records import FlowPlan, PlanEnd, ToldFlow
from app.domain.errors import UsageError
from app.domain.flows import EXAMPLE, impossible


@dataclass(frozen=True, slots=True)
class Announcement:
    """`amount` is what will be withdrawn, in base currency, with or without a minus; by the day `due`."""

    amount: Decimal
    due: date
    note: str
    actor: str
    whose: Whose = ANYBODY


def plan_flow(ledger: AccountMemory, asked: Announcement, at: datetime) -> dict[str, Any]:
    """The next run raises the cash. Raises UsageError for more than the account has, and for a day that is over."""
    require_text(asked.note, "note")
    require_text(asked.actor, "actor")
    book = meant(ledger.books(), asked.whose)
    problem = impossible(asked.amount, asked.due)
    if problem is not None:
        raise UsageError(problem, EXAMPLE)
    newest = next(iter(ledger.snapshots(book.name, 1)), None)
    if newest is None:
        raise UsageError("no run of this account is on record", "Run first")
    amount = abs(asked.amount)
    announced = sum((plan.amount for plan in ledger.flow_plans(book.name)), Decimal(0))
    if asked.due < newest.session_date:
        raise UsageError(f"{asked.due} is over: the newest run was on {newest.session_date}", "Give a later day")
    if announced + amount > newest.nav:
        raise UsageError(
            f"{amount:,.2f} {newest.currency}, and {announced:,.2f} announced before, are more than the account's "
            f"{newest.nav:,.2f}",
            "Announce what it has; `portfolio flow cancel` takes one back",
        )
    plan = FlowPlan(0, amount, asked.due, asked.note, asked.actor, newest.session_date)
    return {**facts_of(ledger.plan_flow(book.name, plan, at)), "account": masked(book.account)}


def cancel_plan(
    ledger: AccountMemory, number: int, note: str, actor: str, at: datetime, whose: Whose = ANYBODY
) -> dict[str, Any]:
    """Its cash is invested again. Raises UsageError for a number that no open one has."""
    require_text(actor, "actor")
    book = meant(ledger.books(), whose)
    plan = next((one for one in ledger.flow_plans(book.name) if one.number == number), None)
    if plan is None:
        raise UsageError(f"no planned withdrawal has the number {number}", "See `portfolio flow list`")
    ledger.end_plan(book.name, number, PlanEnd.CANCELLED, note or "cancelled", actor, at)
    return {**facts_of(plan), "ending": PlanEnd.CANCELLED.value, "account": masked(book.account)}


def list_flows(ledger: AccountMemory, whose: Whose = ANYBODY) -> dict[str, Any]:
    """What is announced, and what was paid in, paid out, earned and charged so far."""
    book = meant(ledger.books(), whose)
    told = ledger.told_flows(book.name)
    return {
        "account": masked(book.account),
        "planned": [facts_of(plan) for plan in ledger.flow_plans(book.name)],
        "flows": [_flow_facts(one) for one in told if one.taken_back is None],
        "taken_back": [
            {**_flow_facts(one), "taken_back": one.taken_back} for one in told if one.taken_back is not None
        ],
    }


def _flow_facts(one: ToldFlow) -> dict[str, Any]:
    """`counted`: a run has reckoned with it, so that it cannot be taken back any more."""
    flow = one.flow
    return {
        "number": one.number,
        "session_date": flow.session_date.isoformat(),
        "amount": f"{flow.amount:f}",
        "kind": flow.kind.value if flow.kind else ("deposit" if flow.amount > 0 else "withdrawal"),
        "performance": flow.is_income,
        "note": flow.note,
        "actor": flow.actor,
        "id": flow.external_id,
        "counted": one.counted,
    }


def facts_of(plan: FlowPlan) -> dict[str, Any]:
    """For people and programs."""
    return {
        "number": plan.number,
        "withdrawal": f"{plan.amount:f}",
        "by": plan.due.isoformat(),
        "note": plan.note,
        "actor": plan.actor,
    }
