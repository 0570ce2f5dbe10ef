"""REBALANCE: back inside the limits after a breach, and back to attainable targets after drift or with new money."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.decision.situation import DesiredBuy, Situation, buys, trim
from app.decision.tax import Tie, prefer, tie_of
from app.domain.evaluation import Drift, ExitRule, Metric, position_key, sector_key
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.order import Order, OrderRule
from app.domain.plan import Action, Plan
from app.domain.policy import AdoptionMode
from app.domain.sizing import HEADROOM
from app.domain.taking_over import PAIR, is_on_its_way, is_taking_over, sessions_left
from app.domain.tolerance import TOLERANCE
from app.domain.totals import total_of
from app.domain.universe import is_fund, is_legacy, position_limit

STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster")
# Selling or buying cures these; a drawdown or a day's loss is past.
CURABLE = (*STATISTICS, "max_position", "max_sector", "cash_reserve", "exposure")
INSIDE = 0.95
# While a book is taken over, a day trades at least this share of NAV of what is left.
GENTLE = 0.01

Targets = dict[int, float]
# (kind, name) of a drift → the names that answer for it.
Grouped = defaultdict[tuple[str, str], list[Instrument]]


def rebalance(situation: Situation) -> Plan | None:
    """On a breach that no mandatory sale deals with, at once; on drift, at the policy's frequency.

    Outside that: while a book is taken over, a little every day; names to be given up; money that came or is to go.
    """
    found = _cause(situation)
    if found is None:
        return None
    now = _weights(situation)
    goals = _on_target(situation, now | dict.fromkeys(found.given_up, 0.0))
    targets = _rested(situation, now, goals) if found.to_target else _invested(situation, now, goals)
    targets = _inside(situation, targets, found)
    targets = _raised(situation, targets, goals)
    orders = _orders(situation, now, targets, at_once=bool(found.broken))
    if not orders:
        return None
    return Plan(Action.REBALANCE, (*situation.mandatory, *orders), found.reason, on_breach=bool(found.broken))


def called_for(situation: Situation) -> bool:
    """Whether anything calls for it."""
    return _cause(situation) is not None


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a rebalance is due: breaches, `inherited` ones, `given_up` conids; `to_target` where drift is corrected."""

    reason: str
    broken: tuple[Metric, ...] = ()
    inherited: tuple[Metric, ...] = ()
    given_up: tuple[int, ...] = ()
    to_target: bool = False


def _cause(situation: Situation) -> _Cause | None:
    if not situation.policy.strategies.rebalance.enabled:
        return None
    broken, drifted = breaches(situation), _drifted(situation)
    left, given_up = _inherited(situation), _given_up(situation)
    other = [words for _, words in calls_on_any_day(situation)]
    words = [*_breach_words(broken), *other, *_drift_words(drifted)]
    if not words:
        return None
    if broken and is_taking_over(situation.policy, situation.memory):
        # What is of today is dealt with today; what was there before waits for another day.
        return _Cause("; ".join(_breach_words(broken)), broken=broken)
    return _Cause(
        reason="; ".join(words),
        broken=broken,
        inherited=left,
        given_up=given_up,
        to_target=bool(drifted or left or given_up),
    )


def _inherited(situation: Situation) -> tuple[Metric, ...]:
    """Breaches from before the account was taken over, which are worked off."""
    found = situation.evaluation
    return tuple(m for m in found.breaches if not m.acts and m.name in CURABLE) if found.inherited else ()


def _given_up(situation: Situation) -> tuple[int, ...]:
    """Names outside the universe that the account is to leave."""
    if situation.mode is AdoptionMode.ADOPT:
        return ()
    names = (position.instrument for position in situation.without_exit)
    return tuple(name.conid for name in names if is_legacy(situation.policy, name))


def breaches(situation: Situation) -> tuple[Metric, ...]:
    """Limits over which the portfolio stays when the mandatory sales are done."""
    exits = situation.evaluation.exits_due
    breached = [m for m in situation.evaluation.acting_breaches if m.name in CURABLE]
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
            if not is_fund(situation.policy, instrument):
                sectors[situation.sector(instrument)] += abs(now[instrument.conid])
        sectors.pop(UNKNOWN_SECTOR, None)
        return all(weight <= limits.max_sector + TOLERANCE for weight in sectors.values())
    return False


def _drifted(situation: Situation) -> tuple[Drift, ...]:
    """Drift to correct. A rotation made its own drift: it rests as long as a rebalance would.

    What an account is taken over with goes its way on any day, until it is there.
    """
    allocation, memory = situation.policy.allocation, situation.memory
    moved = [ago for ago in (memory.last_rebalance, memory.last_rotation) if ago is not None]
    if not is_on_its_way(situation.policy, memory) and any(ago < allocation.frequency.sessions for ago in moved):
        return ()
    beyond = [d for d in situation.evaluation.drifts if abs(d.difference) > allocation.drift_threshold + TOLERANCE]
    return tuple(sorted(beyond, key=lambda drift: -abs(drift.difference)))


def _breach_words(broken: Sequence[Metric]) -> Iterator[str]:
    if broken:
        yield "Over the limit: " + "; ".join(f"{m.name} {m.value:.1%}, limit {m.limit:.1%}" for m in broken)


