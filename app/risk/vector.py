"""The day's target vector: one weight for every name that is held or wanted, and how far the portfolio is from it.

Fixed weights first, then classes, then sectors of the stocks, then the names of each, inside every limit. What nobody
can buy goes to cash; what may not be bought may still be sold down to its target.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.evaluation import Drift
from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.domain.policy import Policy, Weighting
from app.domain.policy.fields import CASH
from app.domain.sizing import aimed_at
from app.domain.totals import total_of
from app.domain.universe import is_fund, position_limits
from app.risk.names import Member, Ranking, Sizes, Weights, as_held, chosen, lowered, weighted

# (kind, name) of a group: "name" with its symbol, "sector", "asset_class", or all.
Key = tuple[str, str]
ALL: Key = ("all", "")


@dataclass(frozen=True, slots=True)
class Aim:
    """What the vector is made from; weights as fractions of NAV, by conid.

    `held` with their weights; `buyable` today; `locked`: conids that keep their weight, `leaving`: those that are given
    up. `classes` by symbol, of every name that the market has. `room`: the most that may be invested, `room_to_buy` the
    same less what is not managed. `tilts` beside the targets.
    """

    policy: Policy
    held: tuple[tuple[Instrument, float], ...]
    buyable: tuple[Instrument, ...]
    locked: Collection[int]
    leaving: Collection[int]
    classes: Mapping[str, str]
    sectors: Mapping[int, str]
    room: float
    room_to_buy: float
    tilts: Weights
    sizes: Sizes
    ranking: Ranking

    def names(self) -> Iterable[Instrument]:
        """All that is held or could be."""
        return {name.conid: name for name in (*self.buyable, *(name for name, _ in self.held))}.values()


@dataclass(frozen=True, slots=True)
class Vector:
    """`targets` by conid, of names that are held or wanted; `drifts` of classes, sectors and names.

    `unknown`: groups of which nobody can work out what each name should be; nothing is bought in them.
    """

    targets: Weights
    drifts: tuple[Drift, ...]
    unknown: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Names that answer for one target of the policy."""

    key: Key
    target: float
    members: Sequence[Member]

    @property
    def weight(self) -> float:
        """What is held of it."""
        return total_of(one.weight for one in self.members)


def vector(aim: Aim) -> Vector:
    """Of one day."""
    targets = {name.conid: weight for name, weight in aim.held}
    rows: list[Drift] = []
    groups, unknown = _groups(aim), []
    for group in groups:
        goal = _goal(aim, group)
        shared = _shared(aim, group, goal)
        if shared is None:
            unknown.append(group.key)
        targets |= lowered(group.members, goal) if shared is None else shared
    targets = _bought_within(aim, targets)
    for group in groups:
        rows += _rows(aim, group, targets)
    return Vector(targets, (*_classes(aim, targets), *rows), tuple(unknown))


def _groups(aim: Aim) -> tuple[Group, ...]:
    """Sectors, then the others, by name; of a sector that is only held nothing is wanted."""
    members, wanted = _members(aim), _wanted(aim)
    keys = sorted(members.keys() | wanted.keys(), key=lambda key: (key[0] != "sector", key))
    return tuple(Group(key, wanted.get(key, 0.0), members.get(key, ())) for key in keys)


def _members(aim: Aim) -> dict[Key, list[Member]]:
    """Every name that a target speaks of, by its group, the held ones first."""
    funds, buyable = aim.policy.universe.diversified_funds, {name.conid for name in aim.buyable}
    single, fund = map(aimed_at, position_limits(aim.policy))
    found: defaultdict[Key, list[Member]] = defaultdict(list)
    for name, weight in aim.held:
        key = _key(aim, name)
        if key is not None:
            room, free = fund if name.symbol in funds else single, name.conid not in aim.locked
            # What may not be bought never grows, and what must not be ordered stays as it is.
            room = weight if not free else room if name.conid in buyable else min(weight, room)
            room = 0.0 if free and name.conid in aim.leaving else room
            found[key].append(Member(name.conid, name.symbol, weight, room, free, held=True))
    held = {name.conid for name, _ in aim.held}
    for name in aim.buyable:
        key = _key(aim, name)
        if key is not None and name.conid not in held:
            room = fund if name.symbol in funds else single
            found[key].append(Member(name.conid, name.symbol, 0.0, room, free=True, held=False))
    return found


def _key(aim: Aim, name: Instrument) -> Key | None:
    """The group that answers for a name; None where no target speaks of it."""
    allocation = aim.policy.allocation
    if name.symbol in allocation.symbols:
        return "name", name.symbol
    if allocation.sectors and not is_fund(aim.policy, name):
        sector = aim.sectors[name.conid]
        return None if sector == UNKNOWN_SECTOR else ("sector", sector)
    if allocation.asset_classes:
        return ("asset_class", name.asset_class.value) if name.asset_class in allocation.asset_classes else None
    return None if allocation.sectors else ALL


