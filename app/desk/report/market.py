"""The market in the report."""

from datetime import datetime

from app.desk.report.part import Amount, Part
from app.desk.report.unsettled import UnsettledPart, unsettled
from app.domain.evaluation import Evaluation
from app.domain.market import Market, Quote
from app.domain.policy import Policy
from app.domain.universe import volatilities_of


class QuotePart(Part):
    """One price as it was read; `marks` names what is simulated, derived or fictional."""

    symbol: str
    conid: int
    bid: Amount | None
    ask: Amount | None
    last: Amount | None
    prior_close: Amount | None
    average_volume: Amount | None
    market_cap: Amount | None
    kind: str
    as_of: datetime
    source: str
    marks: tuple[str, ...]


class MarketPart(Part):
    """What the market said. `untradable`: symbol → why it is not ordered today.

    `volatility_30d`: symbol → annualised volatility of the last 30 returns, null without the history.
    `sentiment`: symbol → of its news, from -1 to 1, null where there is none. `unsettled`: shares of no known sector.
    """

    vix: float | None
    vix_source: str | None
    trend: str | None
    quotes: tuple[QuotePart, ...]
    untradable: dict[str, str]
    volatility_30d: dict[str, float | None]
    sentiment: dict[str, float | None]
    unsettled: tuple[UnsettledPart, ...] = ()


def market_part(policy: Policy, market: Market, evaluation: Evaluation | None) -> MarketPart:
    symbols = {conid: instrument.symbol for conid, instrument in market.instruments.items()}
    volatilities = volatilities_of(market)
    return MarketPart(
        vix=market.vix.value if market.vix else None,
        vix_source=market.vix.source if market.vix else None,
        trend=evaluation.trend.value if evaluation and evaluation.trend else None,
        quotes=tuple(
            _quote(symbols[q.conid], q) for q in sorted(market.quotes.values(), key=lambda q: symbols[q.conid])
        ),
        untradable={symbols[conid]: reason for conid, reason in sorted(market.untradable.items())},
        sentiment={symbol: market.sentiment.get(n) for n, symbol in sorted(symbols.items(), key=lambda item: item[1])},
        volatility_30d={
            symbol: volatilities.get(conid) for conid, symbol in sorted(symbols.items(), key=lambda item: item[1])
        },
        unsettled=unsettled(policy, market),
    )


def _quote(symbol: str, quote: Quote) -> QuotePart:
    return QuotePart(
        symbol=symbol,
        conid=quote.conid,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        prior_close=quote.prior_close,
        average_volume=quote.average_volume,
        market_cap=quote.market_cap,
        kind=quote.kind.value,
        as_of=quote.as_of,
        source=quote.source,
        marks=quote.marks,
    )
