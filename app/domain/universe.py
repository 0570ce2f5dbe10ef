"""Which instruments may be held, bought or not touched at all: one answer for whoever measures, plans or gates.

Must never guess: a name whose size, volume or volatility cannot be told is not admitted.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from app.domain.instrument import UNKNOWN_SECTOR, AssetClass, Instrument
from app.domain.market import Array, Market, PriceSeries, Quote, QuoteKind, known
from app.domain.policy import Policy
from app.domain.tolerance import TOLERANCE

VOLATILITY_SESSIONS = 30
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a name out: the policy's rule, what was found, and what is allowed."""

    rule: str
    value: str
    limit: str


def is_fund(policy: Policy, instrument: Instrument) -> bool:
    """It is of no sector, and so a group of its own: a diversified fund, or one that the policy counts in no sector."""
    universe = policy.universe
    if instrument.symbol in universe.diversified_funds:
        return True
    return instrument.asset_class is AssetClass.ETF and instrument.symbol not in universe.sector_of


def sector_of(policy: Policy, market: Market, instrument: Instrument) -> str:
    """The group that limits count it in: its sector, "Unknown" where nobody names one, or the symbol of a fund."""
    if is_fund(policy, instrument):
        return instrument.symbol
    named = policy.universe.sector_of.get(instrument.symbol)
    if named is not None:
        return named
    listed = market.instruments.get(instrument.conid, instrument)
    return instrument.sector if listed.sector == UNKNOWN_SECTOR else listed.sector


def needs_sector(policy: Policy) -> bool:
    """Whether a purchase must be counted in a sector: a limit, a target or the universe asks for it."""
    return policy.risk_limits.max_sector < 1 or bool(policy.allocation.sectors or policy.universe.sectors)


def is_legacy(policy: Policy, instrument: Instrument) -> bool:
    """Held though it is not in the universe: no rule of the policy would have bought it."""
    return instrument.symbol not in policy.universe.symbols


def group_limit(policy: Policy, group: str, funds: frozenset[str]) -> float:
    """The largest weight of a sector, or of a fund that is a group of its own."""
    return position_limit(policy, group) if group in funds else policy.risk_limits.max_sector


def position_limit(policy: Policy, symbol: str) -> float:
    """The largest weight of one name; diversified funds have a limit of their own."""
    single, fund = position_limits(policy)
    return fund if symbol in policy.universe.diversified_funds else single


def position_limits(policy: Policy) -> tuple[float, float]:
    """(of a single name, of a diversified fund)."""
    return policy.risk_limits.max_position, policy.risk_limits.max_diversified_fund


def blocked(policy: Policy, market: Market, instrument: Instrument) -> str | None:
    """Why no order of this name may be made today, neither buy nor sell; None where it may."""
    if instrument.symbol in policy.universe.restricted:
        return "restricted by the policy"
    if instrument.conid in _halted(market):
        return "trading is halted"
    return market.untradable.get(instrument.conid)


def blocked_names(policy: Policy, market: Market, instruments: Iterable[Instrument]) -> frozenset[int]:
    """The conids of those that `blocked` has a reason for."""
    if not policy.universe.restricted and not market.untradable and not _halted(market):
        return frozenset()
    return frozenset(one.conid for one in instruments if blocked(policy, market, one) is not None)


def _halted(market: Market) -> frozenset[int]:
    found = market.derived.get(QuoteKind.HALTED)
    if not isinstance(found, frozenset):
        halted = (conid for conid, quote in market.quotes.items() if quote.kind is QuoteKind.HALTED)
        found = market.derived[QuoteKind.HALTED] = frozenset(halted)
    return found


def realised_volatilities(histories: Mapping[int, PriceSeries]) -> dict[int, float]:
    """Annualised volatility of the last 30 daily returns, by conid; without those that have fewer."""
    recent = {n: one.closes[-VOLATILITY_SESSIONS - 1 :] for n, one in histories.items()}
    recent = {conid: closes for conid, closes in recent.items() if len(closes) > VOLATILITY_SESSIONS}
    if not recent:
        return {}
    return dict(zip(recent, volatilities(np.array(list(recent.values()))).tolist(), strict=True))


def volatilities(closes: Array) -> Array:
    """Annualised, of as many windows of 31 closes. Shape: [N, 31] → [N]."""
    changes = closes[:, 1:] / closes[:, :-1]
    changes -= changes.sum(axis=1, keepdims=True) / VOLATILITY_SESSIONS
    variances = np.einsum("nt,nt->n", changes, changes) / (VOLATILITY_SESSIONS - 1)
    found: Array = np.sqrt(variances * SESSIONS_PER_YEAR)
    return found


