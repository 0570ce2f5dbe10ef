"""Why each target is what it is, in words: of groups and of names, with the tilts beside them. Decides nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from app.decision.situation import Situation
from app.domain.evaluation import Drift
from app.domain.instrument import Instrument
from app.domain.resting import resting
from app.domain.sizing import ABOVE_RESERVE, HEADROOM, aimed_at
from app.domain.tilts import rotation_lasts, stays_winner
from app.domain.tolerance import TOLERANCE, by_size
from app.domain.totals import total_of
from app.domain.universe import blocked, obstacle, position_limit

# What differs by less comes of rounding.
SAME = 5e-5


@dataclass(frozen=True, slots=True)
class Aimed:
    """One target: `target` as the policy has it, None for a name that only its group has one for.

    `attainable` is what orders go to today; `reasons` say why it is not the target, or not more than the weight.
    """

    kind: str
    name: str
    weight: float
    target: float | None
    attainable: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tilt:
    """So much of NAV beside the policy's targets, by a rotation or a reinforcement; `left`: sessions until it ends.

    None where it ends with what the name does.
    """

    name: str
    weight: float
    quantity: Decimal
    by: str
    left: int | None


def groups(situation: Situation) -> tuple[Aimed, ...]:
    """Classes, sectors and names that the policy or the day has a target for."""
    return tuple(
        Aimed(d.kind, d.name, d.weight, d.target, d.attainable, out_of_reach(situation, d))
        for d in situation.evaluation.drifts
    )


def names(situation: Situation) -> tuple[Aimed, ...]:
    """Every name of which a share is held or to be bought, the largest target first."""
    evaluation, listed = situation.evaluation, {one.conid: one for one in _listed(situation)}
    own = {d.name: d.target for d in evaluation.drifts if d.kind == "name"}
    found = [
        Aimed(
            "name",
            listed[conid].symbol,
            evaluation.weights.get(conid, 0.0),
            own.get(listed[conid].symbol),
            target,
            tuple(_of_name(situation, listed[conid], target)),
        )
        for conid, target in evaluation.targets.items()
        if target > 0 or evaluation.weights.get(conid, 0.0) > 0
    ]
    return tuple(sorted(found, key=lambda one: (-by_size(one.attainable), one.name)))


def tilts(situation: Situation) -> tuple[Tilt, ...]:
    """In force today, by name."""
    policy, memory = situation.policy, situation.memory
    symbols = {one.conid: one.symbol for one in _listed(situation)}
    left = policy.strategies.sector_rotation.evaluation_sessions - (memory.last_rotation or 0)
    found = [("rotation", n, shares, left) for n, shares in memory.rotated.items() if rotation_lasts(policy, memory)]
    winners: list[tuple[str, int, Decimal, int | None]] = [
        ("reinforcement", n, shares, None)
        for n, shares in memory.added.items()
        if stays_winner(policy, situation.gains.get(n), situation.evaluation.trend)
    ]
    every = [
        Tilt(symbols[conid], float(shares) * situation.share_weight(conid), shares, by, until)
        for by, conid, shares, until in (*found, *winners)
        if conid in symbols and math.isfinite(situation.share_weight(conid))
    ]
    return tuple(sorted(every, key=lambda one: (one.name, one.by)))


def out_of_reach(situation: Situation, drift: Drift) -> tuple[str, ...]:
    """Why the attainable target of a group is not the policy's own."""
    if abs(drift.attainable - drift.target) <= TOLERANCE:
        return ()
    inside = [one for one in _listed(situation) if belongs(situation, drift, one)]
    beside = total_of(_tilt(situation, one) for one in inside)
    found = []
    if abs(beside) >= SAME:
        found.append(f"tilts in force {'add' if beside > 0 else 'take'} {abs(beside):.1%}")
    if drift.attainable > drift.target:
        kept = [one.symbol for one in inside if situation.weight(one) > 0 and _kept(situation, one) is not None]
        if kept:
            found.append("names that must not be ordered today hold it there")
        return tuple(found) or (f"the targets of its names come to {drift.attainable:.1%}",)
    return (*found, *_below(situation, drift, inside))


