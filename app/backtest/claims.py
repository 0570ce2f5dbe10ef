"""Figures that were promised of such a program, held against what a replay shows, whatever that is."""

from collections.abc import Mapping

import numpy as np

from app.backtest.result import Estimate
from app.backtest.statistics.bootstrap import Sampled
from app.backtest.statistics.periods import Period
from app.domain.market import Array

DRAWDOWN_CUT, FALSE_POSITIVES_CUT = 0.3, 0.2


def claims_of(
    own: Sampled, others: Mapping[str, tuple[Sampled, tuple[Period, ...]]], periods: tuple[Period, ...]
) -> dict[str, dict[str, object]]:
    """`others`: name → the way that the policy is held against, and how that did in the same worst times."""
    return {
        "drawdown_30_percent_less": {
            "claim": f"{DRAWDOWN_CUT:.0%} less drawdown",
            "against": {name: _drawdown(own, other, periods, its) for name, (other, its) in others.items()},
        },
        "sentiment_20_percent_fewer_false_positives": {
            "claim": f"sentiment reduces false positives by {FALSE_POSITIVES_CUT:.0%}",
            "verdict": "not shown here",
            "said": "not shown here: the history has no sentiment, so that nothing was decided by any",
        },
    }


def _drawdown(own: Sampled, other: Sampled, periods: tuple[Period, ...], its: tuple[Period, ...]) -> dict[str, object]:
    cut = own.compared(other, "max_drawdown", _less)
    wealth = own.compared(other, "total_return", _wealth)
    return {
        "less": cut,
        "difference": own.compared(other, "max_drawdown", np.subtract),
        "wealth_given_up": wealth,
        "cagr": own.compared(other, "cagr", np.subtract),
        "worst_period": _worst(periods, its),
        "verdict": verdict(cut),
        "said": _said(cut, wealth),
    }


def verdict(cut: Estimate) -> str:
    """Of the claim: the interval decides, and where it holds both it is open."""
    if cut.value is None or cut.low is None or cut.high is None:
        return "cannot be told"
    if cut.low >= DRAWDOWN_CUT:
        return "shown"
    if cut.high < DRAWDOWN_CUT:
        return "refuted here"
    return "not told apart" if cut.low <= 0 else "less, but not surely so much"


def _said(cut: Estimate, wealth: Estimate) -> str:
    if cut.value is None:
        return "there was no drawdown to lessen"
    less = "less" if cut.value >= 0 else "more"
    sure = "" if cut.low is None else f" (95 % interval {cut.low:+.0%} to {cut.high:+.0%} less)"
    if wealth.value is None:
        return f"{abs(cut.value):.0%} {less} drawdown{sure}"
    gave = "given up" if wealth.value > 0 else "gained"
    return f"{abs(cut.value):.0%} {less} drawdown{sure}, {abs(wealth.value):.0%} of the final wealth {gave} for it"


def _worst(periods: tuple[Period, ...], its: tuple[Period, ...]) -> dict[str, object] | None:
    """The period in which the policy lost most, with what the other lost in it."""
    if not periods:
        return None
    own, other = min(zip(periods, its, strict=True), key=lambda pair: pair[0].total_return)
    return {
        "name": own.name,
        "first": own.first.isoformat(),
        "last": own.last.isoformat(),
        "policy": own.total_return,
        "benchmark": other.total_return,
    }


def _less(own: Array, its: Array) -> Array:
    """How much smaller, as a share of the other's; NaN where that is none."""
    return 1 - np.divide(own, its, out=np.full_like(its, np.nan), where=its > 0)


def _wealth(own: Array, its: Array) -> Array:
    """What the final value falls short of the other's, as a share of that; negative where it is more."""
    result: Array = 1 - (1 + own) / (1 + its)
    return result
