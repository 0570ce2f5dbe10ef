"""The universe against itself, and against what else names sectors."""

from collections.abc import Iterator
from difflib import get_close_matches

from app.domain.instrument import GICS_SECTORS, AssetClass
from app.domain.policy import Policy
from app.domain.policy.check.findings import Finding, error, warning
from app.domain.policy.check.names import Names


def universe_holds_something(policy: Policy, names: Names) -> Iterator[Finding]:
    """Lists without repetition, and a name that may be bought."""
    universe = policy.universe
    for name in ("symbols", "restricted", "diversified_funds"):
        values: tuple[str, ...] = getattr(universe, name)
        for symbol in sorted({symbol for symbol in values if values.count(symbol) > 1}):
            yield error(f"universe.{name}", f"{symbol} is listed twice")
    if not names.buyable:
        yield error("universe.symbols", "every name is restricted or outside universe.sectors; nothing could be bought")
    for symbol in universe.diversified_funds:
        if symbol not in universe.symbols:
            yield warning("universe.diversified_funds", f"{symbol} is not in universe.symbols; it is never bought")
    if AssetClass.INDEX in universe.asset_classes:
        yield error("universe.asset_classes", "an index (IND) cannot be held")


def names_are_bought(policy: Policy, names: Names) -> Iterator[Finding]:
    """No name on the list for nothing."""
    buyable = names.buyable
    for symbol in policy.universe.symbols:
        if symbol in policy.universe.restricted:
            yield warning("universe.restricted", f"{symbol} is also in universe.symbols; it is never ordered")
        elif symbol not in buyable:
            yield warning("universe.symbols", f"{symbol} is in no sector of universe.sectors; it is never bought")


def sectors_exist(policy: Policy, names: Names) -> Iterator[Finding]:
    """As GICS has them, and with a name in each."""
    named = {
        "universe.sectors": policy.universe.sectors,
        "strategies.sector_rotation.preferred_sectors": policy.strategies.sector_rotation.preferred_sectors,
        "allocation.sectors_pct": tuple(policy.allocation.sectors),
    }
    for field, wanted in named.items():
        for name in wanted:
            if name not in GICS_SECTORS:
                near = get_close_matches(name, GICS_SECTORS, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; they are {', '.join(GICS_SECTORS)}"
                yield error(field, f"{name} is not a GICS sector{hint}")
            elif field != "allocation.sectors_pct" and not names.in_sector(name):
                yield warning(field, f"no name that may be bought is in {name}")
