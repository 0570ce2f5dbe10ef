"""ROTATE: from the weakest sector held to the strongest one preferred."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from app.decision.situation import DesiredBuy, Situation, trim, two_legged
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.order import OrderRule, Side
from app.domain.plan import Action, Plan
from app.domain.policy import RotationTrigger
from app.domain.portfolio import Position
from app.domain.sizing import ZERO
from app.domain.totals import total_of
from app.domain.universe import lasting


def momentum(situation: Situation, ago: int = 0) -> Mapping[str, float]:
    """Each sector's mean return over `evaluation_sessions`, ending `ago` sessions before the newest close.

    Over the universe's names; a sector none of whose names has the history is left out.
    """
    period = situation.policy.strategies.sector_rotation.evaluation_sessions
    derived, key = situation.market.derived, (momentum, situation.policy.universe, period, ago)
    found = derived.get(key)
    if not isinstance(found, dict):
        found = derived[key] = _momentum(situation, period, ago)
    return found


def _momentum(situation: Situation, period: int, ago: int) -> dict[str, float]:
    returns: dict[str, list[float]] = defaultdict(list)
    for conid, sector in _listed(situation):
        series = situation.market.history.get(conid)
        if series is not None and len(series.closes) > period + ago:
            closes = series.closes
            returns[sector].append(float(closes[-1 - ago] / closes[-1 - ago - period] - 1))
    return {sector: total_of(values) / len(values) for sector, values in sorted(returns.items())}


def _listed(situation: Situation) -> tuple[tuple[int, str], ...]:
    """The universe's names with their sectors; kept, for they are the same on every day."""
    kept, key = lasting(situation.market), (_listed, situation.policy.universe)
    found = kept.get(key)
    if not isinstance(found, tuple):
        names = ((one, situation.sector(one)) for one in situation.market.instruments.values())
        symbols = situation.policy.universe.symbols
        found = kept[key] = tuple(
            (one.conid, sector) for one, sector in names if one.symbol in symbols and sector != UNKNOWN_SECTOR
        )
    return found


@dataclass(frozen=True, slots=True)
class Turn:
    """What calls for a rotation, in words, and the sectors that it would go between; `momentum` by sector."""

    reason: str
    source: str
    goal: str
    momentum: Mapping[str, float]


def turn(situation: Situation) -> Turn | None:
    """Once per evaluation period; with `regime_change` only if the ranking's first or last sector changed.

    The ranking by return over the period up to the newest close is compared with that of the period before.
    """
    rules = situation.policy.strategies.sector_rotation
    last = situation.memory.last_rotation
    rested = last is None or last >= rules.evaluation_sessions
    may_buy = situation.allows(rules.require_trend) and situation.evaluation.risk_may_rise
    if not rules.enabled or not rested or not may_buy:
        return None
    now = momentum(situation)
    reason = change(situation, now)
    pair = None if reason is None else from_to(situation, now)
    return None if reason is None or pair is None else Turn(reason, *pair, now)


def rotate(situation: Situation) -> Plan | None:
    """From the weakest sector held to the strongest one preferred, where the ranking has turned."""
    found = turn(situation)
    return None if found is None else _move(situation, found)


def change(situation: Situation, now: Mapping[str, float]) -> str | None:
    """What calls for a rotation, in words; None for nothing, or for want of history."""
    rules = situation.policy.strategies.sector_rotation
    if len(now) < 2:
        return None
    if rules.trigger is RotationTrigger.PERIOD:
        return f"the period of {rules.evaluation_sessions} sessions is over"
    before = momentum(situation, rules.evaluation_sessions)
    if before.keys() != now.keys():
        return None
    changes = [
        f"{word} {_pick(before, best)} → {_pick(now, best)}"
        for word, best in (("leader", True), ("laggard", False))
        if _pick(before, best) != _pick(now, best)
    ]
    return ", ".join(changes) or None


def _pick(ranking: Mapping[str, float], best: bool) -> str:
    ordered = sorted(ranking, key=lambda sector: (ranking[sector], sector))
    return ordered[-1 if best else 0]


def from_to(situation: Situation, now: Mapping[str, float]) -> tuple[str, str] | None:
    """(weakest sector that can be sold, strongest preferred sector that can be bought)."""
    held = {situation.sector(position.instrument) for position in sellable_in_turn(situation)}
    preferred = situation.policy.strategies.sector_rotation.preferred_sectors
    open_to_buy = {situation.sector(instrument) for instrument in situation.buyable}
    sources = {sector: now[sector] for sector in held if sector in now}
    goals = {s: now[s] for s in open_to_buy if s in now and (not preferred or s in preferred)}
    if not sources or not goals:
        return None
    source, goal = _pick(sources, best=False), _pick(goals, best=True)
    return (source, goal) if now[source] < now[goal] else None


def sellable_in_turn(situation: Situation) -> tuple[Position, ...]:
    """What a rotation may sell: a winner that was added to keeps what was added."""
    tilts = situation.tilts
    return tuple(p for p in situation.without_exit if not tilts.get(p.instrument.conid, ZERO) > 0)


def _move(situation: Situation, turn: Turn) -> Plan | None:
    source, goal, now = turn.source, turn.goal, turn.momentum
    rules = situation.policy.strategies.sector_rotation
    text = f"{source} {now[source]:.1%} to {goal} {now[goal]:.1%} over {rules.evaluation_sessions} sessions"
    sources = [p for p in sellable_in_turn(situation) if situation.sector(p.instrument) == source]
    weight = total_of(situation.weight(p.instrument) for p in sources)
    move = min(rules.move, situation.most_turnover / 2)
    share = min(1.0, move / weight) if weight > 0 else 0.0
    sells = [
        order
        for position in sources
        for order in trim(
            situation,
            position,
            share * situation.weight(position.instrument) * situation.nav,
            OrderRule.ROTATE,
            f"rotate: {text}",
        )
    ]
    goals = [i for i in situation.buyable if situation.sector(i) == goal]
    proceeds = total_of(situation.base_value(order) for order in sells)
    desired = [DesiredBuy(i, proceeds / len(goals), 1.0, OrderRule.ROTATE, f"rotate: {text}") for i in goals]
    orders = two_legged(situation, sells, desired) if sells else ()
    if {order.side for order in orders} != {Side.SELL, Side.BUY}:
        return None
    reason = f"Sector regime: {turn.reason}; from {text}"
    return Plan(Action.ROTATE, (*situation.mandatory, *orders), reason)
