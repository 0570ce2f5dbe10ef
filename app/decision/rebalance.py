"""REBALANCE: back inside the limits after a breach, and back to attainable targets after drift."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.decision.situation import DesiredBuy, Situation, buys, trim
from app.domain.evaluation import Drift, ExitRule, Metric
from app.domain.instrument import Instrument
from app.domain.order import Order, OrderRule
from app.domain.order_size import smallest_order
from app.domain.plan import Action, Plan
from app.domain.sizing import HEADROOM
from app.domain.tolerance import TOLERANCE
from app.domain.totals import total_of
from app.domain.universe import position_limit

STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster")
# Selling or buying cures these; a drawdown or a day's loss is past.
CURABLE = (*STATISTICS, "max_position", "max_sector", "cash_reserve", "exposure")
INSIDE = 0.95

Targets = dict[int, float]
# (kind, name) of a drift → the names that answer for it.
Grouped = defaultdict[tuple[str, str], list[Instrument]]


def rebalance(situation: Situation) -> Plan | None:
    """On a breach that no mandatory sale deals with, at once; on drift, at the policy's frequency."""
    if not situation.policy.strategies.rebalance.enabled:
        return None
    broken = breaches(situation)
    drifted = _drifted(situation)
    if not broken and not drifted:
        return None
    now = _weights(situation)
    targets = _rested(situation, now, _on_target(situation, now)) if drifted else dict(now)
    targets = _inside(situation, targets, broken)
    orders = _orders(situation, now, targets)
    if not orders:
        return None
    reason = _reason(broken, drifted)
    return Plan(Action.REBALANCE, (*situation.mandatory, *orders), reason, on_breach=bool(broken))


def called_for(situation: Situation) -> bool:
    """Whether a breach or drift calls for it."""
    return situation.policy.strategies.rebalance.enabled and bool(breaches(situation) or _drifted(situation))


def breaches(situation: Situation) -> tuple[Metric, ...]:
    """Limits over which the portfolio stays when the mandatory sales are done."""
    exits = situation.evaluation.exits_due
    breached = [m for m in situation.evaluation.breaches if m.name in CURABLE]
    if not breached:
        return ()
    dealt_with = {exit.metric for exit in exits if exit.rule is ExitRule.LIMIT_BREACH}
    now = _weights(situation)
    return tuple(m for m in breached if m.name not in dealt_with and not _cured(situation, m, now))


def _cured(situation: Situation, metric: Metric, now: Targets) -> bool:
    """The mandatory sales bring it inside its limit; what they do to a statistic cannot be told from weights."""
    limits = situation.policy.risk_limits
    invested = total_of(abs(weight) for weight in now.values())
    if metric.name == "exposure":
        return invested <= situation.evaluation.max_exposure + TOLERANCE
    if metric.name == "cash_reserve" and metric.value is not None:
        return metric.value + situation.evaluation.managed_exposure - invested >= limits.min_cash_reserve - TOLERANCE
    held = [position.instrument for position in situation.portfolio.positions]
    if metric.name == "max_position":
        return all(abs(now[i.conid]) <= position_limit(situation.policy, i.symbol) + TOLERANCE for i in held)
    if metric.name == "max_sector":
        sectors: dict[str, float] = defaultdict(float)
        for instrument in held:
            if instrument.symbol not in situation.policy.universe.diversified_funds:
                sectors[situation.sector(instrument)] += abs(now[instrument.conid])
        return all(weight <= limits.max_sector + TOLERANCE for weight in sectors.values())
    return False


def _drifted(situation: Situation) -> tuple[Drift, ...]:
    """Drift to correct. A rotation made its own drift: it rests as long as a rebalance would."""
    allocation, memory = situation.policy.allocation, situation.memory
    moved = [ago for ago in (memory.last_rebalance, memory.last_rotation) if ago is not None]
    if any(ago < allocation.frequency.sessions for ago in moved):
        return ()
    beyond = [d for d in situation.evaluation.drifts if abs(d.difference) > allocation.drift_threshold + TOLERANCE]
    return tuple(sorted(beyond, key=lambda drift: -abs(drift.difference)))


