"""REBALANCE: back inside the limits after a breach, and back to attainable targets after drift or with new money."""

from decimal import Decimal

from app.decision.causes import Cause, Targets, cause_of, weights_after_exits
from app.decision.situation import DesiredBuy, Situation, trim, two_legged
from app.decision.targets import inside_limits, invested, largest_first, on_target, raised, rested
from app.domain.instrument import Instrument
from app.domain.legs import alone
from app.domain.order import Order, OrderRule
from app.domain.plan import Action, Plan
from app.domain.taking_over import PAIR, is_taking_over, sessions_left
from app.domain.tolerance import by_size
from app.domain.totals import total_of

# While a book is taken over, a day trades at least this share of NAV of what is left.
GENTLE = 0.01
CENT = Decimal("0.01")


def rebalance(situation: Situation) -> Plan | None:
    """On a breach that no mandatory sale deals with, at once; on drift, at the policy's frequency.

    Outside that: while a book is taken over, a little every day; names to be given up; money that came or is to go.
    """
    found = cause_of(situation)
    if found is None:
        return None
    now = weights_after_exits(situation)
    goals = on_target(situation, now | dict.fromkeys(found.given_up, 0.0))
    targets = rested(situation, now, goals) if found.to_target else invested(situation, now, goals)
    targets = inside_limits(situation, targets, found)
    targets = raised(situation, targets, goals)
    own = _own_sales(situation, now, found)
    orders = _orders(situation, now, targets, found, own)
    if not orders:
        return None
    every = (*situation.mandatory, *orders)
    return Plan(Action.REBALANCE, every, found.reason, on_breach=bool(found.broken), own_sales=own)


def _own_sales(situation: Situation, now: Targets, found: Cause) -> Decimal:
    """What leaves whether or not anything is bought: more than the policy invests or a limit allows, and a withdrawal.

    What is above its target in an account that is not full waits until it pays for something.
    """
    most = min(situation.policy.allocation.invested or 1.0, situation.evaluation.exposure_limit)
    withdrawn = float(situation.memory.planned_withdrawal) / situation.nav
    net = total_of(now.values()) - most + withdrawn
    inside = inside_limits(situation, now | dict.fromkeys(found.given_up, 0.0), found)
    over = total_of(max(0.0, weight - inside[conid]) for conid, weight in now.items())
    return Decimal(str(max(0.0, net, over) * situation.nav)).quantize(CENT)


def _orders(situation: Situation, now: Targets, targets: Targets, found: Cause, own: Decimal) -> tuple[Order, ...]:
    """Sells, then buys by size, all within the day's turnover: whole orders, the farthest from their targets first."""
    nav, least = situation.nav, float(situation.least)
    changes = {conid: (target - now.get(conid, 0.0)) * nav for conid, target in targets.items()}
    free = {p.instrument.conid for p in situation.without_exit}
    off = {conid: -change for conid, change in changes.items() if change < 0 and conid in free}
    on = {conid: change for conid, change in changes.items() if change > 0}
    sold, bought = total_of(off.values()), total_of(on.values())
    left = _turnover_left(situation, sold + bought, found)
    if left < sold + bought:
        sold, bought = _shared(left, sold, bought, least)
        wanted, off, on = off, largest_first(off, sold, least), largest_first(on, bought, least)
        # What is given up leaves no rest that nobody would send an order for.
        off |= {conid: wanted[conid] for conid in off if conid in found.given_up and wanted[conid] - off[conid] < least}
    sells = [
        order
        for position in situation.without_exit
        if (value := off.get(position.instrument.conid, 0.0)) > 0
        for order in trim(situation, position, value, OrderRule.REBALANCE, _words(now, targets, position.instrument))
    ]
    if not situation.buying:
        return alone(sells, own, situation.portfolio, situation.least)
    desired = [
        DesiredBuy(i, on[i.conid], targets[i.conid], OrderRule.REBALANCE, _words(now, targets, i))
        for i in sorted(situation.buyable, key=lambda i: (-by_size(on.get(i.conid, 0.0)), i.symbol))
        if i.conid in on
    ]
    return two_legged(situation, sells, desired, own)


def _turnover_left(situation: Situation, total: float, found: Cause) -> float:
    """Base currency, of `total` that is to be traded. A book that is taken over is worked off over the weeks.

    Limits and exits take theirs out of the policy's own bound.
    """
    policy, nav = situation.policy, situation.nav
    left = max(0.0, policy.execution.max_turnover * nav - total_of(map(situation.base_value, situation.mandatory)))
    if found.broken or not is_taking_over(policy, situation.memory):
        return left
    a_day = max(
        total / sessions_left(policy, situation.memory, in_time=bool(found.given_up)),
        GENTLE * nav,
        PAIR * float(situation.least),
    )
    return min(left, situation.most_turnover * nav, a_day + float(situation.memory.new_money))


def _shared(left: float, sold: float, bought: float, least: float) -> tuple[float, float]:
    """The day's turnover between what is to be sold and bought, pro rata, and enough for an order on either side."""
    share = left * sold / (sold + bought)
    an_order = min(PAIR / 2 * least, left / 2)
    share = min(max(share, min(sold, an_order)), left - min(bought, an_order))
    return share, left - share


def _words(now: Targets, targets: Targets, instrument: Instrument) -> str:
    return f"rebalance: weight {now.get(instrument.conid, 0.0):.1%} towards {targets[instrument.conid]:.1%}"
