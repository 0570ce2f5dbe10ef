"""How far the portfolio is from targets that can be reached. What nobody can buy or sell makes no drift."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.evaluation import Drift
from app.domain.instrument import UNKNOWN_SECTOR, Instrument
from app.domain.market import Market
from app.domain.policy import Policy
from app.domain.sizing import HEADROOM
from app.domain.totals import total_of
from app.domain.universe import is_fund, position_limits, sectors_of
from app.risk.arrays import PortfolioArrays

CASH = "CASH"


@dataclass(frozen=True, slots=True)
class Names:
    """Who can be bought, what is held, and what is held but must not be ordered; weights as fractions of NAV.

    By conid: `sectors`, and `rooms`, the largest weight that is aimed at.
    """

    policy: Policy
    buyable: tuple[Instrument, ...]
    held: tuple[tuple[Instrument, float], ...]
    locked: Collection[int]
    sectors: Mapping[int, str]
    rooms: Mapping[int, float]

    def grouped(self, labels: Mapping[int, str]) -> "Groups":
        """Each name in the group that its conid's label says."""
        weights: dict[str, float] = {}
        stuck: dict[str, float] = {}
        rooms: dict[str, float] = {}
        for instrument, weight in self.held:
            name = labels[instrument.conid]
            weights[name] = weights.get(name, 0.0) + weight
            if self.locked and instrument.conid in self.locked:
                stuck[name] = stuck.get(name, 0.0) + weight
        for conid, room in self.rooms.items():
            name = labels[conid]
            rooms[name] = rooms.get(name, 0.0) + room
        return Groups(weights, stuck, rooms)


@dataclass(frozen=True, slots=True)
class Groups:
    """By group: what is held, what of it must not be ordered, and the room of those that can be bought."""

    weights: Mapping[str, float]
    stuck: Mapping[str, float]
    rooms: Mapping[str, float]

    def drift(self, kind: str, name: str, target: float, scale: float, limit: float) -> Drift:
        """The drift of one group."""
        weight = self.weights.get(name, 0.0)
        if name not in self.rooms and target > 0:
            return Drift(kind, name, weight, target, attainable=weight)
        reached = min(target * scale, limit, self.rooms.get(name, 0.0))
        return Drift(kind, name, weight, target, attainable=max(self.stuck.get(name, 0.0), reached))


def drifts(
    policy: Policy,
    market: Market,
    arrays: PortfolioArrays,
    buyable: tuple[Instrument, ...],
    max_exposure: float,
    locked: Collection[int],
) -> tuple[Drift, ...]:
    """Asset classes against their targets, then sectors, or without sector targets the names held.

    Targets are scaled down together where they exceed the exposure allowed less one point. What is not managed takes
    room from what may be bought, and is no reason to sell. `locked`: conids that must not be ordered.
    """
    columns = zip(arrays.instruments, arrays.weights.tolist(), arrays.dust.tolist(), strict=True)
    held = tuple((instrument, abs(weight)) for instrument, weight, dust in columns if weight != 0 and not dust)
    sectors = sectors_of(policy, market) | dict(
        zip((i.conid for i in arrays.instruments), arrays.sector_of, strict=True)
    )
    single, fund = (max(0.0, most - HEADROOM) for most in position_limits(policy))
    diversified = policy.universe.diversified_funds
    rooms = {i.conid: fund if i.symbol in diversified else single for i in buyable}
    names = Names(policy, buyable, held, locked, sectors, rooms)
    allowed = _towards(names, max(0.0, max_exposure - HEADROOM))
    if arrays.unmanaged == 0:
        return allowed
    left = _towards(names, max(0.0, max_exposure - arrays.unmanaged - HEADROOM))
    return tuple(
        replace(most, attainable=min(max(most.weight, least.attainable), most.attainable))
        for most, least in zip(allowed, left, strict=True)
    )


def _towards(names: Names, room: float) -> tuple[Drift, ...]:
    """Drift from targets that together take no more than `room`."""
    classes = _classes(names, room)
    if names.policy.allocation.sectors:
        return (*classes, *_sectors(names, room))
    return (*classes, *_even(names, classes, room))


def _scale(targets: Mapping[str, float], room: float) -> float:
    wanted = total_of(targets.values())
    return min(1.0, room / wanted) if wanted > 0 else 1.0


def _classes(names: Names, room: float) -> tuple[Drift, ...]:
    targets = {name: t for name, t in names.policy.allocation.asset_classes.items() if name != CASH}
    if not targets:
        return ()
    scale = _scale(targets, room)
    listed = (*names.buyable, *(instrument for instrument, _ in names.held))
    groups = names.grouped({instrument.conid: instrument.asset_class for instrument in listed})
    return tuple(groups.drift("asset_class", name, target, scale, room) for name, target in sorted(targets.items()))


def _sectors(names: Names, room: float) -> tuple[Drift, ...]:
    groups = names.grouped(names.sectors)
    targets = dict(names.policy.allocation.sectors)
    scale = _scale(targets, room)
    # A sector that is held without a target has the target zero; a fund is of no sector, and so is who knows what.
    single = {names.sectors[i.conid] for i, _ in names.held if not is_fund(names.policy, i)} - {UNKNOWN_SECTOR}
    targets.update({sector: 0.0 for sector in single if sector not in targets})
    limit = max(0.0, names.policy.risk_limits.max_sector - HEADROOM)
    return tuple(groups.drift("sector", name, target, scale, limit) for name, target in sorted(targets.items()))


def _even(names: Names, classes: Sequence[Drift], room: float) -> tuple[Drift, ...]:
    """Each class spread evenly over its eligible names held; without class targets all that may be invested."""
    spread = [(instrument, weight) for instrument, weight in names.held if instrument.conid in names.rooms]
    attainable = {drift.name: drift.attainable for drift in classes}
    found: list[Drift] = []
    for instrument, weight in spread:
        alike = [i for i, _ in spread if not classes or i.asset_class is instrument.asset_class]
        total = attainable.get(instrument.asset_class.value, 0.0) if classes else room
        target = total / len(alike)
        attain = min(target, names.rooms[instrument.conid])
        found.append(Drift("name", instrument.symbol, weight, target, attain))
    return tuple(sorted(found, key=lambda drift: drift.name))
