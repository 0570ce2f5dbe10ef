"""What an interval says of one name or one currency."""

from collections import defaultdict
from decimal import Decimal

from app.backtest.drift.interval import Interval
from app.domain.market import Market
from app.domain.portfolio import Portfolio


def managed_at(interval: Interval) -> frozenset[int]:
    """What is managed at either end."""
    return frozenset(
        one.instrument.conid for portfolio in (interval.start, interval.end) for one in portfolio.positions
    )


def quantities(portfolio: Portfolio, managed: frozenset[int]) -> dict[int, Decimal]:
    """Of what is `managed`, wherever the portfolio lists it."""
    found: defaultdict[int, Decimal] = defaultdict(Decimal)
    for position in portfolio.positions:
        found[position.instrument.conid] += position.quantity
    for line in portfolio.unmanaged:
        if line.conid in managed and line.conid is not None and line.quantity is not None:
            found[line.conid] += line.quantity
    return dict(found)


def beside(portfolio: Portfolio, managed: frozenset[int]) -> Decimal:
    """The value of all else."""
    lines = (line for line in portfolio.unmanaged if line.conid not in managed or line.quantity is None)
    return sum((line.value for line in lines if line.value is not None), Decimal(0))


def rates(portfolio: Portfolio) -> dict[str, Decimal]:
    """Base currency for a unit of each."""
    found = {balance.currency: balance.exchange_rate for balance in portfolio.cash}
    return found | {portfolio.currency: Decimal(1)}


def rate_of(interval: Interval, currency: str) -> Decimal:
    """At the end; of a currency that is gone the last one known."""
    return (rates(interval.start) | rates(interval.end)).get(currency, Decimal(0))


def currencies_of(interval: Interval) -> dict[int, str]:
    """Of everything that is held, or may have been dealt in."""
    markets = [decided.inputs.today.market for decided in interval.decided] + [interval.market]
    found = {conid: one.currency for market in markets for conid, one in market.instruments.items()}
    for portfolio in (interval.start, interval.end):
        found |= {one.instrument.conid: one.instrument.currency for one in portfolio.positions}
    # A name of which nothing else is kept was ordered in the account's own currency.
    return {one.conid: interval.start.currency for one in interval.others} | found


def prices_of(interval: Interval) -> dict[int, Decimal]:
    """At the end, by conid: as the account was valued, else as quoted, else the last one known."""
    found = {one.conid: one.price for one in interval.others if one.price is not None}
    for decided in interval.decided:
        found |= _quoted(decided.inputs.today.market)
    found |= {one.instrument.conid: one.price for one in interval.start.positions}
    found |= {c: Decimal(str(float(s.closes[-1]))) for c, s in interval.market.history.items() if len(s.closes)}
    found |= _quoted(interval.market)
    for line in interval.end.unmanaged:
        if line.conid in found and line.conid is not None and line.value is not None and line.quantity:
            found[line.conid] = line.value / line.quantity / rate_of(interval, line.currency or interval.end.currency)
    return found | {one.instrument.conid: one.price for one in interval.end.positions}


def symbol_of(interval: Interval, conid: int) -> str:
    """Its ticker."""
    for portfolio in (interval.start, interval.end):
        held = portfolio.position(conid)
        if held is not None:
            return held.instrument.symbol
    known = interval.market.instruments.get(conid)
    return known.symbol if known is not None else str(conid)


def _quoted(market: Market) -> dict[int, Decimal]:
    return {c: price for c, quote in market.quotes.items() if (price := quote.price_if_known) is not None}
