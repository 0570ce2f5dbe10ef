"""ROTATE: from the weakest sector held to the strongest one preferred."""

from collections import defaultdict
from collections.abc import Mapping

from app.decision.situation import Situation, Wish, buys, trim
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.order import OrderRule
from app.domain.plan import Action, Plan
from app.domain.policy import RotationTrigger


def momentum(situation: Situation, ago: int = 0) -> Mapping[str, float]:
    """Each sector's mean return over `evaluation_sessions`, ending `ago` sessions before the newest close.

    Over the universe's names; a sector none of whose names has the history is left out.
    """
    period = situation.policy.strategies.sector_rotation.evaluation_sessions
    returns: dict[str, list[float]] = defaultdict(list)
    for instrument in situation.market.instruments.values():
        series = situation.market.history.get(instrument.conid)
        sector = situation.sector(instrument)
        listed = instrument.symbol in situation.policy.universe.symbols and sector != UNKNOWN_SECTOR
        if listed and series is not None and len(series.closes) > period + ago:
            closes = series.closes
            returns[sector].append(float(closes[-1 - ago] / closes[-1 - ago - period] - 1))
    return {sector: sum(values) / len(values) for sector, values in sorted(returns.items())}


def rotate(situation: Situation) -> Plan | None:
    """Offered once per evaluation period; with `regime_change` only if the ranking's first or last sector changed.

    The ranking by return over the period up to the newest close is compared with that of the period before.
    """
    rules = situation.policy.strategies.sector_rotation
    last = situation.memory.last_rotation
    rested = last is None or last >= rules.evaluation_sessions
    if not rules.enabled or not rested or not situation.allows(rules.require_trend):
        return None
    now = momentum(situation)
    turn = change(situation, now)
    if turn is None:
        return None
    pair = from_to(situation, now)
    return _move(situation, now, pair, turn) if pair is not None else None


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
    held = {situation.sector(position.instrument) for position in situation.at_leisure}
    preferred = situation.policy.strategies.sector_rotation.preferred_sectors
    open_to_buy = {situation.sector(instrument) for instrument in situation.buyable}
    sources = {sector: now[sector] for sector in held if sector in now}
    goals = {s: now[s] for s in open_to_buy if s in now and (not preferred or s in preferred)}
    if not sources or not goals:
        return None
    source, goal = _pick(sources, best=False), _pick(goals, best=True)
    return (source, goal) if now[source] < now[goal] else None


def _move(situation: Situation, now: Mapping[str, float], pair: tuple[str, str], turn: str) -> Plan | None:
    source, goal = pair
    rules = situation.policy.strategies.sector_rotation
    text = f"{source} {now[source]:.1%} to {goal} {now[goal]:.1%} over {rules.evaluation_sessions} sessions"
    givers = [p for p in situation.at_leisure if situation.sector(p.instrument) == source]
    weight = sum(situation.weight(p.instrument) for p in givers)
    share = min(1.0, rules.move / weight) if weight > 0 else 0.0
    sells = [
        order
        for position in givers
        for order in trim(
            situation,
            position,
            share * situation.weight(position.instrument) * situation.nav,
            OrderRule.ROTATE,
            f"rotate: {text}",
        )
    ]
    takers = [i for i in situation.buyable if situation.sector(i) == goal]
    proceeds = sum(situation.base_value(order) for order in sells)
    wishes = [_wish(situation, taker, proceeds / len(takers), text) for taker in takers]
    bought = buys(situation, (*situation.mandatory, *sells), wishes) if sells else ()
    if not bought:
        return None
    reason = f"Sector regime: {turn}; from {text}"
    return Plan(Action.ROTATE, (*situation.mandatory, *sells, *bought), reason)


def _wish(situation: Situation, instrument: Instrument, value: float, text: str) -> Wish:
    return Wish(instrument, value, 1.0, OrderRule.ROTATE, f"rotate: {text}")