def _reason(broken: Sequence[Metric], drifted: Sequence[Drift]) -> str:
    if broken:
        numbers = (f"{m.name} {m.value:.1%}, limit {m.limit:.1%}" for m in broken)
        return f"Over the limit: {'; '.join(numbers)}"
    numbers = (f"{d.name} {d.weight:.1%}, attainable target {d.attainable:.1%}" for d in drifted)
    return f"Drift beyond the threshold: {'; '.join(numbers)}"


def _weights(situation: Situation) -> Targets:
    """Weights of all names after the mandatory sales."""
    weights = dict(situation.evaluation.weights)
    for order in situation.mandatory:
        weights[order.instrument.conid] -= situation.base_value(order) / situation.nav
    return weights


def _on_target(situation: Situation, now: Targets) -> Targets:
    """Every drift corrected: names to their own targets, groups as a whole."""
    targets = dict(now)
    drifts = situation.evaluation.drifts
    by_symbol = {p.instrument.symbol: p.instrument for p in situation.without_exit}
    for drift in drifts:
        if drift.kind == "name" and drift.name in by_symbol:
            targets[by_symbol[drift.name].conid] = drift.attainable
    if any(drift.kind == "name" for drift in drifts):
        return targets
    held = _grouped(situation, (position.instrument for position in situation.portfolio.positions))
    buyable = _grouped(situation, situation.buyable)
    for drift in drifts:
        group = (drift.kind, drift.name)
        targets = _toward(situation, targets, drift.attainable, held[group], buyable[group])
    return targets


def _grouped(situation: Situation, names: Iterable[Instrument]) -> Grouped:
    """Sectors hold single names; the diversified funds of a class answer for the class's own drift."""
    found: Grouped = defaultdict(list)
    for name in names:
        found["sector", situation.sector(name)].append(name)
        if name.symbol in situation.policy.universe.diversified_funds:
            found["asset_class", name.asset_class.value].append(name)
    return found


def _rested(situation: Situation, now: Targets, targets: Targets) -> Targets:
    """Drift sells nothing that was bought within the rebalancing frequency, and buys nothing that was sold."""
    bought, sold = situation.memory.bought, situation.memory.sold
    least = situation.policy.allocation.frequency.sessions
    kept = dict(targets)
    for conid, target in targets.items():
        held = now.get(conid, 0.0)
        recent = bought if target < held else sold
        if recent.get(conid, least) < least:
            kept[conid] = held
    return kept


def _toward(
    situation: Situation, targets: Targets, goal: float, held: Sequence[Instrument], buyable: Sequence[Instrument]
) -> Targets:
    """A group's weight brought to its goal: sold pro rata, bought evenly, held names first."""
    inside = {name.conid for name in held}
    difference = goal - total_of(targets[name.conid] for name in held)
    if difference < 0:
        free = [p.instrument.conid for p in situation.without_exit if p.instrument.conid in inside]
        sellable = total_of(targets[conid] for conid in free)
        factor = max(0.0, 1 + difference / sellable) if sellable > 0 else 1.0
        return {**targets, **{conid: targets[conid] * factor for conid in free}}
    ceilings = {i.conid: position_limit(situation.policy, i.symbol) - HEADROOM for i in buyable}
    first = {conid: ceiling for conid, ceiling in ceilings.items() if conid in targets}
    enough = total_of(max(0.0, ceiling - targets[conid]) for conid, ceiling in first.items()) >= difference
    return _poured(targets, first if enough else ceilings, difference)


def _poured(targets: Targets, ceilings: Targets, amount: float) -> Targets:
    """`amount` spread over names up to their ceilings, evenly over those that still have room."""
    rooms = {conid: max(0.0, ceiling - targets.get(conid, 0.0)) for conid, ceiling in ceilings.items()}
    filled = dict(targets)
    left = amount
    for position, (conid, room) in enumerate(sorted(rooms.items(), key=lambda item: (item[1], item[0]))):
        share = min(room, left / (len(rooms) - position))
        filled[conid] = filled.get(conid, 0.0) + share
        left -= share
    return filled