def calls_on_any_day(situation: Situation) -> Iterator[tuple[str, str]]:
    """What the calendar is not asked about: (the policy's field, what it is in words)."""
    left, given_up, memory = _inherited(situation), _given_up(situation), situation.memory
    if left:
        numbers = (f"{m.name} {m.value:.1%}, limit {m.limit:.1%}" for m in left)
        yield "adoption.weeks", "Worked off from before the account was taken over: " + "; ".join(numbers)
    if given_up:
        names = [p.instrument.symbol for p in situation.without_exit if p.instrument.conid in given_up]
        yield "adoption.mode", "Outside the universe: " + ", ".join(names)
    currency = situation.portfolio.currency
    if memory.new_money > 0 and situation.buying:
        yield "allocation", f"New money: {memory.new_money:,.2f} {currency}"
    if memory.planned_withdrawal > 0:
        yield "allocation", f"To be withdrawn: {memory.planned_withdrawal:,.2f} {currency}"


def _drift_words(drifted: Sequence[Drift]) -> Iterator[str]:
    if drifted:
        numbers = (f"{d.name} {d.weight:.1%}, attainable target {d.attainable:.1%}" for d in drifted)
        yield "Drift beyond the threshold: " + "; ".join(numbers)


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


def _rested(situation: Situation, now: Targets, goals: Targets) -> Targets:
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


def _inside(situation: Situation, targets: Targets, found: "_Cause") -> Targets:
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


def _invested(situation: Situation, now: Targets, goals: Targets) -> Targets:
    """Money that was paid in goes to the names that are farthest below their goals; nothing is sold for it."""
    new, least = float(situation.memory.new_money), float(situation.least)
    below = {conid: goal - now.get(conid, 0.0) for conid, goal in goals.items() if goal > now.get(conid, 0.0)}
    bought = _largest_first(below, new / situation.nav, least / situation.nav) if new > 0 else {}
    return {**now, **{conid: now.get(conid, 0.0) + share for conid, share in bought.items()}}


def _raised(situation: Situation, targets: Targets, goals: Targets) -> Targets:
    """Cash that is announced to leave comes from what is above its goal, the farthest first, and then pro rata."""
    wanted = float(situation.memory.planned_withdrawal) / situation.nav
    if wanted <= 0:
        return targets
    reserve, invested = situation.policy.risk_limits.min_cash_reserve, situation.evaluation.managed_exposure
    missing = wanted + reserve - situation.evaluation.cash_weight - (invested - total_of(targets.values()))
    free = [p.instrument.conid for p in situation.without_exit]
    above = {conid: over for conid in free if (over := targets[conid] - goals[conid]) > 0}
    sold = _largest_first(above, missing, 0.0) if missing > 0 else {}
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


def _orders(situation: Situation, now: Targets, targets: Targets, *, at_once: bool) -> tuple[Order, ...]:
    """Sells, then buys by size, all within the day's turnover: whole orders, the farthest from their targets first."""
    nav, least = situation.nav, float(situation.least)
    changes = {conid: (target - now.get(conid, 0.0)) * nav for conid, target in targets.items()}
    free = {p.instrument.conid for p in situation.free_to_sell}
    off = {conid: -change for conid, change in changes.items() if change < 0 and conid in free}
    on = {conid: change for conid, change in changes.items() if change > 0}
    sold, bought = total_of(off.values()), total_of(on.values())
    left = _turnover_left(situation, sold + bought, at_once)
    if left < sold + bought:
        sold, bought = _shared(left, sold, bought, least)
        off, on = _largest_first(off, sold, least), _largest_first(on, bought, least)
    sells = [
        order
        for position in situation.free_to_sell
        if (value := off.get(position.instrument.conid, 0.0)) > 0
        for order in trim(situation, position, value, OrderRule.REBALANCE, _words(now, targets, position.instrument))
    ]
    if not situation.buying:
        return tuple(sells)
    desired = [
        DesiredBuy(i, on[i.conid], targets[i.conid], OrderRule.REBALANCE, _words(now, targets, i))
        for i in sorted(situation.buyable, key=lambda i: (-on.get(i.conid, 0.0), i.symbol))
        if i.conid in on
    ]
    return (*sells, *buys(situation, (*situation.mandatory, *sells), desired))


def _turnover_left(situation: Situation, total: float, at_once: bool) -> float:
    """Base currency, of `total` that is to be traded. A book that is taken over is worked off over the weeks.

    Limits and exits take theirs out of the policy's own bound.
    """
    policy, nav = situation.policy, situation.nav
    left = max(0.0, policy.execution.max_turnover * nav - total_of(map(situation.base_value, situation.mandatory)))
    if at_once or not is_taking_over(policy, situation.memory):
        return left
    a_day = max(total / sessions_left(policy, situation.memory), GENTLE * nav, PAIR * float(situation.least))
    return min(left, situation.most_turnover * nav, a_day + float(situation.memory.new_money))


def _shared(left: float, sold: float, bought: float, least: float) -> tuple[float, float]:
    """The day's turnover between what is to be sold and bought, pro rata, and enough for an order on either side."""
    share = left * sold / (sold + bought)
    an_order = min(PAIR / 2 * least, left / 2)
    share = min(max(share, min(sold, an_order)), left - min(bought, an_order))
    return share, left - share


def _largest_first(wanted: Targets, amount: float, least: float) -> Targets:
    """So much of what is wanted, the largest first and each whole as far as it goes; a rest below `least` is left."""
    found: Targets = {}
    left = amount
    for conid, value in sorted(wanted.items(), key=lambda item: (-item[1], item[0])):
        if left <= TOLERANCE or left < least:
            break
        found[conid] = min(value, left)
        left -= found[conid]
    return found


def _words(now: Targets, targets: Targets, instrument: Instrument) -> str:
    return f"rebalance: weight {now.get(instrument.conid, 0.0):.1%} towards {targets[instrument.conid]:.1%}"