def _below(situation: Situation, drift: Drift, inside: list[Instrument]) -> Iterator[str]:
    eligible = {one.conid for one in situation.evaluation.eligible}
    if not any(one.conid in eligible for one in inside):
        yield "no name of it may be bought today; its share stays in cash"
        return
    limits, wanted = situation.policy.risk_limits, situation.policy.allocation.invested
    tightest = min(situation.evaluation.caps, key=lambda cap: cap.limit)
    reserve = 1 - limits.min_cash_reserve - ABOVE_RESERVE
    if wanted > min(tightest.limit - HEADROOM, reserve) + TOLERANCE:
        if reserve < tightest.limit - HEADROOM - TOLERANCE:
            yield f"the cash reserve of {limits.min_cash_reserve:.1%} and two points more are kept free"
        else:
            yield f"{tightest.rule} allows {tightest.limit:.1%} to be invested, and one point is kept free"
    elif drift.kind == "asset_class" and situation.policy.allocation.sectors:
        yield f"the targets of its sectors and names come to {drift.attainable:.1%}"
    else:
        yield f"the limits of its names and of the group leave room for {drift.attainable:.1%}"


def unreachable(situation: Situation) -> tuple[str, ...]:
    """Targets of which nothing can be bought, each in a sentence without its full stop; nothing while risk is unknown.

    A policy that waits for names that nobody may buy waits for ever, and looks as if it were content.
    """
    allocation, eligible = situation.policy.allocation, {one.symbol for one in situation.evaluation.eligible}
    symbols = {one.symbol: one for one in _listed(situation)}
    found = [
        f"target of {target:.1%} for {symbol} cannot be bought: {_unbought(situation, symbols.get(symbol))}"
        for symbol, target in sorted(allocation.symbols.items())
        if target > 0 and symbol not in eligible
    ]
    for drift in situation.evaluation.drifts:
        if drift.kind == "name" or drift.target - drift.attainable <= TOLERANCE:
            continue
        inside = [one for one in _listed(situation) if belongs(situation, drift, one)]
        if any(one.symbol in eligible for one in inside):
            continue
        why = f"{len(inside)} names are known of it and none may be bought" if inside else "no name of it is known"
        examples = [f"{one.symbol}: {_unbought(situation, one)}" for one in inside[:2]]
        found.append(f"target of {drift.target:.1%} for {drift.name} cannot be bought: {'; '.join([why, *examples])}")
    return tuple(found)


def _unbought(situation: Situation, instrument: Instrument | None) -> str:
    if instrument is None:
        return "the broker names no such instrument"
    barred = blocked(situation.policy, situation.market, instrument)
    if barred is not None:
        return barred
    found = obstacle(situation.policy, situation.market, instrument)
    return "not bought today" if found is None else f"{found.rule} {found.value}, {found.limit} is asked for"


def _of_name(situation: Situation, instrument: Instrument, target: float) -> Iterator[str]:
    """Why a name's target is no other."""
    weight, kept = situation.weight(instrument), _kept(situation, instrument)
    if kept is not None and weight > 0:
        yield kept
        return
    tilt = _tilt(situation, instrument)
    if abs(tilt) >= SAME:
        yield f"tilts in force {'add' if tilt > 0 else 'take'} {abs(tilt):.1%}"
    limit = position_limit(situation.policy, instrument.symbol)
    may_grow = instrument in situation.evaluation.eligible
    if not may_grow:
        yield f"not bought: {_unbought(situation, instrument)}"
    elif target >= aimed_at(limit) - SAME:
        yield f"its limit of {limit:.1%} leaves room for {aimed_at(limit):.1%}"
    elif target <= TOLERANCE:
        yield "not among the names that share its group's target"
    if instrument.conid in resting(situation.policy, situation.memory):
        yield "sold lately, and not bought before its rest is over"


def _kept(situation: Situation, instrument: Instrument) -> str | None:
    """Why a holding keeps its weight."""
    barred = blocked(situation.policy, situation.market, instrument)
    if barred is not None:
        return f"not ordered today: {barred}"
    if instrument.conid in situation.spared:
        return "held from before and outside the universe: only exits sell it"
    return None


def _tilt(situation: Situation, instrument: Instrument) -> float:
    """Of NAV; 0 without a price."""
    shares = situation.tilts.get(instrument.conid)
    each = situation.share_weight(instrument.conid)
    return float(shares) * each if shares and math.isfinite(each) else 0.0


def _listed(situation: Situation) -> tuple[Instrument, ...]:
    """All that is held or listed."""
    found = dict(situation.market.instruments)
    return tuple((found | {p.instrument.conid: p.instrument for p in situation.portfolio.positions}).values())


def labels(situation: Situation, instrument: Instrument) -> dict[str, str]:
    """Kind of drift → the group of that kind that the name is in."""
    return {
        "asset_class": instrument.asset_class.value,
        "sector": situation.sector(instrument),
        "name": instrument.symbol,
    }


def belongs(situation: Situation, drift: Drift, instrument: Instrument) -> bool:
    """Whether a target speaks of the name."""
    return labels(situation, instrument)[drift.kind] == drift.name
