"""Where a rebalance goes: weights by conid, inside the limits that it is to come back to."""

from collections import defaultdict
from collections.abc import Iterable

from app.decision.causes import STATISTICS, Cause, Targets
from app.decision.situation import Situation
from app.decision.tax import Tie, prefer, tie_of
from app.domain.evaluation import position_key, sector_key
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.policy import Weighting
from app.domain.sizing import HEADROOM
from app.domain.tolerance import TOLERANCE, by_size
from app.domain.totals import total_of
from app.domain.universe import is_fund, position_limit

INSIDE = 0.95


def on_target(situation: Situation, now: Targets) -> Targets:
    """The day's vector; of what exits take today nothing more is wanted, and losses go first where the policy asks."""
    targets = {**now, **situation.evaluation.targets}
    for order in situation.mandatory:
        conid = order.instrument.conid
        targets[conid] = min(targets[conid], now[conid])
    tie = tie_of(situation)
    return targets if tie is None else _preferred(situation, now, targets, tie)


def _preferred(situation: Situation, now: Targets, targets: Targets, tie: Tie) -> Targets:
    """What a sector gives in all is given by what goes first, where the names of it keep their proportions."""
    if situation.policy.allocation.weighting is not Weighting.AS_HELD:
        return targets
    sectors: defaultdict[str, list[int]] = defaultdict(list)
    for position in situation.without_exit:
        sectors[situation.sector(position.instrument)].append(position.instrument.conid)
    for conids in sectors.values():
        if all(targets[conid] <= now[conid] for conid in conids):
            excess = total_of(now[conid] - targets[conid] for conid in conids)
            targets |= _scaled({conid: now[conid] for conid in conids}, conids, excess, tie)
    return targets


def rested(situation: Situation, now: Targets, goals: Targets) -> Targets:
    """What was bought lately stays, and nothing else is sold in its place."""
    may_go = {position.instrument.conid for position in situation.without_exit}
    return {conid: goal if conid in may_go else max(goal, now.get(conid, 0.0)) for conid, goal in goals.items()}


def inside_limits(situation: Situation, targets: Targets, found: Cause) -> Targets:
    """No name above its limit, the whole within the exposure allowed, statistics scaled inside their limits.

    What was over its limit when the account was taken over is brought inside only where that is worked off.
    """
    inside, broken = dict(targets), (*found.broken, *found.inherited)
    spared = frozenset(situation.evaluation.inherited) if found.broken and not found.inherited else frozenset()
    free = [position.instrument for position in situation.without_exit]
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
    bound = situation.evaluation.exposure_limit - HEADROOM
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
    free = {p.instrument.conid for p in situation.without_exit}
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
    ordered = sorted(free, key=lambda conid: (-by_size(targets[conid]), conid))
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
    for conid, value in sorted(wanted.items(), key=lambda item: (-by_size(item[1]), item[0])):
        if left <= TOLERANCE or left < least:
            break
        found[conid] = min(value, left)
        left -= found[conid]
    return found
