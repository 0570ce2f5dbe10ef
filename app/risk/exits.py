"""Sales that are due whatever else is decided: stop loss, drawdown, limit breach, take profit, in that order.

Each rule sees what the rules before it leave. A name that must not be ordered is listed where its own price triggers,
and never scaled: the others carry the reduction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.errors import InsufficientHistory
from app.domain.evaluation import ExitDue, ExitRule, Metric, Severity, position_key, sector_key
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.market import Array, Market
from app.domain.plan import Memory
from app.domain.policy import DrawdownAction, Policy
from app.domain.price_levels import loss_level
from app.domain.tolerance import TOLERANCE
from app.domain.universe import position_limit
from app.risk import metrics
from app.risk.arrays import Panel, PortfolioArrays
from app.risk.clusters import Mask
from app.risk.limits import STATISTICS
from app.risk.recovery import acts

# A mandatory reduction ends a little inside the limit, or it would be due again tomorrow.
INSIDE = 0.95
SCALES = 201


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the exit rules look at. Shape: `gains` [N] price-only return since adoption or purchase, NaN without a cost.

    `whole`: one share or more, held long. `free`: whole, and may be ordered today. `spared`: inherited breaches that
    nothing is done about.
    """

    policy: Policy
    arrays: PortfolioArrays
    panel: Panel | InsufficientHistory
    measured: dict[str, Metric]
    memory: Memory
    gains: Array
    whole: Mask
    free: Mask
    market: Market
    spared: frozenset[str] = frozenset()
    inherited: Mapping[str, float] = field(default_factory=dict)

    def goal(self, key: str, limit: float) -> float:
        """What a breach is brought down to: a little inside its limit, or to what it was when it was taken over."""
        return max(INSIDE * limit, limit + self.inherited[key]) if key in self.inherited else INSIDE * limit

    def due(
        self, rule: ExitRule, column: int, sold: float, value: float, threshold: float, metric: str | None = None
    ) -> ExitDue:
        """One exit of the name in that column."""
        name = self.arrays.instruments[column]
        return ExitDue(rule, name.conid, name.symbol, min(1.0, sold), value, threshold, metric)


Found = tuple[list[ExitDue], Array]


def exits_due(holdings: Holdings) -> tuple[ExitDue, ...]:
    """All exits, by precedence."""
    kept = np.ones(len(holdings.gains))
    found: list[ExitDue] = []
    for rule in (_stop_losses, _drawdown, _limit_breaches):
        due, kept = rule(holdings, kept)
        found += due
    return (*found, *_take_profits(holdings))


def _stop_losses(holdings: Holdings, kept: Array) -> Found:
    exits, found = holdings.policy.exits, []
    hit = holdings.whole & (holdings.gains <= TOLERANCE - exits.stop_loss)
    for column in hit.nonzero()[0].tolist():
        conid, gain = holdings.arrays.instruments[column].conid, float(holdings.gains[column])
        level = -loss_level(holdings.market, conid, exits.stop_loss, exits.volatility_multiple)
        hit[column] = gain <= level + TOLERANCE
        if hit[column]:
            found.append(holdings.due(ExitRule.STOP_LOSS, column, 1.0, gain, level))
    return found, np.where(hit & holdings.free, 0.0, kept) if found else kept


def _drawdown(holdings: Holdings, kept: Array) -> Found:
    value, limit = holdings.measured["drawdown"].value, holdings.policy.risk_limits.max_drawdown
    exits = holdings.policy.exits
    if value is None or not acts(holdings.policy, holdings.memory, value):
        return [], kept
    if exits.drawdown_action is DrawdownAction.CUT_LOSERS:
        after = np.where(holdings.free & (holdings.gains < 0), 0.0, kept)
    elif exits.drawdown_action is DrawdownAction.REDUCE:
        after = _scaled_to(holdings, kept, holdings.free, exits.drawdown_exposure, _exposure)
    else:
        return [], kept
    return _sold(holdings, kept, after, ExitRule.DRAWDOWN, value, limit, "drawdown"), after


