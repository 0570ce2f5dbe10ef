"""What today's decision must know of earlier ones, made from the ledger's own orders and reports."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.desk.ports import Calendar
from app.desk.records import IntentRecord
from app.domain.evaluation import ExitRule
from app.domain.order import Side, triggers
from app.domain.plan import Action, Memory

LOSS_RULES = frozenset({ExitRule.STOP_LOSS.value, Action.CUT_LOSERS.value.lower()})


def remember(
    history: Sequence[IntentRecord], last_evaluation: Mapping[str, Any] | None, calendar: Calendar, today: date
) -> Memory:
    """`history`: every intent that was filled, oldest first; `last_evaluation`: of the newest report before today."""
    since = {i.session_date: calendar.sessions_between(i.session_date, today) for i in history}
    reinforced: dict[int, list[int]] = defaultdict(list)
    sold_at_loss: dict[int, int] = {}
    # A sale in several legs takes one level.
    profits: dict[int, set[date]] = defaultdict(set)
    newest: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    last: dict[str, int] = {}
    for intent in history:
        ago = since[intent.session_date]
        rules = triggers(intent.rule)
        last[intent.action] = ago
        if not intent.mandatory:
            newest[intent.side][intent.conid] = ago
        if intent.side is Side.BUY and intent.action == Action.REINFORCE:
            reinforced[intent.conid].append(ago)
        if intent.side is Side.SELL and not LOSS_RULES.isdisjoint(rules):
            sold_at_loss[intent.conid] = ago
        if ExitRule.TAKE_PROFIT in rules:
            profits[intent.conid].add(intent.session_date)
    metrics = last_evaluation["metrics"] if last_evaluation else ()
    return Memory(
        reinforced={conid: tuple(ago) for conid, ago in reinforced.items()},
        sold_at_loss=sold_at_loss,
        profit_levels_taken={conid: len(days) for conid, days in profits.items()},
        last_rebalance=last.get(Action.REBALANCE),
        last_rotation=last.get(Action.ROTATE),
        previous_severities={m["name"]: m["severity"] for m in metrics} or None,
        drawdown_acted_at=last_evaluation["drawdown_acted_at"] if last_evaluation else None,
        previous_caps={c["rule"]: c["limit"] for c in last_evaluation["exposure_caps"]} if last_evaluation else None,
        bought=newest[Side.BUY],
        sold=newest[Side.SELL],
    )
