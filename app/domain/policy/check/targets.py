"""The allocation's targets: what they add up to, and whether there is somebody to meet each."""

from collections.abc import Iterator

from app.domain.instrument import GICS_SECTORS, AssetClass
from app.domain.policy import Policy
from app.domain.policy.check.findings import Finding, down, error, limit_for, percent, some, up, warning
from app.domain.policy.check.names import Names, invested_target
from app.domain.policy.fields import CASH
from app.domain.sizing import ABOVE_RESERVE, HEADROOM, aimed_at
from app.domain.tolerance import TOLERANCE
from app.domain.totals import total_of
from app.domain.universe import position_limit

_SYMBOLS, _CLASSES, _SECTORS = ("allocation.symbols_pct", "allocation.asset_classes_pct", "allocation.sectors_pct")


def symbols_can_be_held(policy: Policy, names: Names) -> Iterator[Finding]:
    """Each fixed target by itself."""
    for symbol, target in policy.allocation.symbols.items():
        field = f"{_SYMBOLS}.{symbol}"
        if symbol not in policy.universe.symbols:
            yield error(field, "is not in universe.symbols and never bought; list it there too")
        elif symbol in policy.universe.restricted:
            yield error(field, "is in universe.restricted and never ordered; take it out of one of the two")
        elif symbol not in names.buyable:
            yield error(field, "is in no sector of universe.sectors and never bought; add its sector there")
        elif target > aimed_at(position_limit(policy, symbol)) + TOLERANCE:
            yield error(field, _too_much(policy, names, symbol, target))


def _too_much(policy: Policy, names: Names, symbol: str, target: float) -> str:
    limits, enough = policy.risk_limits, limit_for(target)
    fund = symbol in policy.universe.diversified_funds
    name = "max_diversified_fund_pct" if fund else "max_position_pct"
    limit = percent(position_limit(policy, symbol))
    told = f"{percent(target)} is more than plans aim at under risk_limits.{name} ({limit})"
    cures = [f"{name}: {up(enough)} or more works"] if enough <= 1 else []
    if not fund and symbol not in names.companies:
        also = f" with max_diversified_fund_pct: {up(enough)} or more"
        inside = target <= aimed_at(limits.max_diversified_fund) + TOLERANCE
        if enough <= 1:
            cures.append(
                f"for a fund that spreads risk itself, list it in universe.diversified_funds{'' if inside else also}"
            )
    return f"{told}; {', or '.join(cures) or f'at most {down(aimed_at(1.0))} works'}"


def classes_add_up(policy: Policy, names: Names) -> Iterator[Finding]:
    """A hundred in all, each with an instrument, none less than what is fixed in it."""
    classes = policy.allocation.asset_classes
    held = {str(name) for name in policy.universe.asset_classes}
    for name in classes:
        if name != CASH and name not in held:
            wanted = ", ".join(sorted({*held, CASH}))
            yield error(f"{_CLASSES}.{name}", f"not a class of universe.asset_classes ({wanted})")
    total = total_of(classes.values())
    if classes and abs(total - 1) > TOLERANCE:
        yield error(_CLASSES, f"the targets add up to {percent(total)}, not to 100 %")
    for of_class in (AssetClass.STOCK.value, AssetClass.ETF.value) if classes else ():
        yield from _class_target(policy, names, of_class, classes.get(of_class, 0.0))
    invested, fixed = invested_target(policy), total_of(policy.allocation.symbols.values())
    if classes and invested is not None and fixed > invested + TOLERANCE:
        yield error(_SYMBOLS, f"the targets add up to {percent(fixed)}, what is invested to {percent(invested)}")


def _class_target(policy: Policy, names: Names, of_class: str, target: float) -> Iterator[Finding]:
    field, fixed = f"{_CLASSES}.{of_class}", policy.allocation.symbols
    inside = names.surely(of_class, fixed)
    least = total_of(fixed[symbol] for symbol in inside)
    if least > target + TOLERANCE:
        yield error(
            field,
            f"{percent(target)} is less than the targets of {some(inside)} in symbols_pct; {up(least)} or more works",
        )
    others = [symbol for symbol in names.in_class(of_class) if symbol not in fixed]
    rest = target - total_of(fixed[symbol] for symbol in names.in_class(of_class, fixed))
    if target > 0 and names.buyable and not names.in_class(of_class):
        what = "fund" if of_class == AssetClass.ETF else "stock"
        yield error(field, f"cannot be met: no name that may be bought is a {what}; list one in universe.symbols")
    elif rest > TOLERANCE and names.buyable and not others:
        yield error(field, f"{percent(rest)} has no name beside those in symbols_pct; {down(target - rest)} works")
    elif rest > names.limits(others) + TOLERANCE and of_class == AssetClass.ETF:
        yield error(
            field,
            f"cannot be met: {some(others)} may hold {percent(names.limits(others))} inside the position limits, "
            f"the target leaves them {percent(rest)}; more funds in universe.symbols work, or larger limits, "
            "universe.diversified_funds among them",
        )