def _limit_breaches(holdings: Holdings, kept: Array) -> Found:
    found: list[ExitDue] = []
    for name, reduce in _REDUCTIONS.items():
        metric = holdings.measured[name]
        if metric.value is None or metric.limit is None or not _reduces(metric, holdings.memory):
            continue
        after = reduce(holdings, kept)
        found += _sold(holdings, kept, after, ExitRule.LIMIT_BREACH, metric.value, metric.limit, name)
        kept = after
    return found, kept


def _reduces(metric: Metric, memory: Memory) -> bool:
    """CRITICAL, or HIGH for the second session, which a statistic is not sold for.

    CRITICAL yesterday was acted upon: today's HIGH is a first one. A cap that the market lowers is first left to a
    rebalance, which sells what was held for long: what is CRITICAL still for a second session goes in any case.
    """
    if metric.name == "exposure":
        before = (memory.previous_severities or {}).get(metric.name)
        return metric.acting is Severity.CRITICAL and before in {Severity.HIGH, Severity.CRITICAL}
    if metric.acting is Severity.CRITICAL:
        return True
    if metric.name in STATISTICS:
        return False
    before = (memory.previous_severities or {}).get(metric.name)
    return metric.acting is Severity.HIGH and before == Severity.HIGH


def _positions(holdings: Holdings, kept: Array) -> Array:
    allowed = np.array([position_limit(holdings.policy, i.symbol) for i in holdings.arrays.instruments])
    sizes = np.abs(holdings.arrays.weights) * kept
    over = holdings.free & ~(sizes <= allowed + TOLERANCE)
    if holdings.spared:
        over &= [position_key(i.conid) not in holdings.spared for i in holdings.arrays.instruments]
    goals = INSIDE * allowed
    if holdings.inherited:
        keys = map(position_key, (i.conid for i in holdings.arrays.instruments))
        goals = np.array([holdings.goal(key, limit) for key, limit in zip(keys, allowed.tolist(), strict=True)])
    return np.where(over, np.minimum(kept, kept * goals / np.where(sizes > 0, sizes, 1.0)), kept)


def _sectors(holdings: Holdings, kept: Array) -> Array:
    groups = [(row > 0).nonzero()[0].tolist() for row in holdings.arrays.membership]
    limit, beside = holdings.policy.risk_limits.max_sector, {UNKNOWN_SECTOR, *holdings.arrays.funds}
    for sector, group in zip(holdings.arrays.sectors, groups, strict=True):
        if sector not in beside and sector_key(sector) not in holdings.spared:
            kept = _group_to(holdings, kept, group, limit, holdings.goal(sector_key(sector), limit))
    return kept


def _clusters(holdings: Holdings, kept: Array) -> Array:
    if isinstance(holdings.panel, InsufficientHistory):
        return kept
    limits = holdings.policy.risk_limits
    held = (np.abs(holdings.arrays.weights) * kept > 0).nonzero()[0].tolist()
    for group in holdings.panel.groups(held, limits.correlation):
        goal = holdings.goal("correlated_cluster", limits.max_correlated)
        kept = _group_to(holdings, kept, list(group), limits.max_correlated, goal)
    return kept


def _group_to(holdings: Holdings, kept: Array, group: list[int], limit: float, goal: float) -> Array:
    """Sell a group of names pro rata to its goal, if it is above its limit."""
    inside = np.zeros(len(kept), dtype=bool)
    inside[group] = True
    if _exposure(holdings, (kept * inside)[None, :])[0] <= limit + TOLERANCE:
        return kept
    scaled = _scaled_to(holdings, kept * inside, holdings.free & inside, goal, _exposure)
    return np.where(inside, scaled, kept)


def _statistic(name: str, of: Callable[[Array], Array]) -> Callable[[Holdings, Array], Array]:
    def values(holdings: Holdings, kept: Array) -> Array:
        if isinstance(holdings.panel, InsufficientHistory):
            raise holdings.panel
        return of(metrics.portfolio_returns(holdings.arrays.weights * kept, holdings.panel.returns))

    def reduce(holdings: Holdings, kept: Array) -> Array:
        limit = holdings.measured[name].limit
        if limit is None or values(holdings, kept[None, :])[0] <= limit + TOLERANCE:
            return kept
        return _scaled_to(holdings, kept, holdings.free, holdings.goal(name, limit), values)

    return reduce