def _class_obstacle(policy: Policy, market: Market, instrument: Instrument) -> Obstacle | None:
    universe = policy.universe
    if instrument.symbol not in universe.symbols:
        return Obstacle("universe.symbols", instrument.symbol, "a name on the list")
    if instrument.asset_class is AssetClass.INDEX or instrument.asset_class not in universe.asset_classes:
        return Obstacle("universe.asset_classes", instrument.asset_class.value, ", ".join(universe.asset_classes))
    if is_fund(policy, instrument):
        return None
    sector = sector_of(policy, market, instrument)
    if sector == UNKNOWN_SECTOR and needs_sector(policy):
        return Obstacle("universe.sector_of", f"the sector of {instrument.symbol} is unknown", "a GICS sector")
    if universe.sectors and sector not in universe.sectors:
        return Obstacle("universe.sectors", sector, ", ".join(universe.sectors))
    return None


def _enough(value: Decimal | None, least: Decimal) -> bool:
    return least <= 0 or (value is not None and value.is_finite() and value >= least)


def _least(rule: str, value: Decimal | None, least: Decimal) -> Obstacle | None:
    if _enough(value, least):
        return None
    return Obstacle(rule, f"{value}" if known(value) else "unknown", f"at least {least}")


def volatilities_of(market: Market) -> Mapping[int, float]:
    """The `realised_volatilities` of all; kept with the market, for whoever asks for one name asks for many."""
    found = market.derived.get(realised_volatilities)
    if not isinstance(found, dict):
        found = market.derived[realised_volatilities] = realised_volatilities(market.history)
    return found


def keep_volatilities(market: Market, found: dict[int, float]) -> None:
    """Where `volatilities_of` would keep its own."""
    market.derived[realised_volatilities] = found


def own_groups(policy: Policy) -> tuple[object, ...]:
    """What of a policy tells the group of a name."""
    return policy.universe.diversified_funds, tuple(policy.universe.sector_of.items())


def sectors_of(policy: Policy, market: Market) -> dict[int, str]:
    """`sector_of` every instrument of the market, by conid; kept."""
    kept, key = lasting(market), (sectors_of, *own_groups(policy))
    found = kept.get(key)
    if not isinstance(found, dict):
        found = kept[key] = {one.conid: sector_of(policy, market, one) for one in market.instruments.values()}
    return found


def lasting(market: Market) -> dict[object, object]:
    """What follows from the market's instruments alone, kept by whoever worked it out."""
    found = market.derived.get(lasting)
    if not isinstance(found, dict):
        found = market.derived[lasting] = {}
    return found


def keep_lasting(market: Market, found: dict[object, object]) -> None:
    """That of another market of the same instruments, to be kept on with it."""
    market.derived[lasting] = found


def obstacle(policy: Policy, market: Market, instrument: Instrument) -> Obstacle | None:
    """Why this name may not be bought; None where the policy's universe admits it."""
    return _obstacle(policy, market, instrument, volatilities_of(market).get(instrument.conid))


def eligible(policy: Policy, market: Market) -> tuple[Instrument, ...]:
    """Every instrument that may be bought today, by symbol; kept with the market for policies of the same universe."""
    key = (eligible, _admits(policy))
    found = market.derived.get(key)
    if not isinstance(found, tuple):
        found = market.derived[key] = _eligible(policy, market)
    return found


def _admits(policy: Policy) -> tuple[object, ...]:
    """What of a policy tells which names it admits."""
    return policy.universe, needs_sector(policy)


def _eligible(policy: Policy, market: Market) -> tuple[Instrument, ...]:
    volatilities, most = volatilities_of(market), policy.universe.max_volatility_30d + TOLERANCE
    skipped = blocked_names(policy, market, market.instruments.values())
    # As `_obstacle`, without its words.
    return tuple(
        instrument
        for instrument in _of_class(policy, market)
        if volatilities.get(instrument.conid, math.nan) <= most
        and instrument.conid not in skipped
        and _large_enough(policy, market.quotes.get(instrument.conid))
    )


def _large_enough(policy: Policy, quote: Quote | None) -> bool:
    cap, volume = (quote.market_cap, quote.average_volume) if quote else (None, None)
    universe = policy.universe
    return _enough(cap, universe.min_market_cap) and _enough(volume, universe.min_average_volume)


def _of_class(policy: Policy, market: Market) -> tuple[Instrument, ...]:
    """What the universe admits whatever the day's numbers are, by symbol."""
    kept, key = lasting(market), (_of_class, _admits(policy))
    found = kept.get(key)
    if not isinstance(found, tuple):
        names = (one for one in market.instruments.values() if _class_obstacle(policy, market, one) is None)
        found = kept[key] = tuple(sorted(names, key=lambda instrument: instrument.symbol))
    return found


def _obstacle(policy: Policy, market: Market, instrument: Instrument, volatility: float | None) -> Obstacle | None:
    found = _class_obstacle(policy, market, instrument)
    if found is not None:
        return found
    most = policy.universe.max_volatility_30d
    if volatility is None or not volatility <= most + TOLERANCE:
        value = "unknown" if volatility is None else f"{volatility:.3f}"
        return Obstacle("universe.max_volatility_30d", value, f"{most:.3f}")
    quote, universe = market.quotes.get(instrument.conid), policy.universe
    return _least("universe.min_market_cap", quote.market_cap if quote else None, universe.min_market_cap) or _least(
        "universe.min_average_volume", quote.average_volume if quote else None, universe.min_average_volume
    )
