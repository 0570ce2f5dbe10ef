"""Where a rebalance goes: weights by conid, inside the limits that it is to come back to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.decision.causes import STATISTICS, Cause, Targets
from app.decision.situation import Situation
from app.decision.tax import Tie, prefer, tie_of
from app.domain.evaluation import position_key, sector_key
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.sizing import HEADROOM
from app.domain.tolerance import TOLERANCE
from app.domain.totals import total_of
from app.domain.universe import is_fund, position_limit

INSIDE = 0.95

# (kind, name) of a drift → the names that answer for it.
Grouped = defaultdict[tuple[str, str], list[Instrument]]


def on_target(situation: Situation, now: Targets) -> Targets:
    """Every drift corrected: names to their own targets, groups as a whole."""
    targets = dict(now)
    drifts = situation.evaluation.drifts
    by_symbol = {p.instrument.symbol: p.instrument for p in situation.free_to_sell}
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
        if is_fund(situation.policy, name):
            found["asset_class", name.asset_class.value].append(name)
    return found


def rested(situation: Situation, now: Targets, goals: Targets) -> Targets:
    """What was bought lately stays, and nothing else is sold in its place."""
    may_go = {position.instrument.conid for position in situation.without_exit}
    return {conid: goal if conid in may_go else max(goal, now.get(conid, 0.0)) for conid, goal in goals.items()}


def _toward(
    situation: Situation, targets: Targets, goal: float, held: Sequence[Instrument], buyable: Sequence[Instrument]
) -> Targets:
    """A group's weight brought to its goal: sold pro rata, bought evenly, held names first."""
    inside = {name.conid for name in held}
    difference = goal - total_of(targets[name.conid] for name in held)
    if difference < 0:
        free = [p.instrument.conid for p in situation.free_to_sell if p.instrument.conid in inside]
        return _scaled(targets, free, -difference, tie_of(situation))
    ceilings = {i.conid: position_limit(situation.policy, i.symbol) - HEADROOM for i in buyable}
    first = {conid: ceiling for conid, ceiling in ceilings.items() if conid in targets}
    enough = total_of(max(0.0, ceiling - targets[conid]) for conid, ceiling in first.items()) >= difference
    return _poured(targets, _few_enough(situation, first if enough else ceilings, first, difference), difference)


def _few_enough(situation: Situation, ceilings: Targets, first: Targets, amount: float) -> Targets:
    """So few of the names that each gets an order's worth and a share at least: those in `first` before others."""
    least = float(situation.least) / situation.nav
    most = max(1, int(amount / least + TOLERANCE)) if least > 0 else len(ceilings)
    if len(ceilings) <= most:
        return ceilings
    prices = {conid: situation.share_weight(conid) for conid in ceilings}
    fit = sorted((conid for conid in ceilings if prices[conid] <= amount), key=lambda c: (c not in first, prices[c], c))
    return {conid: ceilings[conid] for conid in fit[:most]} or ceilings


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


def inside_limits(situation: Situation, targets: Targets, found: Cause) -> Targets:
    """No name above its limit, the whole within the exposure allowed, statistics scaled inside their limits.

    What was over its limit when the account was taken over is brought inside only where that is worked off.
    """
    inside, broken = dict(targets), (*found.broken, *found.inherited)
    spared = frozenset(situation.evaluation.inherited) if found.broken and not found.inherited else frozenset()
    # A limit does not ask when something was bought.
    free = [p.instrument for p in (situation.free_to_sell if found.broken else situation.without_exit)]
    for instrument in free:
        limit = position_limit(situation.policy, instrument.symbol)
        if inside[instrument.conid] > limit and position_key(instrument.conid) not in spared:
            inside[instrument.conid] = limit - HEADROOM
    if any(metric.name == "max_sector" for metric in broken):
        inside = _sectors_inside(situation, inside, spared)
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
        least = float(situation.least) / situation.nav
        inside = _levelled(inside, [i.conid for i in free], total - bound, least)
    return inside


def _sectors_inside(situation: Situation, targets: Targets, spared: frozenset[str]) -> Targets:
    """Sectors brought inside their limit; a fund is a name, and nobody knows how much of a sector Unknown is."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position in situation.portfolio.positions:
        if not is_fund(situation.policy, position.instrument):
            groups[situation.sector(position.instrument)].append(position.instrument.conid)
    groups.pop(UNKNOWN_SECTOR, None)
    free = {p.instrument.conid for p in situation.free_to_sell}
    limit = situation.policy.risk_limits.max_sector
    for sector, held in sorted(groups.items()):
        weight = total_of(targets[conid] for conid in held)
        if weight > limit and sector_key(sector) not in spared:
            sold = [conid for conid in held if conid in free]
            targets = _scaled(targets, sold, weight - limit + HEADROOM, tie_of(situation))
    return targets


def invested(situation: Situation, now: Targets, goals: Targets) -> Targets:
    """Money that was paid in goes to the names that are farthest below their goals; nothing is sold for it."""
    new, least = float(situation.memory.new_money), float(situation.least)
    below = {conid: goal - now.get(conid, 0.0) for conid, goal in goals.items() if goal > now.get(conid, 0.0)}
    bought = largest_first(below, new / situation.nav, least / situation.nav) if new > 0 else {}
    return {**now, **{conid: now.get(conid, 0.0) + share for conid, share in bought.items()}}


def raised(situation: Situation, targets: Targets, goals: Targets) -> Targets:
    """Cash that is announced to leave comes from what is above its goal, the farthest first, and then pro rata."""
    wanted = float(situation.memory.planned_withdrawal) / situation.nav
    if wanted <= 0:
        return targets
    reserve, invested = situation.policy.risk_limits.min_cash_reserve, situation.evaluation.managed_exposure
    missing = wanted + reserve - situation.evaluation.cash_weight - (invested - total_of(targets.values()))
    free = [p.instrument.conid for p in situation.without_exit]
    above = {conid: over for conid in free if (over := targets[conid] - goals[conid]) > 0}
    sold = largest_first(above, missing, 0.0) if missing > 0 else {}
    raised = {**targets, **{conid: targets[conid] - share for conid, share in sold.items()}}
    return _scaled(raised, free, max(0.0, missing - total_of(sold.values())))


def _scaled(targets: Targets, free: Iterable[int], excess: float, tie: Tie | None = None) -> Targets:
    """`excess` taken off the free names pro rata; with a tie between them, by what is to go first."""
    names = list(free)
    if tie is not None and tie.first.intersection(names):
        off = prefer({conid: targets[conid] for conid in names}, excess, tie)
        return {**targets, **{conid: targets[conid] - off[conid] for conid in names}}
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


def largest_first(wanted: Targets, amount: float, least: float) -> Targets:
    """So much of what is wanted, the largest first and each whole as far as it goes; a rest below `least` is left."""
    found: Targets = {}
    left = amount
    for conid, value in sorted(wanted.items(), key=lambda item: (-item[1], item[0])):
        if left <= TOLERANCE or left < least:
            break
        found[conid] = min(value, left)
        left -= found[conid]
    return found