def _cash(holdings: Holdings, kept: Array) -> Array:
    """Sell pro rata until the reserve is restored a little above its floor."""
    sold = _exposure(holdings, (1 - kept)[None, :])[0]
    floor = holdings.policy.risk_limits.min_cash_reserve
    goal = floor - holdings.inherited["cash_reserve"] if "cash_reserve" in holdings.inherited else floor / INSIDE
    missing = goal - holdings.arrays.cash_weight - sold
    if missing <= 0:
        return kept
    target = max(0.0, float(_exposure(holdings, kept[None, :])[0]) - missing)
    return _scaled_to(holdings, kept, holdings.free, target, _exposure)


def _over_cap(holdings: Holdings, kept: Array) -> Array:
    """What is not managed counts, and only what is managed is sold."""
    cap, beside = holdings.measured["exposure"].limit, holdings.arrays.unmanaged
    if cap is None or _exposure(holdings, kept[None, :])[0] + beside <= cap + TOLERANCE:
        return kept
    goal = max(0.0, holdings.goal("exposure", cap) - beside)
    return _scaled_to(holdings, kept, holdings.free, goal, _exposure)


_REDUCTIONS: dict[str, Callable[[Holdings, Array], Array]] = {
    "max_position": _positions,
    "max_sector": _sectors,
    "annual_volatility": _statistic("annual_volatility", metrics.recent_volatility),
    "var_95_1d": _statistic("var_95_1d", metrics.ewma_var),
    "correlated_cluster": _clusters,
    "cash_reserve": _cash,
    "exposure": _over_cap,
}


def _exposure(holdings: Holdings, kept: Array) -> Array:
    """Invested share. Shape: kept [K, N] → [K]."""
    result: Array = (np.abs(holdings.arrays.weights) * kept).sum(axis=1)
    return result


def _scaled_to(
    holdings: Holdings, kept: Array, free: Mask, target: float, measure: Callable[[Holdings, Array], Array]
) -> Array:
    """Scale the free names so that `measure` comes to `target`; the rest stays, and with it what it measures."""
    now = float(measure(holdings, kept[None, :])[0])
    if now <= target + TOLERANCE:
        return kept
    if not (np.abs(holdings.arrays.weights) * kept)[~free].any():
        # Every measure used here is proportional to the size of the whole.
        return kept * (target / now)
    scales = np.linspace(1, 0, SCALES)
    candidates = np.where(free, kept * scales[:, None], kept)
    passing = np.flatnonzero(measure(holdings, candidates) <= target + TOLERANCE)
    result: Array = candidates[passing[0] if len(passing) else -1]
    return result


def _sold(
    holdings: Holdings, before: Array, after: Array, rule: ExitRule, value: float, limit: float, metric: str
) -> list[ExitDue]:
    columns = ((after < before - TOLERANCE) & holdings.whole).nonzero()[0].tolist()
    return [holdings.due(rule, c, float(1 - after[c]), value, limit, metric) for c in columns]


def _take_profits(holdings: Holdings) -> list[ExitDue]:
    """Level n is at n times the threshold; each level sells once."""
    exits = holdings.policy.exits
    if not exits.takes_profit:
        return []
    found: list[ExitDue] = []
    # No level is below the first.
    perhaps = holdings.whole & (holdings.gains >= exits.take_profit - TOLERANCE)
    for column in perhaps.nonzero()[0].tolist():
        conid = holdings.arrays.instruments[column].conid
        level = (holdings.memory.profit_levels_taken.get(conid, 0) + 1) * exits.take_profit
        gain = float(holdings.gains[column])
        if gain >= level - TOLERANCE:
            found.append(holdings.due(ExitRule.TAKE_PROFIT, column, exits.take_profit_sell, gain, level))
    return found
