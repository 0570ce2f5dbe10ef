"""What today's decision must know of earlier ones, and what later ones must know of today's; reports tell neither."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.desk.ports import Calendar
from app.desk.records import IntentRecord, RunMemory, RunStatus
from app.desk.stages.continuity import snapshot_of
from app.desk.states import AccountRead, Run, evaluation_of
from app.domain.adoption import Adoption
from app.domain.lots import Fill, by_name
from app.domain.plan import Memory
from app.engine.memory import (
    EvaluationRecord,
    FilledOrder,
    Resumed,
    evaluation_record,
    gain_bases,
    memory_of,
    name_memories,
)


def remember(
    history: Sequence[IntentRecord],
    last_evaluation: EvaluationRecord | None,
    calendar: Calendar,
    today: date,
    held: Mapping[int, Decimal],
    adoption: Adoption | None = None,
    inherited: Mapping[str, float] | None = None,
    resumed: Resumed | None = None,
) -> Memory:
    """`history`: every intent that was filled, oldest first; `last_evaluation`: of the newest session before today.

    `held`: conid → quantity now. `inherited`: where `last_evaluation` is from before the adoption.
    """
    orders = orders_of(history)
    fills = [one.fill for one in orders]
    since = lru_cache(maxsize=None)(lambda day: calendar.sessions_between(day, today))
    bases = gain_bases(adoption, by_name(fills), held)
    names = name_memories(orders, held, adoption)
    memory = memory_of(names, last_evaluation, since, adoption=adoption, bases=bases, resumed=resumed)
    return memory if inherited is None else replace(memory, inherited=dict(inherited))


def run_memory(run: Run, status: RunStatus) -> RunMemory:
    """What the run leaves as it is closed with that status."""
    account, found = run if isinstance(run, AccountRead) else None, evaluation_of(run)
    asked = status is RunStatus.AWAITING_APPROVAL
    return RunMemory(
        evaluation=evaluation_record(found) if account and found else None,
        account=snapshot_of(run.run_id, run.key.session_date, account.portfolio, account.continuity)
        if account
        else None,
        asked_prices={result.coid: result.order.reference_price for result in run.results} if asked else None,
        drawdown=found.drawdown if found else None,
    )


def fills_of(history: Sequence[IntentRecord]) -> tuple[Fill, ...]:
    """What was bought and sold, with the fee that the broker's preview named, in proportion to what was filled."""
    return tuple(
        Fill(i.conid, i.session_date, i.side, i.filled_quantity, i.average_price, _fee(i.what_if, i)) for i in history
    )


def orders_of(history: Sequence[IntentRecord]) -> tuple[FilledOrder, ...]:
    """What was filled, with why it was ordered."""
    return tuple(
        FilledOrder(fill, intent.action, intent.rules, intent.mandatory)
        for fill, intent in zip(fills_of(history), history, strict=True)
    )


def fee_of(
    commission: Decimal | None, amount: Decimal | None, quantity: Decimal, price: Decimal | None
) -> Decimal | None:
    """In the instrument's currency, whatever the preview's own: a share of the value, as it was of the preview's."""
    if commission is None or amount is None or not amount > 0 or price is None:
        return None
    return quantity * price * commission / amount


def _fee(what_if: Mapping[str, Any] | None, intent: IntentRecord) -> Decimal | None:
    known = what_if or {}
    commission, amount = (
        None if known.get(name) is None else Decimal(known[name]) for name in ("commission", "amount")
    )
    return fee_of(commission, amount, intent.filled_quantity, intent.average_price)
