"""What the account is worth where the broker left something out, and whether anything may be concluded from it.

A line without a value is carried at the last one on record, with its age. Totals that contradict each other stop the
run: nothing is sized by a net asset value that the broker's own denies.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from app.desk.records import UnitValue
from app.domain.errors import BrokerUnavailable
from app.domain.market import Market
from app.domain.portfolio import Portfolio, Position
from app.domain.unmanaged import UnmanagedHolding

# Above this share of NAV without a value, drawdown and daily loss are unknown.
UNVALUED_LIMIT = Decimal("0.02")
# The parts of an account are read moments apart, and what is accrued is not told everywhere. This is beyond all that.
CONTRADICTION = Decimal("0.25")
# A line of which the market knows nothing is set aside; a market that is silent about more is no line's fault.
MOST_SET_ASIDE = 0.10


def carried(portfolio: Portfolio, last: Mapping[int, UnitValue]) -> Portfolio:
    """Lines without a value today at the last one on record; `last` by conid."""
    return replace(portfolio, unmanaged=tuple(_carried(line, last) for line in portfolio.unmanaged))


def _carried(line: UnmanagedHolding, last: Mapping[int, UnitValue]) -> UnmanagedHolding:
    before = last.get(line.conid) if line.conid is not None else None
    if line.value is not None or line.quantity is None or before is None:
        return line
    value = before.value * line.quantity
    exposure = line.exposure if line.exposure is not None else abs(value)
    return replace(line, value=value, exposure=exposure, value_from=before.session_date)


def refuse_contradiction(portfolio: Portfolio) -> None:
    """Raises: BrokerUnavailable where the rows do not add up to the broker's own net liquidation, naming the row."""
    difference, told = portfolio.nav_difference, portfolio.broker_net_liquidation
    if difference is None or told is None or portfolio.unvalued:
        return
    if abs(difference) <= CONTRADICTION * max(abs(told), abs(portfolio.nav)):
        return
    raise BrokerUnavailable(
        f"the account's rows add up to {portfolio.nav:,.2f} {portfolio.currency} and the broker's net liquidation is "
        f"{told:,.2f}; the row that explains most of it: {_closest(portfolio, -difference)}",
        "Compare that row with the broker's own account page; nothing was sent",
    )


def _closest(portfolio: Portfolio, excess: Decimal) -> str:
    """The row whose value is nearest to what the rows add up to too much."""
    rows = {f"{p.instrument.symbol} market value": portfolio.value(p) for p in portfolio.positions}
    rows |= {f"{line.symbol} market value": line.value for line in portfolio.unmanaged if line.value is not None}
    rows |= {f"{b.currency} cash balance": b.cash * b.exchange_rate for b in portfolio.cash}
    if not rows:
        return "none"
    name = min(rows, key=lambda row: abs(rows[row] - excess))
    return f"{name} {rows[name]:,.2f}"


def value_doubt(portfolio: Portfolio) -> str | None:
    """Why the account's value proves nothing today; None where enough of it is known."""
    unvalued = portfolio.unvalued
    if not unvalued:
        return None
    names = ", ".join(line.symbol for line in unvalued)
    difference = portfolio.nav_difference
    if difference is None or abs(difference) > UNVALUED_LIMIT * abs(portfolio.nav):
        return f"nobody tells what {names} is worth, which may be more than {UNVALUED_LIMIT:.0%} of the account"
    return None


def without_market(portfolio: Portfolio, market: Market) -> Portfolio:
    """Holdings with neither a quote nor any history are carried, as nothing can be measured of them.

    A market that is silent about much of the account is not such a case: then everything stays, and is unknown.
    """
    silent = [p for p in portfolio.positions if p.instrument.conid not in market.quotes.keys() | market.history.keys()]
    share = sum(abs(portfolio.value(p)) for p in silent) / portfolio.nav if portfolio.nav > 0 else Decimal(1)
    if not silent or share > MOST_SET_ASIDE:
        return portfolio
    return replace(
        portfolio,
        positions=tuple(p for p in portfolio.positions if p not in silent),
        unmanaged=(*portfolio.unmanaged, *(_set_aside(portfolio, p) for p in silent)),
    )


def _set_aside(portfolio: Portfolio, position: Position) -> UnmanagedHolding:
    name, value = position.instrument, portfolio.value(position)
    return UnmanagedHolding(
        symbol=name.symbol,
        asset_class=name.asset_class.value,
        reason="the market data knows neither a price nor a history of it",
        conid=name.conid,
        currency=name.currency,
        quantity=position.quantity,
        value=value,
        exposure=abs(value),
    )
