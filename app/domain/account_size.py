"""Which of a policy's numbers cannot work for an account of one size, and what would.

Every number may be sound and the account too small for it, or too large: nothing is wrong, and nothing is ever bought.
Must never change what is ordered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from app.domain.commission import LEAST as LEAST_COMMISSION
from app.domain.instrument import AssetClass
from app.domain.order_size import largest_order, share_of, smallest_order
from app.domain.policy import Policy
from app.domain.policy.check import Finding, Level, invested_target
from app.domain.policy.check.findings import some
from app.domain.policy.fields import CASH
from app.domain.sizing import HEADROOM, whole
from app.domain.totals import total_of
from app.domain.universe import position_limit

# More sessions than this to build a position, or to invest an account, is a number that does not fit.
SLOW = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """A name's price, and what is traded of it in a day, None where nobody knows; both in base currency."""

    price: Decimal
    traded: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """`most_sent`: the MCP server's own limit of a buy, None where nobody knows. `listings` by symbol."""

    nav: Decimal
    currency: str
    listings: Mapping[str, Listing] = field(default_factory=dict)
    most_sent: Decimal | None = None


def room(policy: Policy, nav: Decimal, symbol: str) -> Decimal:
    """The most that one name may become by a purchase."""
    return nav * _inside(position_limit(policy, symbol))


def _inside(limit: float) -> Decimal:
    """The share up to which plans buy."""
    return max(Decimal(0), Decimal(str(limit)) - Decimal(str(HEADROOM)))


def can_buy(policy: Policy, nav: Decimal, symbol: str, listing: Listing) -> bool:
    """Some whole number of shares is an order and fits into an empty account."""
    return _largest_buy(policy, nav, symbol, listing) >= max(listing.price, smallest_order(policy.execution, nav))


def _largest_buy(policy: Policy, nav: Decimal, symbol: str, listing: Listing) -> Decimal:
    bounds = [room(policy, nav, symbol), share_of(nav, policy.execution.max_turnover)]
    bounds.append(largest_order(policy.execution, nav, listing.traded))
    if listing.traded is not None:
        bounds.append(share_of(listing.traded, policy.execution.max_share_of_volume))
    return whole(min(bounds) / listing.price) * listing.price


def does_not_fit(policy: Policy, account: Account) -> tuple[Finding, ...]:
    """Every number that cannot work, with what would; all of them warnings."""
    if account.nav <= 0:
        return (_finding("currency", f"a net asset value of {account.nav:,.2f} buys nothing"),)
    rules: Sequence[Callable[[Policy, Account], Iterator[Finding]]] = (
        _too_small, _chosen, _prices, _turnover, _too_large, _volumes, _commission, _server,
    )  # fmt: skip
    return tuple(finding for rule in rules for finding in rule(policy, account))


def _finding(path: str, message: str) -> Finding:
    return Finding(Level.WARNING, path, message)


def _money(value: Decimal) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _percent(share: Decimal | float) -> str:
    """Rounded down: what is told must work."""
    return f"{(Decimal(str(share)) * 100).quantize(Decimal('0.01'), ROUND_FLOOR).normalize():f}"


def _symbols(policy: Policy) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(policy.universe.symbols) if name not in policy.universe.restricted)


def _too_small(policy: Policy, account: Account) -> Iterator[Finding]:
    """The smallest order against what one name, and what a sector's target, may be worth."""
    least, nav = smallest_order(policy.execution, account.nav), account.nav
    share = _inside(policy.risk_limits.max_position)
    fits = [symbol for symbol in _symbols(policy) if room(policy, nav, symbol) >= least]
    if len(fits) < len(_symbols(policy)):
        what = "only diversified funds can be bought" if fits else "no buy is possible"
        cure = f"min_order_nav_pct: {_percent(share)} or less works"
        if share > 0:
            cure += f", or an account of {_money(_whole_up(policy.execution.min_order_value / share))}"
        yield _finding(
            "execution.min_order_value",
            f"the smallest order is {_money(least)}, and one name may be worth {_money(nav * share)} of {_money(nav)} "
            f"{account.currency} (risk_limits.max_position_pct less a point): {what}; {cure}",
        )
    for name in ("symbols", "sectors") if fits else ():
        targets: Mapping[str, float] = getattr(policy.allocation, name)
        small = {key: target for key, target in targets.items() if 0 < share_of(nav, target) < least}
        if small:
            told = some([f"{key} ({_money(share_of(nav, target))})" for key, target in small.items()])
            yield _finding(
                f"allocation.{name}_pct",
                f"targets below the smallest order of {_money(least)} {account.currency} are never bought: {told}; "
                f"min_order_nav_pct: {_percent(min(small.values()))} or less works",
            )


