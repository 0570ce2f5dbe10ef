"""Which names of a group are held, and what each of them gets of the group's weight, inside its own limit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.policy.allocation import Selection
from app.domain.tolerance import TOLERANCE, by_size
from app.domain.totals import total_of

Weights = Mapping[int, float]


class Member(NamedTuple):
    """A name of a group; `room` is the most that is aimed at. What is not `free` keeps its weight."""

    conid: int
    symbol: str
    weight: float
    room: float
    free: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Ranking:
    """By conid, of the names that are asked for: `scores`, without those that have none, and `shares`, 1 in all.

    `shares` are told how much of the whole each may get at most; None where nobody can work them out.
    """

    scores: Callable[[Sequence[int]], Weights]
    shares: Callable[[Sequence[int], Weights], Weights | None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an order is worth at `least`, and one `share` of a name; fractions of NAV."""

    least: float
    share: Callable[[int], float]


def chosen(
    members: Sequence[Member], amount: float, selection: Selection, ranking: Ranking, sizes: Sizes
) -> tuple[Member, ...]:
    """Of the free names those that share `amount`. Whoever is held stays, unless a selection ranks it too low."""
    free = [one for one in members if one.free and one.room > 0]
    if selection.names is None:
        held = [one for one in free if one.held]
        if total_of(one.room for one in held) >= amount - TOLERANCE:
            return tuple(held)
        ranked = _ranked(free, selection, ranking, sizes)
        affordable = [one for one in ranked if one.held or sizes.share(one.conid) <= amount]
        return tuple(affordable[: max(_orders(amount, sizes), len(held))])
    ranked = [one for one in _ranked(free, selection, ranking, sizes) if one.held or sizes.share(one.conid) <= amount]
    most = min(selection.names, _orders(amount, sizes))
    stays = [one for one in ranked[: most + selection.keep_ranks] if one.held][:most]
    staying = {one.conid for one in stays}
    others = [one for one in ranked if one.conid not in staying]
    return (*stays, *others[: most - len(stays)])


def _orders(amount: float, sizes: Sizes) -> int:
    """So many names that each gets an order's worth."""
    return max(1, int(amount / sizes.least + TOLERANCE)) if sizes.least > 0 else 10_000


def _ranked(names: Sequence[Member], selection: Selection, ranking: Ranking, sizes: Sizes) -> list[Member]:
    """The best first; without scores the held ones, then those of which one share costs least."""
    if selection.scores:
        scores = ranking.scores([one.conid for one in names])
        return sorted(names, key=lambda one: (-by_size(scores.get(one.conid, float("-inf"))), not one.held, one.symbol))
    return sorted(names, key=lambda one: (not one.held, sizes.share(one.conid), one.symbol))


def as_held(members: Sequence[Member], picked: Sequence[Member], goal: float, sizes: Sizes) -> dict[int, float]:
    """The proportions that there are: less is sold pro rata, more is bought evenly, of what is held first."""
    stays = {one.conid for one in picked}
    found = {one.conid: 0.0 if one.free and one.conid not in stays else one.weight for one in members}
    difference = goal - total_of(found.values())
    if difference <= 0:
        own = total_of(one.weight for one in picked)
        scale = max(0.0, 1 + difference / own) if own > 0 else 1.0
        return found | {one.conid: one.weight * scale for one in picked}
    first = [one for one in picked if one.held]
    enough = total_of(one.room - one.weight for one in first) >= difference - TOLERANCE
    some = _few(first if enough else picked, difference, sizes)
    rooms = {one.conid: max(0.0, one.room - one.weight) for one in some}
    return found | {
        conid: found[conid] + more for conid, more in filled(rooms, dict.fromkeys(rooms, 1.0), difference).items()
    }


def _few(names: Sequence[Member], amount: float, sizes: Sizes) -> Sequence[Member]:
    """So few that each gets an order's worth and a share at least."""
    most = _orders(amount, sizes)
    if len(names) <= most:
        return names
    fit = [one for one in names if sizes.share(one.conid) <= amount]
    return sorted(fit, key=lambda one: (not one.held, sizes.share(one.conid), one.symbol))[:most] or names


def weighted(
    members: Sequence[Member], picked: Sequence[Member], goal: float, ranking: Ranking, tilts: Weights
) -> dict[int, float] | None:
    """Each name its share of the goal, and its own tilt beside it; a name that is not picked goes. None: unknown."""
    stays = {one.conid: 0.0 if one.free else one.weight for one in members}
    amount = goal - total_of(stays.values())
    beside = {one.conid: tilts[one.conid] for one in picked if one.conid in tilts}
    rooms = {one.conid: one.room for one in picked}
    amount = max(0.0, amount - total_of(beside.values()))
    shares = ranking.shares(list(rooms), {conid: room / amount for conid, room in rooms.items()} if amount > 0 else {})
    if shares is None:
        return None
    even = filled(rooms, shares, amount)
    return stays | {conid: min(max(0.0, even[conid] + beside.get(conid, 0.0)), rooms[conid]) for conid in rooms}


def lowered(members: Sequence[Member], goal: float) -> dict[int, float]:
    """What is held, less what is above the goal, pro rata: where nobody knows what each should be, none is bought."""
    free = total_of(one.weight for one in members if one.free)
    left = max(0.0, goal - total_of(one.weight for one in members if not one.free))
    part = min(1.0, left / free) if free > 0 else 1.0
    return {one.conid: one.weight * (part if one.free else 1.0) for one in members}


def filled(rooms: Weights, shares: Weights, amount: float) -> dict[int, float]:
    """`amount` in those shares, none above its room: what is too much for one goes to the others."""
    found: dict[int, float] = {}
    left, parts = amount, total_of(shares[conid] for conid in rooms)
    for conid in sorted(rooms, key=lambda one: (rooms[one] / shares[one] if shares[one] > 0 else float("inf"), one)):
        share = shares[conid] / parts if parts > 0 else 0.0
        found[conid] = min(rooms[conid], left * share)
        left, parts = left - found[conid], parts - shares[conid]
    return found
