"""Breaches from before an account was taken over: shown, worked off, and acted upon only where they get worse.

What was over its limit on the first day stays inherited for as long as the weeks of the adoption, also where it comes
back inside and leaves again; after them until it is inside for the first time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from app.domain.adoption import WEEK, mode_of
from app.domain.evaluation import Metric, Severity, position_key, sector_key
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode, Policy
from app.domain.tolerance import TOLERANCE
from app.domain.universe import group_limit, position_limit
from app.risk.arrays import PortfolioArrays

# Of these one value is measured for the whole account; positions and sectors are inherited one by one.
WHOLE = ("annual_volatility", "var_95_1d", "correlated_cluster", "cash_reserve", "exposure")
# Worse by this share of its limit, and an inherited breach is one of today.
WORSE = 0.1


class Share(NamedTuple):
    """The weight of one name or sector beside its own limit; its breach is kept under `key`."""

    key: str
    label: str
    size: float
    limit: float


def positions(policy: Policy, arrays: PortfolioArrays) -> list[Share]:
    """Every name's, with what of it is not managed."""
    return [
        Share(position_key(one.conid), one.symbol, size, position_limit(policy, one.symbol))
        for one, size in zip(arrays.instruments, arrays.sizes.tolist(), strict=True)
    ]


def known_sectors(policy: Policy, arrays: PortfolioArrays, weights: Sequence[float]) -> list[Share]:
    """Every sector's but that of names whose sector nobody knows; `weights` as `arrays.sectors`."""
    return [
        Share(sector_key(name), name, weight, group_limit(policy, name, arrays.funds))
        for name, weight in zip(arrays.sectors, weights, strict=True)
        if name != UNKNOWN_SECTOR
    ]


class Over:
    """By how much each measurement is over its limit; of what is inside nothing."""

    def __init__(
        self, policy: Policy, arrays: PortfolioArrays, sectors: Sequence[float], measured: Sequence[Metric]
    ) -> None:
        self._limits: dict[str, float] = {}
        self.excess: dict[str, float] = {}
        shares = (*positions(policy, arrays), *known_sectors(policy, arrays, sectors))
        for key, value, limit in (*((one.key, one.size, one.limit) for one in shares), *_whole(measured)):
            self._limits[key] = limit
            if value - limit > TOLERANCE:
                self.excess[key] = value - limit

    def inherited(self, policy: Policy, memory: Memory) -> dict[str, float]:
        """What of it, or what was and may return, is from before the adoption: how far it was over then.

        After the weeks it counts as far as it was ever worked off.
        """
        if memory.adoption is None or mode_of(policy, memory.adoption) is AdoptionMode.NOW:
            return {}
        if memory.adopted == 0:
            return dict(self.excess)
        before = memory.inherited or {}
        if memory.adopted < WEEK * policy.adoption.weeks:
            return dict(before)
        return {key: min(then, self.excess[key]) for key, then in before.items() if key in self.excess}

    def spared(self, inherited: Mapping[str, float]) -> frozenset[str]:
        """The inherited breaches that nothing is done about of its own accord."""
        return frozenset(
            key
            for key, then in inherited.items()
            if self.excess.get(key, 0.0) <= then + WORSE * abs(self._limits.get(key, 0.0)) + TOLERANCE
        )


def _whole(measured: Sequence[Metric]) -> Iterator[tuple[str, float, float]]:
    """(name, value, limit) of what is measured for the whole account, a floor turned round."""
    for metric in measured:
        if metric.name in WHOLE and metric.value is not None and metric.limit is not None:
            sign = -1.0 if metric.floor else 1.0
            yield metric.name, sign * metric.value, sign * metric.limit


def acting(metric: Metric, spared: frozenset[str], others: Metric | None = None) -> Metric:
    """The metric as it is acted upon; `others`: the same of those positions or sectors whose breach is not spared."""
    if not metric.breached:
        return metric
    if others is not None:
        return replace(metric, acts_as=others.severity if others.breached else Severity.MEDIUM)
    return replace(metric, acts_as=Severity.MEDIUM) if metric.name in spared else metric