def _chosen(policy: Policy, account: Account) -> Iterator[Finding]:
    """More names of a target than orders of the smallest size fit into it."""
    most, least = policy.allocation.selection.names, smallest_order(policy.execution, account.nav)
    if most is None or least <= 0:
        return
    worths = {name: share_of(account.nav, target) for name, target in _chosen_from(policy).items()}
    # A target that is no order itself is told of by itself.
    few = {name: int(worth / least) for name, worth in worths.items() if least <= worth < most * least}
    if few:
        share = min(worths[name] for name in few) / most / account.nav
        yield _finding(
            "allocation.selection.names",
            f"of {most} names fewer fit a target in orders of {_money(least)} {account.currency}, the others are never "
            f"bought: {some([f'{name} ({count})' for name, count in few.items()])}; {min(few.values())} works, or "
            f"min_order_nav_pct: {_percent(share)} or less",
        )


def _chosen_from(policy: Policy) -> dict[str, float]:
    """Target by sector, else by class, without what is fixed in it."""
    allocation, funds = policy.allocation, policy.universe.diversified_funds
    if allocation.sectors:
        return dict(allocation.sectors)
    found = {name: target for name, target in allocation.asset_classes.items() if name != CASH}
    for symbol, target in allocation.symbols.items():
        of_class = AssetClass.ETF.value if symbol in funds else AssetClass.STOCK.value
        found[of_class] = found.get(of_class, 0.0) - target
    return found


def _prices(policy: Policy, account: Account) -> Iterator[Finding]:
    nav = account.nav
    known = {symbol: account.listings[symbol] for symbol in _symbols(policy) if symbol in account.listings}
    yield from _dear_targets(policy, account, known)
    dear = sorted(
        (s for s, one in known.items() if one.price > room(policy, nav, s)), key=lambda s: (-known[s].price, s)
    )
    if not dear:
        return
    told = some([f"{symbol} at {_money(known[symbol].price)}" for symbol in dear])
    share = max(Decimal(str(HEADROOM)), _inside(policy.risk_limits.max_position))
    enough = _whole_up(max(known[symbol].price for symbol in dear) / share)
    all_of_them = "no name can be bought" if len(dear) == len(known) else "never bought"
    yield _finding(
        "risk_limits.max_position_pct",
        f"one share is more than one name may be worth of {_money(nav)} {account.currency}: {told}: "
        f"{all_of_them}; a larger limit works, cheaper names, or an account of {_money(enough)}",
    )


def _dear_targets(policy: Policy, account: Account, known: Mapping[str, Listing]) -> Iterator[Finding]:
    worths = {s: share_of(account.nav, target) for s, target in policy.allocation.symbols.items() if s in known}
    dear = [
        symbol
        for symbol, worth in worths.items()
        if 0 < worth < known[symbol].price <= room(policy, account.nav, symbol)
    ]
    if dear:
        enough = max(known[s].price / Decimal(str(policy.allocation.symbols[s])) for s in dear)
        told = some([f"{symbol} at {_money(known[symbol].price)} ({_money(worths[symbol])})" for symbol in dear])
        yield _finding(
            "allocation.symbols_pct",
            f"one share is more than the target is worth: {told}: never bought; a larger target works, or an account "
            f"of {_money(_whole_up(enough))}",
        )


def _turnover(policy: Policy, account: Account) -> Iterator[Finding]:
    least, day = smallest_order(policy.execution, account.nav), share_of(account.nav, policy.execution.max_turnover)
    if day < least:
        yield _finding(
            "execution.max_turnover_pct",
            f"a day may trade {_money(day)} {account.currency}, and the smallest order is {_money(least)}: no buy is "
            f"possible; max_turnover_pct: {_up(least / account.nav)} or more works",
        )


def _whole_up(value: Decimal) -> Decimal:
    return value.to_integral_value(ROUND_CEILING)