def sectors_add_up(policy: Policy, names: Names) -> Iterator[Finding]:
    """To the stocks that have no target of their own, each inside its limit and with the names that it needs."""
    allocation = policy.allocation
    total, classes = total_of(allocation.sectors.values()), allocation.asset_classes
    invested = invested_target(policy)
    if allocation.sectors and classes and invested is not None:
        # What is a class of nothing is told elsewhere.
        stocks = invested - classes.get(AssetClass.ETF, 0.0)
        fixed = allocation.symbols
        most = stocks - total_of(fixed[symbol] for symbol in names.surely(AssetClass.STOCK, fixed))
        least = max(0.0, stocks - total_of(fixed[symbol] for symbol in names.in_class(AssetClass.STOCK, fixed)))
        if not least - TOLERANCE <= total <= most + TOLERANCE:
            yield error(_SECTORS, _not_the_stocks(policy, total, least, most, invested))
    for sector, target in allocation.sectors.items():
        yield from _sector_target(policy, names, sector, target)


def _not_the_stocks(policy: Policy, total: float, least: float, most: float, invested: float) -> str:
    told = f"the targets add up to {percent(total)}"
    if abs(most - invested) <= TOLERANCE and abs(least - most) <= TOLERANCE:
        return f"{told}, what is invested to {percent(invested)}"
    fits = percent(most) if most - least <= TOLERANCE else f"{percent(least)} to {percent(most)}"
    part = (
        "asset_classes_pct.STK less the stocks in symbols_pct" if policy.allocation.symbols else "asset_classes_pct.STK"
    )
    return f"{told}, and they are targets of the stocks alone: {part}, {fits}, works"


def _sector_target(policy: Policy, names: Names, sector: str, target: float) -> Iterator[Finding]:
    field, most = f"{_SECTORS}.{sector}", policy.risk_limits.max_sector
    inside = [symbol for symbol in names.in_sector(sector) if symbol not in policy.allocation.symbols]
    limits, room = names.limits(inside), names.room(inside)
    if target > most + TOLERANCE:
        yield error(field, f"{percent(target)} is above risk_limits.max_sector_pct ({percent(most)})")
    elif target > aimed_at(most) + TOLERANCE:
        cure = (
            f"max_sector_pct: {up(limit_for(target))} or more works" if limit_for(target) <= 1 else "a lower one works"
        )
        yield warning(
            field,
            f"{percent(target)} is more than plans aim at under risk_limits.max_sector_pct ({percent(most)}), the rest "
            f"stays in cash; {cure}",
        )
    if target > 0 and not inside and sector in GICS_SECTORS:
        beside = " beside those in symbols_pct" if names.in_sector(sector) else ""
        yield error(field, f"cannot be met: no name that may be bought is in {sector}{beside}")
    elif target > limits + TOLERANCE and inside:
        yield error(
            field,
            f"cannot be met: {', '.join(inside)} may hold {percent(limits)} inside the position limits, "
            f"the target is {percent(target)}",
        )
    elif target > room + TOLERANCE:
        yield warning(
            field,
            f"plans aim at {percent(room)} of {', '.join(inside)} inside the position limits, the rest of "
            f"{percent(target)} stays in cash; {down(room)} works, or larger limits",
        )


def targets_fit(policy: Policy, names: Names) -> Iterator[Finding]:
    """All of them together into names, exposure and reserve."""
    limits, buyable, invested = policy.risk_limits, names.buyable, invested_target(policy)
    most = names.limits(buyable)
    if invested is None:
        wanted = min(limits.max_exposure, 1 - limits.min_cash_reserve)
        if buyable and most < wanted - TOLERANCE:
            yield warning(
                "risk_limits.max_position_pct",
                f"too few names ({len(buyable)}): they may hold {percent(most)}, "
                f"the rest of {percent(wanted)} stays in cash",
            )
        return
    if buyable and invested > most + TOLERANCE:
        yield error(
            "allocation",
            f"too few names ({len(buyable)}): they may hold {percent(most)} inside risk_limits.max_position_pct, "
            f"the targets invest {percent(invested)}",
        )
    elif buyable and invested > names.room(buyable) + TOLERANCE:
        yield warning(
            "allocation",
            f"the names ({len(buyable)}) are so few that plans aim at {percent(names.room(buyable))} of them, the rest "
            f"of {percent(invested)} stays in cash; more names work, or larger limits",
        )
    yield from _inside_limits(policy, invested)


def _inside_limits(policy: Policy, invested: float) -> Iterator[Finding]:
    limits, band = policy.risk_limits, policy.allocation.drift_threshold
    if invested > limits.max_exposure + TOLERANCE:
        yield error(
            "allocation",
            f"the targets invest {percent(invested)}, above risk_limits.max_exposure_pct "
            f"({percent(limits.max_exposure)})",
        )
    elif invested > limits.max_exposure - HEADROOM + TOLERANCE and limits.max_exposure < 1:
        yield warning(
            "allocation",
            f"the targets invest {percent(invested)}, and plans stay a point below risk_limits.max_exposure_pct "
            f"({percent(limits.max_exposure)}); max_exposure_pct: {up(min(1.0, invested + HEADROOM))} or more works",
        )
    if 1 - invested - band < limits.min_cash_reserve - TOLERANCE:
        yield error(
            "allocation",
            f"the cash target of {percent(1 - invested)} less the drift threshold of {percent(band)} is below "
            f"risk_limits.min_cash_reserve_pct ({percent(limits.min_cash_reserve)})",
        )
    elif invested > 1 - limits.min_cash_reserve - ABOVE_RESERVE + TOLERANCE:
        below = 1 - invested - ABOVE_RESERVE
        cure = f"min_cash_reserve_pct: {down(below)} or less works" if below >= 0 else "a lower target works"
        yield warning(
            "allocation",
            f"the targets invest {percent(invested)}, and plans stay 2 points above risk_limits.min_cash_reserve_pct "
            f"({percent(limits.min_cash_reserve)}); {cure}",
        )
