"""Every measurement beside its limit. A value that is not a number breaches; one that cannot be had is UNKNOWN."""

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import CRITICAL_ABOVE, Metric, Severity
from app.domain.market import Array, Market
from app.domain.navs import NavKind, NavPoint, follow
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.sizing import unbounded_buys
from app.domain.tolerance import TOLERANCE
from app.risk import metrics
from app.risk.arrays import Panel, PortfolioArrays, previous_sessions
from app.risk.clusters import Groups, heaviest_group
from app.risk.inherited import Share, acting, known_sectors, positions

# A purchase up to the limit itself would be sold again after a day's drift.
STATISTIC_ROOM = 0.90
STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster")
# Shown without a limit → why a portfolio may have none.
UNLIMITED = {
    "annual_volatility_252": "",
    "var_95_historical": "",
    "var_95_ewma": "",
    "es_95": "",
    "implied_correlation": "undefined for fewer than two names that vary",
    "beta": "the index has no closes of the same days, or never moves",
    "sharpe": "undefined for returns that do not vary",
    "sortino": "undefined without a losing day",
    "max_drawdown": "the value leaves the range of numbers",
    "winning_days": "",
}
RISK_FREE = "over a risk-free rate of zero"
NOTES = {"sharpe": RISK_FREE, "sortino": RISK_FREE}
WORTHLESS = "the account was worth next to nothing before: no return since then"
MEDIUM_FROM = 0.8


def severity(value: float, limit: float, floor: bool = False) -> Severity:
    """Below 0.8 of the limit LOW, up to it MEDIUM, up to 1.25 HIGH, above CRITICAL; floors inverted."""
    if limit <= 0:
        within = value >= limit - TOLERANCE if floor else value <= limit + TOLERANCE
        return Severity.LOW if within else Severity.CRITICAL
    ratio = (limit / value if value > 0 else math.inf) if floor else value / limit
    # From the top down and negated, so that NaN is CRITICAL.
    if not ratio <= CRITICAL_ABOVE + TOLERANCE:
        return Severity.CRITICAL
    if not ratio <= 1 + TOLERANCE:
        return Severity.HIGH
    return Severity.MEDIUM if ratio >= MEDIUM_FROM - TOLERANCE else Severity.LOW


def limited(name: str, value: float, limit: float, note: str | None = None, floor: bool = False) -> Metric:
    """A measurement against its limit."""
    return Metric(name, value, limit, severity(value, limit, floor), floor, note)


def unknown(name: str, limit: float | None, note: str, floor: bool = False) -> Metric:
    """A measurement that cannot be made; `note` says why."""
    return Metric(name, None, limit, Severity.UNKNOWN, floor, note)


def statistics(weights: Array, panel: Panel, groups: Groups) -> dict[str, float]:
    """The limited statistics of one portfolio by name; `groups` of its names that move as one. Shape: weights [N]."""
    series = metrics.portfolio_returns(weights[None, :], panel.returns)
    return {
        "annual_volatility": float(metrics.recent_volatility(series)[0]),
        "var_95_1d": float(metrics.ewma_var(series)[0]),
        "correlated_cluster": heaviest_group(np.abs(weights), groups),
    }


def statistic_limits(policy: Policy) -> Mapping[str, float]:
    """Limits of the statistics that have one."""
    limits = policy.risk_limits
    return {
        "annual_volatility": limits.max_annual_volatility,
        "var_95_1d": limits.max_var_95_1d,
        "correlated_cluster": limits.max_correlated,
    }


def concentration(
    policy: Policy, arrays: PortfolioArrays, sectors: Sequence[float], spared: frozenset[str] = frozenset()
) -> tuple[Metric, Metric]:
    """(largest position against its own limit, largest sector); `sectors`: the weights of the sectors.

    A position or sector that is `spared` acts as if it were inside its limit.
    """
    limits = policy.risk_limits
    return (
        _fullest("max_position", positions(policy, arrays), limits.max_position, spared),
        _fullest("max_sector", known_sectors(policy, arrays, sectors), limits.max_sector, spared),
    )


def _fullest(name: str, shares: Sequence[Share], default: float, spared: frozenset[str]) -> Metric:
    """The one nearest to its limit, or farthest beyond it."""
    found = _nearest(name, shares, default)
    if not spared:
        return found
    return acting(found, spared, _nearest(name, [one for one in shares if one.key not in spared], default))


def _nearest(name: str, shares: Sequence[Share], default: float) -> Metric:
    if not shares:
        return limited(name, 0.0, default)
    one = shares[_largest([_ratio(share.size, share.limit) for share in shares])]
    return limited(name, one.size, one.limit, one.label)


def risk(
    policy: Policy, arrays: PortfolioArrays, values: Mapping[str, float] | InsufficientHistory
) -> tuple[Metric, ...]:
    """The limited statistics."""
    limits = statistic_limits(policy)
    if isinstance(values, InsufficientHistory):
        return tuple(unknown(name, limits[name], values.cause) for name in STATISTICS)
    note = left_out(policy, arrays)
    return tuple(limited(name, values[name], limits[name], note) for name in STATISTICS)


