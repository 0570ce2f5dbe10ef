"""The sales that every plan contains, whoever chooses."""

from itertools import groupby

from app.decision.situation import Situation, sell, shares
from app.domain.evaluation import ExitDue, ExitRule
from app.domain.order import Order, OrderRule

_WORDS = {
    ExitRule.STOP_LOSS: "unrealised",
    ExitRule.TAKE_PROFIT: "unrealised",
    ExitRule.DRAWDOWN: "drawdown",
}


def mandatory_orders(situation: Situation) -> tuple[Order, ...]:
    """One net sell per name, in legs below the order cap; names that must not be ordered get none."""
    positions = {position.instrument.conid: position for position in situation.holdings}
    due = sorted(situation.evaluation.exits_due, key=lambda exit: (exit.symbol, exit.conid))
    orders: list[Order] = []
    for conid, exits in groupby(due, key=lambda exit: exit.conid):
        if conid in positions:
            found = list(exits)
            fraction = max(exit.fraction for exit in found)
            wanted = shares(fraction, positions[conid].quantity)
            rules = tuple(dict.fromkeys(OrderRule(exit.rule) for exit in found))
            reason = f"{'+'.join(rules)}: " + ", ".join(words(exit) for exit in found)
            orders += sell(situation, positions[conid], wanted, rules, reason, mandatory=True)
    return tuple(orders)


def words(exit: ExitDue) -> str:
    """What was measured against which threshold."""
    name = exit.metric or _WORDS[exit.rule]
    return f"{name} {exit.value:.1%} against {exit.threshold:.1%}"
