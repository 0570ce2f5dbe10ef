"""Which of some names are better, by the scores that a policy names."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np

from app.allocation.history import kept
from app.domain.market import Array, Market
from app.domain.policy import Score
from app.domain.totals import total_of

MONTH, YEAR = 21, 252
VOLATILITY_SESSIONS = 63
TREND_SESSIONS = 200


def scores(market: Market, conids: Sequence[int], wanted: Mapping[Score, float]) -> dict[int, float]:
    """Above 0, at most 1, higher is better: the mean of a name's ranks among those given, as `wanted` weights them.

    The last of n has rank 1/n, the first 1; equals share theirs. A negative weight turns its score around. A name
    without the closes for one of the scores has no entry and takes no rank.
    """
    weights = {score: weight for score, weight in sorted(wanted.items()) if weight != 0}
    measured = {score: kept(market, score, conids, _MEASURES[score]) for score in weights}
    known = [conid for conid in dict.fromkeys(conids) if all(conid in values for values in measured.values())]
    if not weights or not known:
        return {}
    ranks = {score: _ranks({conid: values[conid] for conid in known}) for score, values in measured.items()}
    whole, least = total_of(map(abs, weights.values())), 1 / len(known)
    return {
        conid: total_of(
            abs(weight) * (ranks[score][conid] if weight > 0 else 1 + least - ranks[score][conid])
            for score, weight in weights.items()
        )
        / whole
        for conid in known
    }


def _ranks(values: Mapping[int, float]) -> dict[int, float]:
    found: dict[int, float] = {}
    for _, equals in groupby(sorted(values, key=values.__getitem__), key=values.__getitem__):
        same = list(equals)
        found |= dict.fromkeys(same, (len(found) + (len(same) + 1) / 2) / len(values))
    return found


def _momentum(closes: Array) -> float | None:
    return float(closes[-1 - MONTH] / closes[-1 - MONTH - YEAR] - 1) if len(closes) > MONTH + YEAR else None


def volatility(closes: Array) -> float | None:
    """Daily, of the last 63 returns; None without them."""
    recent = closes[-VOLATILITY_SESSIONS - 1 :]
    return float(np.std(recent[1:] / recent[:-1], ddof=1)) if len(recent) > VOLATILITY_SESSIONS else None


def _calm(closes: Array) -> float | None:
    found = volatility(closes)
    return None if found is None else -found


def _trend(closes: Array) -> float | None:
    return float(closes[-1] / closes[-TREND_SESSIONS:].mean()) if len(closes) >= TREND_SESSIONS else None


def _near_high(closes: Array) -> float | None:
    return float(closes[-1] / closes[-YEAR:].max()) if len(closes) >= YEAR else None


_MEASURES: Mapping[Score, Callable[[Array], float | None]] = {
    Score.MOMENTUM_12_1: _momentum,
    Score.LOW_VOLATILITY: _calm,
    Score.TREND: _trend,
    Score.NEAR_HIGH: _near_high,
}