def left_out(policy: Policy, arrays: PortfolioArrays) -> str | None:
    """What statistics over the managed names' own prices do not know: holdings that are not managed, and rates.

    No source has a history of exchange rates.
    """
    held = zip(arrays.instruments, arrays.weights.tolist(), strict=True)
    abroad = sorted({name.currency for name, weight in held if weight != 0} - {policy.currency})
    notes = []
    if arrays.unmanaged > 0:
        notes.append(f"covers {arrays.managed_exposure:.1%} of NAV; exposure of {arrays.unmanaged:.1%} is not managed")
    if abroad:
        notes.append(
            f"without the moves of {', '.join(abroad)} against {policy.currency}: no history of exchange rates"
        )
    return "; ".join(notes) or None


def shown(
    policy: Policy, arrays: PortfolioArrays, values: Mapping[str, float] | InsufficientHistory
) -> tuple[Metric, ...]:
    """The unlimited ones."""
    if isinstance(values, InsufficientHistory):
        return tuple(unknown(name, None, values.cause) for name in UNLIMITED)
    note = left_out(policy, arrays)
    return tuple(_shown(name, values[name], note) for name in UNLIMITED)


def winning_trades(memory: Memory) -> Metric:
    """Share of the closed trades with a profit after fees; those whose cost or fee is not known are left out."""
    known = [float(profit) for profit in memory.closed_trades if profit is not None]
    unclear = len(memory.closed_trades) - len(known)
    left_out = f"; {unclear} without a known cost or fee left out" if unclear else ""
    if not known:
        return unknown("winning_trades", None, f"no purchase on record was sold again{left_out}")
    share = float(metrics.win_rate(np.array([known]))[0])
    return Metric("winning_trades", share, None, Severity.LOW, note=f"of {len(known)} closed trades{left_out}")


def _shown(name: str, value: float, missing: str | None) -> Metric:
    if math.isnan(value):
        return unknown(name, None, UNLIMITED[name])
    own = NOTES.get(name)
    return Metric(name, value, None, Severity.LOW, note=f"{own}; {missing}" if own and missing else own or missing)


def cash_reserve(policy: Policy, portfolio: Portfolio, arrays: PortfolioArrays) -> Metric:
    """Trade-date cash less open buys; a negative balance in any currency is a breach of its own."""
    floor = policy.risk_limits.min_cash_reserve
    if unbounded_buys(portfolio):
        return unknown(
            "cash_reserve",
            floor,
            "nothing bounds what an open buy order costs, or it has no rate of exchange",
            floor=True,
        )
    negative = sorted(balance.currency for balance in portfolio.cash if balance.cash < 0)
    if negative:
        note = f"negative balance in {', '.join(negative)}"
        return Metric("cash_reserve", arrays.cash_weight, floor, Severity.CRITICAL, True, note)
    return limited("cash_reserve", arrays.cash_weight, floor, floor=True)


def daily_loss(policy: Policy, market: Market, navs: Sequence[NavPoint], now: NavPoint | None) -> Metric:
    """Loss from the previous session's close to `now`, 0 for a gain; a cash flow that `navs` knows of is neither.

    On the first day of an account without any earlier value it is counted from the first value of that day.
    """
    limit = policy.risk_limits.max_daily_loss
    today = market.session.date
    past = (p for p in reversed(navs) if p.session_date < today and p.kind in {NavKind.CLOSE, NavKind.BROKER})
    close = next(past, None)
    if navs and all(p.session_date == today for p in navs):
        close = navs[0]
    previous: date | None = max(previous_sessions(market), default=None)
    if close is None or (close.session_date < today and previous is not None and close.session_date != previous):
        return unknown("daily_loss", limit, "no value of the account at the previous session's close")
    if now is None or not close.index > 0:
        return unknown("daily_loss", limit, WORTHLESS)
    return limited("daily_loss", max(0.0, 1 - now.index / close.index), limit)


def fall(name: str, navs: Sequence[NavPoint], now: NavPoint | None, limit: float | None) -> Metric:
    """Of the time-weighted index from its peak, today's value included: `now`, as `value_now` tells it."""
    if not navs:
        return unknown(name, limit, "no history of the account's value")
    if now is None:
        return unknown(name, limit, WORTHLESS)
    if limit is None:
        return Metric(name, now.drawdown, None, Severity.LOW)
    return limited(name, now.drawdown, limit)


def value_now(portfolio: Portfolio, market: Market, navs: Sequence[NavPoint]) -> NavPoint | None:
    """The account's value now, on the index; None after a value from which no return can be told."""
    if not navs or not navs[-1].nav > 0:
        return None
    now = follow(navs[-1], market.session.date, NavKind.RUN, portfolio.nav)
    return now if math.isfinite(now.index) else None


def _ratio(size: float, limit: float) -> float:
    if limit > 0:
        return size / limit
    return math.inf if size > 0 else 0.0


def _largest(values: Sequence[float]) -> int:
    """The place of the first of the largest."""
    return max(range(len(values)), key=values.__getitem__)