def _inside(situation: Situation, targets: Targets, broken: Sequence[Metric]) -> Targets:
    """No name above its limit, the whole within the exposure allowed, statistics scaled inside their limits."""
    inside = dict(targets)
    free = [p.instrument for p in situation.without_exit]
    for instrument in free:
        limit = position_limit(situation.policy, instrument.symbol)
        if inside[instrument.conid] > limit:
            inside[instrument.conid] = limit - HEADROOM
    for metric in broken:
        if metric.name == "max_sector" and metric.limit is not None:
            inside = _sectors_inside(situation, inside, metric.limit)
    total = total_of(inside.values())
    bounds = [
        situation.evaluation.managed_exposure * INSIDE * metric.limit / metric.value
        for metric in broken
        if metric.name in STATISTICS and metric.limit is not None and metric.value is not None
    ]
    if bounds and total > min(bounds):
        inside = _scaled(inside, [i.conid for i in free], total - min(bounds))
        total = total_of(inside.values())
    bound = situation.evaluation.max_exposure - HEADROOM
    over = any(metric.name in {"exposure", "cash_reserve"} for metric in broken)
    if over and total > bound:
        least = float(smallest_order(situation.policy.execution, situation.evaluation.nav)) / situation.nav
        inside = _levelled(inside, [i.conid for i in free], total - bound, least)
    return inside


def _sectors_inside(situation: Situation, targets: Targets, limit: float) -> Targets:
    for sector in sorted(situation.evaluation.sector_weights):
        held = [p.instrument.conid for p in situation.portfolio.positions if situation.sector(p.instrument) == sector]
        weight = total_of(targets[conid] for conid in held)
        if weight > limit:
            free = {p.instrument.conid for p in situation.without_exit}
            targets = _scaled(targets, [conid for conid in held if conid in free], weight - limit + HEADROOM)
    return targets


def _scaled(targets: Targets, free: Iterable[int], excess: float) -> Targets:
    """`excess` taken off the free names pro rata."""
    names = list(free)
    weight = total_of(targets[conid] for conid in names)
    factor = max(0.0, 1 - excess / weight) if weight > 0 else 1.0
    return {**targets, **{conid: targets[conid] * factor for conid in names}}


def _levelled(targets: Targets, free: Iterable[int], excess: float, least: float) -> Targets:
    """`excess` taken off the largest of the free names, so few of them that no sale is below twice `least`.

    One level is found to which the largest come down; concentration falls with the exposure.
    """
    ordered = sorted(free, key=lambda conid: (-targets[conid], conid))
    few = ordered[: max(1, int(excess / (2 * least)))] if least > 0 else ordered
    if total_of(targets[conid] for conid in few) > excess:
        ordered = few
    taken = 0.0
    for count, conid in enumerate(ordered, start=1):
        taken += targets[conid]
        level = (taken - excess) / count
        below = targets[ordered[count]] if count < len(ordered) else 0.0
        if level >= below:
            return {**targets, **{name: min(targets[name], level) for name in ordered[:count]}}
    return {**targets, **dict.fromkeys(ordered, 0.0)}


def _orders(situation: Situation, now: Targets, targets: Targets) -> tuple[Order, ...]:
    """Sells, then buys by size, all scaled down together to the day's turnover."""
    policy, nav = situation.policy, situation.nav
    changes = {conid: target - now.get(conid, 0.0) for conid, target in targets.items()}
    total = total_of(abs(change) for change in changes.values()) * nav
    used = total_of(situation.base_value(order) for order in situation.mandatory)
    budget = max(0.0, policy.execution.max_turnover * nav - used)
    scale = min(1.0, budget / total) if total > 0 else 0.0
    sells = [
        order
        for position in situation.without_exit
        if (change := changes[position.instrument.conid]) < 0
        for order in trim(
            situation,
            position,
            -change * scale * nav,
            OrderRule.REBALANCE,
            _words(now, targets, position.instrument),
        )
    ]
    if not situation.buying:
        return tuple(sells)
    desired = [
        DesiredBuy(i, changes[i.conid] * scale * nav, targets[i.conid], OrderRule.REBALANCE, _words(now, targets, i))
        for i in sorted(situation.buyable, key=lambda i: (-changes.get(i.conid, 0.0), i.symbol))
        if changes.get(i.conid, 0.0) > 0
    ]
    return (*sells, *buys(situation, (*situation.mandatory, *sells), desired))


def _words(now: Targets, targets: Targets, instrument: Instrument) -> str:
    return f"rebalance: weight {now.get(instrument.conid, 0.0):.1%} towards {targets[instrument.conid]:.1%}"
