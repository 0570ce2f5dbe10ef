"""Shares that an optimiser works out of how names move together: skfolio's, of the extra `optimise`.

Of the 252 sessions up to the end of the last month, so that targets wander once a month and not every day.
"""

import warnings
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from app.allocation.history import closes_of, newest
from app.domain.errors import DataError
from app.domain.market import Array, Market
from app.domain.policy import Policy, Weighting
from app.domain.totals import total_of

SESSIONS = 252
NEEDS = frozenset({Weighting.MIN_VARIANCE, Weighting.RISK_PARITY, Weighting.HRP})
# skfolio itself may be there for its price history alone: what it computes with is what counts.
_MODULES = ("skfolio", "cvxpy", "clarabel", "sklearn", "scipy", "plotly")
REMEDY = "install the optional extra: pip install 'portfolio-manager[optimise]', or uv sync --extra optimise"
# Bounds that follow from an account's value move a little every day; the same problem is not solved again for that.
_STEP = 0.01
_DIGITS = 4


def missing(policy: Policy) -> tuple[str, ...]:
    """What the policy's weighting needs and this installation has not."""
    if policy.allocation.weighting not in NEEDS:
        return ()
    return tuple(name for name in _MODULES if find_spec(name) is None)


def optimised(
    weighting: Weighting, market: Market, conids: Sequence[int], most: Mapping[int, float]
) -> dict[int, float] | None:
    """By conid, 1 in all, of names with the history, none above its `most`; None where the optimiser finds nothing.

    Raises: DataError without the extra.
    """
    known = _windows(market, conids)
    bounds = tuple(_bound(most.get(conid, 1.0)) for conid in known)
    whole = total_of(bounds)
    if whole <= 1:
        # Each gets as much as it may.
        return {conid: bound / whole for conid, bound in zip(known, bounds, strict=True)} if whole > 0 else {}
    if len(known) == 1:
        return dict.fromkeys(known, 1.0)
    found = _solved(weighting, bounds, np.array(list(known.values())).tobytes())
    return None if found is None else dict(zip(known, found, strict=True))


def _bound(most: float) -> float:
    return min(1.0, int(most / _STEP + 1e-9) * _STEP)


def _windows(market: Market, conids: Sequence[int]) -> dict[int, Array]:
    """253 closes of each up to the end of the month before the newest close's, of those that have them together."""
    same: defaultdict[tuple[date, ...], dict[int, Array]] = defaultdict(dict)
    for conid in sorted(conids):
        closes = closes_of(market, conid)
        dates = market.history[conid].dates if len(closes) else ()
        end = bisect_left(dates, newest(market).replace(day=1))
        if end > SESSIONS:
            rows = slice(end - SESSIONS - 1, end)
            same[dates[rows]][conid] = closes[rows]
    return max(same.values(), key=len, default={})


@lru_cache(maxsize=128)
def _solved(weighting: Weighting, bounds: tuple[float, ...], closes: bytes) -> tuple[float, ...] | None:
    """Kept, for accounts and days share what they ask. Shape of `closes`: [N, 253] float64, N of `bounds`."""
    prices = np.frombuffer(closes).reshape(len(bounds), -1)
    with warnings.catch_warnings():
        # That a solution is inexact is told by its weights, which are looked at.
        warnings.simplefilter("ignore")
        weights = _weights(weighting, (prices[:, 1:] / prices[:, :-1] - 1).T, np.array(bounds))
    if weights is None or not np.isfinite(weights).all() or abs(weights.sum() - 1) > _STEP:
        return None
    # The last digits depend on the processor.
    rounded = np.round(np.clip(weights, 0, None), _DIGITS)
    return tuple((rounded / rounded.sum()).tolist())


def _weights(weighting: Weighting, returns: Array, bounds: Array) -> Array | None:
    """None where the solver fails. Shape: returns [T, N], bounds [N] → [N]."""
    try:
        from skfolio import RiskMeasure
        from skfolio.moments import LedoitWolf
        from skfolio.optimization import HierarchicalRiskParity, MeanRisk, RiskBudgeting
        from skfolio.prior import EmpiricalPrior
    except ImportError as error:
        raise DataError(f"{weighting} cannot be worked out here: {REMEDY} ({error})") from error
    kind: Any = {
        Weighting.MIN_VARIANCE: MeanRisk,
        Weighting.RISK_PARITY: RiskBudgeting,
        Weighting.HRP: HierarchicalRiskParity,
    }[weighting]
    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    model = kind(risk_measure=RiskMeasure.VARIANCE, prior_estimator=prior, max_weights=bounds, raise_on_failure=False)
    found: Array | None = model.fit(returns).weights_
    return found
