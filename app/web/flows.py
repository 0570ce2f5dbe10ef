"""Over HTTP: money that comes and goes, told, announced, taken back. Every call that writes names who asks."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator, Field

from app.desk.controls.cash_flow import FlowStatement, explain_flow
from app.desk.controls.flow_plan import Announcement, cancel_plan, list_flows, plan_flow
from app.desk.controls.flow_undo import take_back_flow
from app.desk.controls.statement import Statement, import_statement
from app.desk.ports import Ledger
from app.desk.run.what_if import what_if
from app.domain.cash import CashKind
from app.domain.errors import UsageError
from app.domain.flows import EXAMPLE, FIRST, amount_of, day_of, impossible
from app.domain.statement import statement_rows
from app.web.bodies import MOST_BYTES
from app.web.controls import PersonCall, ReasonedCall, Words, whose_of, wiring_of
from app.web.middleware import SERVED, WITH_BODY
from app.web.runs import AT_THE_DESK


def _cash_flow(written: object) -> Decimal:
    amount = amount_of(written)
    problem = impossible(amount, FIRST)
    if problem is not None:
        raise UsageError(f"amount: {problem}", EXAMPLE)
    return amount


Amount = Annotated[Decimal, BeforeValidator(_cash_flow)]
Day = Annotated[date, BeforeValidator(day_of)]
# Of an event of the ledger.
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
router = APIRouter(responses=SERVED)


class FlowCall(PersonCall):
    """A deposit, or a withdrawal where negative, in base currency; `note` says what it was.

    With a `kind` of income or cost it is a return on the account.
    """

    amount: Amount
    note: Words
    session_date: Day | None = None
    kind: CashKind | None = None


class PlanCall(PersonCall):
    """`amount` will be withdrawn, in base currency, by that day."""

    amount: Amount
    by: Day
    note: Words = "announced"


class CancelCall(PersonCall):
    """`note` says why."""

    note: Words = "cancelled"


class StatementCall(PersonCall):
    """The text of an activity statement or of a Flex query, as CSV."""

    csv: Annotated[str, Field(min_length=1, max_length=MOST_BYTES)]


@router.get("/flows")
async def flows(request: Request, account: str | None = None) -> dict[str, Any]:
    """What is announced, and what was paid in, paid out, earned and charged; what was taken back apart."""
    whose = whose_of(request, account)
    return await _at_the_ledger(request, lambda ledger: list_flows(ledger, whose))


@router.post("/flows", responses=WITH_BODY)
async def flow(request: Request, call: FlowCall) -> dict[str, Any]:
    """Explain a deposit or a withdrawal."""
    whose = whose_of(request, call.account)
    statement = FlowStatement(call.amount, call.note, call.actor, call.session_date, whose, call.kind)
    return await _at_the_ledger(request, lambda ledger: explain_flow(ledger, statement, datetime.now(UTC)))


@router.post("/flows/import", responses=WITH_BODY)
async def import_flows(request: Request, call: StatementCall) -> dict[str, Any]:
    """Explain cash by a statement; each of its rows counts once."""
    rows = await asyncio.to_thread(statement_rows, call.csv)
    statement = Statement(rows, call.actor, whose_of(request, call.account))
    return await _at_the_ledger(request, lambda ledger: import_statement(ledger, statement, datetime.now(UTC)))


@router.post("/flows/plans", responses=WITH_BODY)
async def announce(request: Request, call: PlanCall) -> dict[str, Any]:
    """Announce a withdrawal: its cash is raised before it leaves."""
    asked = Announcement(call.amount, call.by, call.note, call.actor, whose_of(request, call.account))
    return await _at_the_ledger(request, lambda ledger: plan_flow(ledger, asked, datetime.now(UTC)))


@router.post("/flows/plans/{number}/cancel", responses=WITH_BODY)
async def cancel(request: Request, number: Number, call: CancelCall) -> dict[str, Any]:
    """Take an announced withdrawal back."""
    whose = whose_of(request, call.account)
    return await _at_the_ledger(
        request, lambda ledger: cancel_plan(ledger, number, call.note, call.actor, datetime.now(UTC), whose)
    )


@router.post("/flows/{number}/undo", responses=WITH_BODY)
async def undo(request: Request, number: Number, call: ReasonedCall) -> dict[str, Any]:
    """Take back a flow that was told by mistake, while no run has reckoned with it."""
    whose = whose_of(request, call.account)
    return await _at_the_ledger(
        request, lambda ledger: take_back_flow(ledger, number, call.reason, call.actor, datetime.now(UTC), whose)
    )


@router.get("/flows/what-if", responses=AT_THE_DESK)
async def imagine(
    request: Request, amount: Annotated[str, Query(max_length=100)], account: str | None = None
) -> dict[str, Any]:
    """Today's decision if so much were paid in or out now; nothing is written or sent."""
    desk = await asyncio.to_thread(wiring_of(request).desk)
    return await what_if(desk, amount_of(amount), account)


async def _at_the_ledger(request: Request, work: Callable[[Ledger], dict[str, Any]]) -> dict[str, Any]:
    return await asyncio.to_thread(work, wiring_of(request).ledger)
