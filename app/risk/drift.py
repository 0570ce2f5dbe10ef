"""How far the portfolio is from targets that can be reached. What nobody can buy or sell makes no drift."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.evaluation import Drift
from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.policy import Policy
from app.domain.sizing import HEADROOM
from app.domain.universe import blocked, position_limit, sector_of
from app.risk.arrays import PortfolioArrays

CASH = "CASH"


@dataclass(frozen=True, slots=True)
class Names:
    """Who can be bought, what is held, and what is held but must not be ordered; weights as fractions of NAV."""

    policy: Policy
    market: Market
    buyable: tuple[Instrument, ...]
    held: tuple[tuple[Instrument, float], ...]
    locked: frozenset[int]

    def grouped(self, label: Callable[[Instrument], str]) -> "Groups":
        """Each name in the group that `label` puts it in."""
        groups = Groups(self, defaultdict(list), defaultdict(list))
        for instrument, weight in self.held:
            groups.held[label(instrument)].append((instrument, weight))
        for instrument in self.buyable:
            groups.buyable[label(instrument)].append(instrument)
        return groups


@dataclass(frozen=True, slots=True)
class Groups:
    """Names by group."""

    names: Names
    held: defaultdict[str, list[tuple[Instrument, float]]]
    buyable: defaultdict[str, list[Instrument]]

    def drift(self, kind: str, name: str, target: float, scale: float, limit: float) -> Drift:
        """The drift of one group."""
        inside, members = self.held[name], self.buyable[name]
        weight = sum(weight for _, weight in inside)
        if not members and target > 0:
            return Drift(kind, name, weight, target, attainable=weight)
        room = sum(max(0.0, position_limit(self.names.policy, i.symbol) - HEADROOM) for i in members)
        stuck = sum(weight for instrument, weight in inside if instrument.conid in self.names.locked)
        return Drift(kind, name, weight, target, attainable=max(stuck, min(target * scale, limit, room)))


def drifts(
    policy: Policy, market: Market, arrays: PortfolioArrays, buyable: tuple[Instrument, ...], max_exposure: float
) -> tuple[Drift, ...]:
    """Asset classes against their targets, then sectors, or without sector targets the names held.

    Targets are scaled down together where they exceed the exposure allowed less one point. What is not managed takes
    room from what may be bought, and is no reason to sell.
    """
    held = tuple(
        (instrument, abs(float(weight)))
        for instrument, weight, dust in zip(arrays.instruments, arrays.weights, arrays.dust, strict=True)
        if weight != 0 and not dust
    )
    locked = frozenset(i.conid for i, _ in held if blocked(policy, market, i) is not None)
    names = Names(policy, market, buyable, held, locked)
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
    wanted = sum(targets.values())
    return min(1.0, room / wanted) if wanted > 0 else 1.0


def _classes(names: Names, room: float) -> tuple[Drift, ...]:
    targets = {name: t for name, t in names.policy.allocation.asset_classes.items() if name != CASH}
    scale = _scale(targets, room)
    groups = names.grouped(lambda instrument: instrument.asset_class.value)
    return tuple(groups.drift("asset_class", name, target, scale, room) for name, target in sorted(targets.items()))


def _sectors(names: Names, room: float) -> tuple[Drift, ...]:
    groups = names.grouped(lambda instrument: sector_of(names.policy, names.market, instrument))
    targets = dict(names.policy.allocation.sectors)
    scale = _scale(targets, room)
    # A sector that is held without a target has the target zero; a diversified fund is of no sector.
    funds = names.policy.universe.diversified_funds
    single = (sector for sector, held in groups.held.items() if any(i.symbol not in funds for i, _ in held))
    targets.update({sector: 0.0 for sector in single if sector not in targets})
    limit = max(0.0, names.policy.risk_limits.max_sector - HEADROOM)
    return tuple(groups.drift("sector", name, target, scale, limit) for name, target in sorted(targets.items()))


def _even(names: Names, classes: Sequence[Drift], room: float) -> tuple[Drift, ...]:
    """Each class spread evenly over its eligible names held; without class targets all that may be invested."""
    buyable = {instrument.conid for instrument in names.buyable}
    spread = [(instrument, weight) for instrument, weight in names.held if instrument.conid in buyable]
    attainable = {drift.name: drift.attainable for drift in classes}
    found: list[Drift] = []
    for instrument, weight in spread:
        alike = [i for i, _ in spread if not classes or i.asset_class is instrument.asset_class]
        total = attainable.get(instrument.asset_class.value, 0.0) if classes else room
        target = total / len(alike)
        limit = max(0.0, position_limit(names.policy, instrument.symbol) - HEADROOM)
        found.append(Drift("name", instrument.symbol, weight, target, min(target, limit)))
    return tuple(sorted(found, key=lambda drift: drift.name))
