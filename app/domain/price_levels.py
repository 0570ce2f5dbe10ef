"""The prices at which a holding is stopped out, cut, trimmed or added to, today.

A loss counts only beyond what the name moves anyway: its level is the policy's percentage or a multiple of its monthly
volatility, whichever is farther.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.domain.market import Market
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio, Position

# Daily returns that the monthly volatility is taken from, and sessions in a month.
WINDOW, MONTH = 63, 21


@dataclass(frozen=True, slots=True)
class PriceLevels:
    """Of one holding, in its currency: `base` is what gains count from; None for what the policy does not ask for.

    `monthly_volatility` is None without 63 daily returns; then the policy's percentages hold as they are.
    """

    conid: int
    symbol: str
    currency: str
    price: Decimal
    base: Decimal
    monthly_volatility: float | None
    stop: Decimal
    cut: Decimal | None
    take_profit: Decimal | None
    reinforce: Decimal | None


def monthly_volatility(market: Market, conid: int) -> float | None:
    """Standard deviation of the last 63 daily returns times √21; None without them."""
    kept = market.derived.get(monthly_volatility)
    if not isinstance(kept, dict):
        kept = market.derived[monthly_volatility] = {}
    if conid not in kept:
        kept[conid] = _monthly_volatility(market, conid)
    found: float | None = kept[conid]
    return found


def _monthly_volatility(market: Market, conid: int) -> float | None:
    series = market.history.get(conid)
    if series is None or len(series.closes) <= WINDOW:
        return None
    closes = series.closes[-WINDOW - 1 :]
    return float((closes[1:] / closes[:-1] - 1).std(ddof=1) * np.sqrt(MONTH))


def loss_level(market: Market, conid: int, least: float, multiple: float) -> float:
    """The loss from which a rule acts on that name, a fraction above zero."""
    volatility = monthly_volatility(market, conid) if multiple > 0 else None
    return least if volatility is None else max(least, multiple * volatility)


def gain_bases_of(portfolio: Portfolio, memory: Memory) -> Mapping[int, Decimal]:
    """What gains of each holding count from, by conid; without those of no known cost."""
    costs = {p.instrument.conid: p.average_cost for p in portfolio.positions}
    return {conid: base for conid, cost in costs.items() if (base := memory.gain_bases.get(conid, cost)) > 0}


def gains_of(portfolio: Portfolio, memory: Memory) -> Mapping[int, float | None]:
    """Price-only return of every position since it was taken over or bought, by conid; None without a cost."""
    bases = memory.gain_bases
    if not bases:
        return portfolio.gains
    return {
        p.instrument.conid: float(p.price) / float(bases[p.instrument.conid]) - 1
        if p.instrument.conid in bases
        else p.unrealized_return
        for p in portfolio.positions
    }


def price_levels(policy: Policy, portfolio: Portfolio, market: Market, memory: Memory) -> tuple[PriceLevels, ...]:
    """Of every whole holding with a known base, by symbol."""
    bases = gain_bases_of(portfolio, memory)
    found = [
        _levels(policy, market, memory, position, bases[position.instrument.conid])
        for position in portfolio.positions
        if position.quantity >= 1 and position.instrument.conid in bases
    ]
    return tuple(sorted(found, key=lambda levels: levels.symbol))


def _levels(policy: Policy, market: Market, memory: Memory, position: Position, base: Decimal) -> PriceLevels:
    conid, exits, strategies = position.instrument.conid, policy.exits, policy.strategies
    cut, reinforce = strategies.cut_losers, strategies.reinforce_winners
    profits = memory.profit_levels_taken.get(conid, 0) + 1
    stop = loss_level(market, conid, exits.stop_loss, exits.volatility_multiple)
    return PriceLevels(
        conid=conid,
        symbol=position.instrument.symbol,
        currency=position.instrument.currency,
        price=position.price,
        base=base,
        monthly_volatility=monthly_volatility(market, conid),
        stop=_moved(base, -stop),
        cut=_moved(base, -cut_level(policy, market, conid)) if cut.enabled else None,
        take_profit=_moved(base, profits * exits.take_profit) if exits.takes_profit else None,
        reinforce=_moved(base, reinforce.trigger_gain) if reinforce.enabled else None,
    )


def cut_level(policy: Policy, market: Market, conid: int) -> float:
    """The loss from which a name may be cut, a fraction above zero."""
    cut = policy.strategies.cut_losers
    return loss_level(market, conid, cut.trigger_loss, cut.volatility_multiple)


def _moved(base: Decimal, change: float) -> Decimal:
    """At least zero: what moves by more than it is worth has no such price."""
    return max(Decimal(0), base * (1 + Decimal(str(change)))).quantize(Decimal("0.0001"))