def _wanted(aim: Aim) -> dict[Key, float]:
    """The policy's own targets, before anything bounds them."""
    allocation = aim.policy.allocation
    found: dict[Key, float] = {("name", symbol): target for symbol, target in allocation.symbols.items()}
    # Of one that cannot be bought today nothing goes to others.
    fixed: defaultdict[str, float] = defaultdict(float)
    for symbol, target in sorted(allocation.symbols.items()):
        fixed[aim.classes.get(symbol, AssetClass.STOCK)] += target
    for of_class, target in allocation.asset_classes.items():
        if of_class != CASH and not (of_class == AssetClass.STOCK and allocation.sectors):
            found["asset_class", of_class] = max(0.0, target - fixed[of_class])
    in_sectors = total_of(sorted(allocation.sectors.values()))
    if in_sectors > 0:
        stocks = allocation.asset_classes.get(AssetClass.STOCK)
        part = 1.0 if stocks is None else max(0.0, stocks - fixed[AssetClass.STOCK.value]) / in_sectors
        found |= {("sector", name): target * part for name, target in allocation.sectors.items()}
    if not (allocation.symbols or allocation.asset_classes or allocation.sectors):
        found[ALL] = aim.room
    return found


def _goal(aim: Aim, group: Group) -> float:
    """What of the target can be reached, with the tilts of its names. What is not managed is no reason to sell."""
    most = _reached(aim, group, aim.room)
    if aim.room_to_buy >= aim.room:
        return most
    return min(max(group.weight, _reached(aim, group, aim.room_to_buy)), most)


def _reached(aim: Aim, group: Group, room: float) -> float:
    """Targets are scaled down together where they exceed the room."""
    invested = aim.policy.allocation.invested or aim.room
    scale = min(1.0, max(0.0, room) / invested) if invested > 0 else 0.0
    most = total_of(one.room for one in group.members)
    if group.key[0] == "sector":
        most = min(most, aimed_at(aim.policy.risk_limits.max_sector))
    tilt = total_of(aim.tilts.get(one.conid, 0.0) for one in group.members) if aim.tilts else 0.0
    stuck = total_of(one.weight for one in group.members if not one.free)
    return max(stuck, min(max(0.0, group.target * scale + tilt), most))


def _keeps_proportions(aim: Aim, group: Group) -> bool:
    return group.key[0] == "sector" and aim.policy.allocation.weighting is Weighting.AS_HELD


def _shared(aim: Aim, group: Group, goal: float) -> dict[int, float] | None:
    stuck = total_of(one.weight for one in group.members if not one.free)
    picked = chosen(group.members, goal - stuck, aim.policy.allocation.selection, aim.ranking, aim.sizes)
    if _keeps_proportions(aim, group):
        return as_held(group.members, picked, goal, aim.sizes)
    return weighted(group.members, picked, goal, aim.ranking, aim.tilts)


def _bought_within(aim: Aim, targets: Weights) -> dict[int, float]:
    """What is bought fits into the room that what is left alone leaves; nothing is sold for it."""
    now = {name.conid: weight for name, weight in aim.held}
    over = total_of(targets.values()) - min(aim.room, aim.room_to_buy)
    more = {conid: target - now.get(conid, 0.0) for conid, target in targets.items()}
    bought = total_of(value for value in more.values() if value > 0)
    if over <= 0 or bought <= 0:
        return dict(targets)
    part = max(0.0, 1 - over / bought)
    return {conid: now.get(conid, 0.0) + more[conid] * (part if more[conid] > 0 else 1) for conid in targets}


def _rows(aim: Aim, group: Group, targets: Weights) -> list[Drift]:
    """A sector's own row, and one for each name that has a target of its own."""
    found: list[Drift] = []
    attainable = total_of(targets.get(one.conid, 0.0) for one in group.members)
    if group.key[0] == "sector":
        found.append(Drift(*group.key, group.weight, group.target, attainable))
    if _keeps_proportions(aim, group):
        return found
    for one in sorted(group.members, key=lambda member: member.symbol):
        own = targets.get(one.conid, 0.0)
        if one.held or own > 0:
            part = own / attainable if attainable > 0 else 0.0
            found.append(Drift("name", one.symbol, one.weight, group.target * part, own))
    return found


def _classes(aim: Aim, targets: Weights) -> list[Drift]:
    allocation, now = aim.policy.allocation, {name.conid: weight for name, weight in aim.held}
    found = []
    for name, target in sorted(allocation.asset_classes.items()):
        if name != CASH:
            inside = [one.conid for one in aim.names() if one.asset_class == name]
            weight = total_of(now.get(conid, 0.0) for conid in inside)
            found.append(Drift("asset_class", name, weight, target, total_of(targets.get(c, 0.0) for c in inside)))
    return found
