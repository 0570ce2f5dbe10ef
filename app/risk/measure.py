"""A portfolio measured against a policy: every metric with its limit, exits due, drift and exposure caps.

Must never fill a gap: what cannot be computed is UNKNOWN and says why.
"""

from dataclasses import replace

import numpy as np

from app.domain.evaluation import Evaluation, Metric, Severity
from app.domain.universe import blocked, eligible
from app.risk import limits
from app.risk.drift import drifts
from app.risk.exits import Holdings, exits_due
from app.risk.today import Today


def measure(today: Today) -> Evaluation:
    """Raises: DataError for a NAV that is not above zero, or returns that are not finite."""
    policy, market, found = today.policy, today.market, today.before
    buyable = eligible(policy, market)
    return replace(
        found,
        metrics=(*found.metrics, *today.unlimited, limits.winning_trades(today.memory), _vix(found.vix)),
        exits_due=exits_due(_holdings(today)),
        drifts=drifts(policy, market, today.arrays, buyable, found.max_exposure),
        eligible=buyable,
    )


def _vix(value: float | None) -> Metric:
    if value is None:
        return limits.unknown("vix", None, "no reading of the last three sessions")
    return Metric("vix", value, None, Severity.LOW)


def _holdings(today: Today) -> Holdings:
    positions = [today.portfolio.position(instrument.conid) for instrument in today.arrays.instruments]
    gains = [None if p is None else p.unrealized_return for p in positions]
    whole = np.array([p is not None and p.quantity >= 1 for p in positions], dtype=bool)
    tradable = np.array([blocked(today.policy, today.market, i) is None for i in today.arrays.instruments], dtype=bool)
    return Holdings(
        policy=today.policy,
        arrays=today.arrays,
        panel=today.panel,
        measured={metric.name: metric for metric in today.limited},
        memory=today.memory,
        gains=np.array([np.nan if gain is None else gain for gain in gains], dtype=np.float64),
        whole=whole,
        free=whole & tradable,
    )