def _up(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.01'), ROUND_CEILING).normalize():f}"


def _too_large(policy: Policy, account: Account) -> Iterator[Finding]:
    """Orders so small and so few that the account is not invested within weeks."""
    rules, nav = policy.execution, account.nav
    most, wanted = largest_order(rules, nav), share_of(nav, _invested(policy))
    if not most.is_finite():
        return
    day = min(most * rules.max_orders_per_day, share_of(nav, rules.max_turnover))
    if day <= 0 or wanted <= SLOW * day:
        return
    needed = wanted / SLOW / rules.max_orders_per_day / nav
    yield _finding(
        "execution.max_order_value",
        f"{rules.max_orders_per_day} orders of {_money(most)} {account.currency} at most are {_money(day)} a day: "
        f"to invest {_money(wanted)} takes {wanted / day:,.0f} sessions; "
        f"max_order_nav_pct: {_up(needed)} or more in its place works",
    )


def _invested(policy: Policy) -> float:
    target = invested_target(policy)
    most = min(policy.risk_limits.max_exposure, 1 - policy.risk_limits.min_cash_reserve)
    return most if target is None else min(target, most)


def _volumes(policy: Policy, account: Account) -> Iterator[Finding]:
    """Names of which so little is traded that what a day may buy is no order, or no position within weeks."""
    rules, names = policy.execution, _symbols(policy)
    least = smallest_order(rules, account.nav)
    share = rules.max_share_of_volume
    never, slow = [], []
    for symbol in names:
        traded = account.listings[symbol].traded if symbol in account.listings else None
        if traded is None:
            continue
        day, each = share_of(traded, share), _part(policy, account.nav, symbol)
        if day < least:
            never.append(f"{symbol} ({_money(day)} a day)")
        elif day * SLOW < each:
            slow.append(f"{symbol} ({each / day:,.0f} sessions)")
    field_name = "execution.max_share_of_volume_pct"
    cure = "a larger share, or names of which more is traded (universe.min_average_volume), works"
    if never:
        yield _finding(field_name, f"less than an order of {_money(least)}: {some(never)}: never bought; {cure}")
    if slow:
        yield _finding(field_name, f"what each should be worth takes long: {some(slow)}; {cure}")


def _part(policy: Policy, nav: Decimal, symbol: str) -> Decimal:
    """A name's own target, else an equal part of the rest, as many as a selection holds of them at most."""
    fixed = policy.allocation.symbols
    if symbol in fixed:
        return share_of(nav, fixed[symbol])
    names = len([name for name in _symbols(policy) if name not in fixed])
    groups = max(1, len(policy.allocation.sectors), len([c for c in policy.allocation.asset_classes if c != CASH]))
    most = policy.allocation.selection.names
    count = names if most is None else max(1, min(names, most * groups))
    rest = max(0.0, _invested(policy) - total_of(fixed.values()))
    return min(share_of(nav, rest) / count, share_of(nav, policy.risk_limits.max_position))


def _commission(policy: Policy, account: Account) -> Iterator[Finding]:
    rules, nav = policy.execution, account.nav
    share = Decimal(str(rules.max_commission))
    least = smallest_order(rules, nav)
    most = max((room(policy, nav, symbol) for symbol in _symbols(policy)), default=Decimal(0))
    if share <= 0 or least * share >= LEAST_COMMISSION:
        return
    from_here = _whole_up(LEAST_COMMISSION / share)
    what = f"buys below {_money(from_here)} are refused; a smallest order of that size plans none of them"
    if most * share < LEAST_COMMISSION:
        cure = f"max_commission_pct: {_up(LEAST_COMMISSION / most)} or more works, or " if most > 0 else ""
        what = f"no buy is possible, for none may be worth {_money(from_here)}; {cure}a larger account"
    yield _finding(
        "execution.max_commission_pct", f"the broker takes about {LEAST_COMMISSION} for an order at least: {what}"
    )


def _server(policy: Policy, account: Account) -> Iterator[Finding]:
    """The MCP server has a limit of its own, whatever the policy says; a sale is bounded by the holding there."""
    nav, sent = account.nav, account.most_sent
    if sent is None:
        return
    rooms = (room(policy, nav, symbol) for symbol in _symbols(policy))
    turnover = share_of(nav, policy.execution.max_turnover)
    most = min(largest_order(policy.execution, nav), max(rooms, default=Decimal(0)), turnover)
    if most <= sent:
        return
    what = "no buy is possible" if smallest_order(policy.execution, nav) > sent else "larger ones are refused"
    there = f"MAX_ORDER_VALUE={_whole_up(most):f} there"
    yield _finding(
        "execution.max_order_value",
        f"a buy may be worth {_money(most)} {account.currency}, and the MCP server sends none above {_money(sent)}: "
        f"{what}; {there}, or max_order_value: {sent:f} here, works",
    )
