"""What the market's state allows: trend, volatility index and the exposure caps. Unknown allows no increase."""

import math
from bisect import bisect_left
from dataclasses import dataclass

from app.domain.evaluation import ExposureCap
from app.domain.market import Market, Trend
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.risk.arrays import previous_sessions

TREND_SESSIONS = 200
VIX_SESSIONS = 3


def trend(policy: Policy, market: Market) -> Trend | None:
    """The index's last close against its 200-session average; None without 200 closes."""
    distance = market.derived.get(trend)
    if distance is None:
        distance = market.derived[trend] = _distance(market)
    if not isinstance(distance, float) or math.isnan(distance):
        return None
    if distance >= policy.market.bull_threshold:
        return Trend.BULL
    return Trend.BEAR if distance <= -policy.market.bear_threshold else Trend.NEUTRAL


def _distance(market: Market) -> float:
    """As a fraction of the average; NaN without 200 closes."""
    if market.index is None:
        return math.nan
    end = bisect_left(market.index.dates, market.session.date)
    if end < TREND_SESSIONS:
        return math.nan
    closes = market.index.closes[end - TREND_SESSIONS : end]
    return float(closes[-1] / closes.mean() - 1)


def vix(market: Market) -> float | None:
    """The volatility index if its session is one of the last three, today's included; else None."""
    found = market.derived.get(vix, vix)
    if found is vix:
        found = market.derived[vix] = _vix(market)
    return found if isinstance(found, float) else None


def _vix(market: Market) -> float | None:
    reading = market.vix
    if reading is None or not math.isfinite(reading.value) or reading.value <= 0:
        return None
    sessions = (*previous_sessions(market), market.session.date)[-VIX_SESSIONS:]
    return float(reading.value) if sessions[0] <= reading.session_date <= sessions[-1] else None


@dataclass(frozen=True, slots=True)
class Regime:
    """The market's state; None for what is unknown."""

    trend: Trend | None
    vix: float | None


def regime(policy: Policy, market: Market) -> Regime:
    """Both."""
    return Regime(trend(policy, market), vix(market))


def caps(policy: Policy, state: Regime, memory: Memory, recovery: float | None) -> tuple[ExposureCap, ...]:
    """Every reason for a maximum exposure; the tightest holds, they are never multiplied. `recovery`: for buys only."""
    limits = policy.risk_limits
    found = [
        ExposureCap("max_exposure", limits.max_exposure),
        ExposureCap("cash_reserve", 1 - limits.min_cash_reserve),
    ]
    band = _vix_cap(policy, state.vix, (memory.previous_caps or {}).get("vix"))
    if band is not None:
        found.append(ExposureCap("vix", band))
    if state.trend is Trend.BEAR:
        found.append(ExposureCap("bear_trend", policy.market.bear_exposure))
    if recovery is not None:
        found.append(ExposureCap("recovery", recovery, buys_only=True))
    return tuple(found)


def _vix_cap(policy: Policy, value: float | None, previous: float | None) -> float | None:
    """A band holds from its edge on, and once entered until the index is `vix_hysteresis` below the edge."""
    if value is None:
        # The last known cap stays; whether it would have changed nobody can tell.
        return previous
    rules = policy.market
    entered = [
        band.max_exposure
        for band in rules.vix_bands
        if value >= band.vix
        or (previous is not None and previous <= band.max_exposure and value > band.vix - rules.vix_hysteresis)
    ]
    return min(entered, default=None)
