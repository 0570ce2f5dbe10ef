"""What a run's account has earned with its orders: fills in shares of today, and prices as the run has seen them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from app.desk.states import MarketRead
from app.domain.adoption import Adoption
from app.domain.market import Market, quoted_prices
from app.engine.earned import Earnings, Worth, earnings, in_shares_of_today
from app.engine.memory import FilledOrder


def earned(run: MarketRead) -> Earnings:
    """Since the account was taken over."""
    return earnings(_of_today(run.filled, run.market, run.memory.adoption), _worths(run))


def _worths(run: MarketRead) -> dict[int, Worth]:
    """The account's own prices of what it holds, and quotes of the rest; none in a currency of no known rate."""
    portfolio = run.portfolio
    rates = {balance.currency: balance.exchange_rate for balance in portfolio.cash}
    rates[portfolio.currency] = Decimal(1)
    prices = quoted_prices(run.market) | {p.instrument.conid: p.price for p in portfolio.positions if p.price > 0}
    currencies = {conid: instrument.currency for conid, instrument in run.market.instruments.items()}
    return {
        conid: Worth(price, rates[currencies[conid]])
        for conid, price in prices.items()
        if currencies.get(conid) in rates
    }


def _of_today(orders: Sequence[FilledOrder], market: Market, adoption: Adoption | None) -> Iterator[FilledOrder]:
    for one in orders:
        if adoption is None or one.fill.session_date >= adoption.session_date:
            yield replace(one, fill=in_shares_of_today(one.fill, market.history.get(one.fill.conid)))
