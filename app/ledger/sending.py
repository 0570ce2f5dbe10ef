"""The last gate before the wire: one transaction in which an intent becomes SENDING, or is refused and stays as it is.

It locks the run, then the kill level, then the intent, so that a level that was committed before binds this order, and
two orders of one book never both take the last of a day's budget.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import Connection, Row, update

from app.desk.records import Claim, Event, SendBudget
from app.domain.errors import LedgerError
from app.domain.order import OrderState, Side
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.ledger import controls
from app.ledger.intents import day_use, is_intent, is_positive, own_intent, sent_intent, tell
from app.ledger.runs import note, owned
from app.ledger.schema import intents


def sending(
    connection: Connection,
    claim: Claim,
    coid: str,
    quantity: Decimal,
    limit_price: Decimal,
    at: datetime,
    budget: SendBudget,
    said: Sequence[Event] = (),
    *,
    now: datetime,
) -> Refusal | None:
    """The quantity may have shrunk since the plan, never grown. `now` is the real time, by which absence is judged."""
    row = owned(connection, claim)
    if row.dry_run:
        raise LedgerError(f"run {claim.run_id} is a dry run and sends nothing")
    level = controls.locked_level(connection, claim.key.book)
    intent = _unsent(connection, claim, coid)
    _check(intent, quantity, limit_price, budget)
    # Not earlier: the chain is the last that any writer locks.
    note(connection, claim, said, at)
    refusal = _stopped(intent, level, budget)
    if refusal is None and not budget.exit:
        refusal = _exhausted(intent, quantity, day_use(connection, claim.key.book, claim.key.session_date), budget)
    if refusal is not None:
        return refusal
    sent = {"quantity": quantity, "limit_price": limit_price, "value": budget.value, "sent_at": now}
    connection.execute(
        update(intents)
        .where(is_intent(intent), intents.c.state == OrderState.PLANNED, intents.c.sends == 0)
        .values(state=OrderState.SENDING, sends=1, fence=claim.fence, **sent)
    )
    told = {**sent, "by_person": True} if budget.by_person else sent
    tell(connection, claim, intent, OrderState.SENDING, told, at)
    return None


def _unsent(connection: Connection, claim: Claim, coid: str) -> Row[Any]:
    intent = own_intent(connection, claim, coid)
    if intent is None:
        raise LedgerError(f"run {claim.run_id} has no intent {coid}: it was not in the committed plan")
    if intent.state != OrderState.PLANNED or intent.sends != 0:
        raise LedgerError(f"intent {coid} is {intent.state} after {intent.sends} sends: an intent is sent once")
    before = sent_intent(connection, claim.key.book, coid)
    if before is not None:
        raise LedgerError(f"intent {coid} was sent by run {before.run_id}: an intent is sent once")
    return intent


def _check(intent: Row[Any], quantity: Decimal, limit_price: Decimal, budget: SendBudget) -> None:
    if not (is_positive(quantity) and quantity <= intent.quantity and is_positive(limit_price)):
        raise LedgerError(
            f"intent {intent.coid} cannot be sent as {quantity} at {limit_price}: the plan has {intent.quantity}"
        )
    if not is_positive(budget.value):
        raise LedgerError(f"intent {intent.coid} cannot be sent with a value of {budget.value} in base currency")
    if not budget.max_turnover.is_finite():
        raise LedgerError(f"intent {intent.coid} cannot be sent under a turnover limit of {budget.max_turnover}")
    if budget.exit and intent.side != Side.SELL:
        raise LedgerError(f"intent {intent.coid} is a {intent.side} and no exit")


def _stopped(intent: Row[Any], level: KillLevel, budget: SendBudget) -> Refusal | None:
    if level is KillLevel.ACTIVE:
        return None
    if budget.exit and (budget.by_person or level is KillLevel.REDUCING):
        return None
    allowed = "exits only" if level is KillLevel.REDUCING else "nothing is sent"
    return Refusal("kill_level", intent.symbol, level.value, allowed)


def _exhausted(intent: Row[Any], quantity: Decimal, used: DayUse, budget: SendBudget) -> Refusal | None:
    if used.orders >= budget.max_orders:
        return Refusal("max_orders_per_day", intent.symbol, f"{used.orders + 1}", f"{budget.max_orders}")
    if used.turnover + budget.value <= budget.max_turnover:
        return None
    refusal = Refusal(
        "max_turnover", intent.symbol, f"{used.turnover + budget.value:f}", f"{budget.max_turnover:f} in base currency"
    )
    left = budget.max_turnover - used.turnover
    if not is_positive(left):
        return refusal
    return replace(refusal, largest=(left * quantity / budget.value).to_integral_value(ROUND_FLOOR))
