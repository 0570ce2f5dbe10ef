"""What today's decision must know of earlier ones, and what later ones must know of today's; reports tell neither."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from app.desk.ports import Calendar
from app.desk.records import EvaluationRecord, IntentRecord, RunMemory, RunStatus
from app.desk.stages.continuity import snapshot_of
from app.desk.states import AccountRead, Run, evaluation_of
from app.domain.lots import Fill, of_this_holding, round_trips
from app.domain.order import OrderRule, Side
from app.domain.plan import Action, Memory

LOSS_RULES = frozenset({OrderRule.STOP_LOSS, OrderRule.CUT_LOSERS})


def remember(
    history: Sequence[IntentRecord],
    last_evaluation: EvaluationRecord | None,
    calendar: Calendar,
    today: date,
    held: Mapping[int, Decimal],
) -> Memory:
    """`history`: every intent that was filled, oldest first; `last_evaluation`: of the newest session before today.

    `held`: conid → quantity now. What was done to a holding that was sold entirely since is forgotten.
    """
    since = {i.session_date: calendar.sessions_between(i.session_date, today) for i in history}
    reinforced: dict[int, list[int]] = defaultdict(list)
    sold_at_loss: dict[int, int] = {}
    # A sale in several legs takes one level.
    profits: dict[int, set[date]] = defaultdict(set)
    newest: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    last: dict[str, int] = {}
    fills = fills_of(history)
    for intent, in_this_holding in zip(history, of_this_holding(fills, held), strict=True):
        ago = since[intent.session_date]
        if not intent.mandatory:
            last[intent.action] = ago
            newest[intent.side][intent.conid] = ago
        if intent.side is Side.BUY and intent.action == Action.REINFORCE and in_this_holding:
            reinforced[intent.conid].append(ago)
        if intent.side is Side.SELL and not LOSS_RULES.isdisjoint(intent.rules):
            sold_at_loss[intent.conid] = ago
        if OrderRule.TAKE_PROFIT in intent.rules and in_this_holding:
            profits[intent.conid].add(intent.session_date)
    return Memory(
        reinforced={conid: tuple(ago) for conid, ago in reinforced.items()},
        sold_at_loss=sold_at_loss,
        profit_levels_taken={conid: len(days) for conid, days in profits.items()},
        last_rebalance=last.get(Action.REBALANCE),
        last_rotation=last.get(Action.ROTATE),
        previous_severities=(dict(last_evaluation.severities) or None) if last_evaluation else None,
        drawdown_acted_at=last_evaluation.drawdown_acted_at if last_evaluation else None,
        previous_caps=dict(last_evaluation.caps) if last_evaluation else None,
        bought=newest[Side.BUY],
        sold=newest[Side.SELL],
        closed_trades=tuple(trip.profit for trip in round_trips(fills, held)),
    )


def run_memory(run: Run, status: RunStatus) -> RunMemory:
    """What the run leaves as it is closed with that status."""
    account, found = run if isinstance(run, AccountRead) else None, evaluation_of(run)
    asked = status is RunStatus.AWAITING_APPROVAL
    return RunMemory(
        evaluation=EvaluationRecord(
            severities={metric.name: metric.severity.value for metric in found.metrics},
            caps={cap.rule: cap.limit for cap in found.caps},
            drawdown_acted_at=found.drawdown_acted_at(account.memory.drawdown_acted_at),
        )
        if account and found
        else None,
        account=snapshot_of(run.run_id, run.key.session_date, account.portfolio, account.continuity)
        if account
        else None,
        asked_prices={result.coid: result.order.reference_price for result in run.results} if asked else None,
    )


def fills_of(history: Sequence[IntentRecord]) -> tuple[Fill, ...]:
    """What was bought and sold, with the fee that the broker's preview named, in proportion to what was filled."""
    return tuple(
        Fill(i.conid, i.session_date, i.side, i.filled_quantity, i.average_price, _fee(i.what_if, i)) for i in history
    )


def _fee(what_if: Mapping[str, Any] | None, intent: IntentRecord) -> Decimal | None:
    """In the instrument's currency, whatever the preview's own: a share of the value, as it was of the preview's."""
    known = what_if or {}
    commission, amount = (
        None if known.get(name) is None else Decimal(known[name]) for name in ("commission", "amount")
    )
    if commission is None or amount is None or not amount > 0 or intent.average_price is None:
        return None
    return intent.filled_quantity * intent.average_price * commission / amount
