"""Kill levels as a day raises and lowers them by what it measured. What a person or an alarm set, a person lowers.

A loss beyond its limit leaves exits only. Of a day's loss that ends with the next session's first reading, of value at
risk with the first reading inside the limit. A fall caps what is bought instead: `app.risk.recovery`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.evaluation import Evaluation
from app.domain.ruling import Cause, KillLevel
from app.domain.tolerance import TOLERANCE

# What is lost in one session says nothing of the next.
OF_ONE_SESSION = "daily_loss"
# Breaches after which only exits go.
REDUCING_METRICS = (OF_ONE_SESSION, "var_95_1d")
# Worse by this share of its limit than a person saw it, and a metric raises the level again.
WORSE = 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """A level, and the metrics that raised it; without them it stays until a person lowers it."""

    level: KillLevel = KillLevel.ACTIVE
    causes: tuple[Cause, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether what is measured may raise or lower it."""
        return self.level is KillLevel.ACTIVE or (self.level is KillLevel.REDUCING and bool(self.causes))


def standing_after(
    standing: Standing, evaluation: Evaluation, today: date, acknowledged: Mapping[str, float]
) -> Standing:
    """The level that the day's orders are ruled under. `acknowledged`: metric → the value with which a person resumed.

    A cause that lasts stays as it was told first.
    """
    if not standing.moves:
        return standing
    held = tuple(cause for cause in standing.causes if _lasts(cause, evaluation, today))
    known = {cause.metric for cause in held}
    new = (_cause(name, evaluation, today, acknowledged) for name in REDUCING_METRICS if name not in known)
    causes = (*held, *(cause for cause in new if cause is not None))
    return Standing(KillLevel.REDUCING if causes else KillLevel.ACTIVE, causes)


def in_words(causes: Iterable[Cause]) -> str:
    """Why nothing but exits may go."""
    return "; ".join(map(str, causes))


def over_limit(evaluation: Evaluation) -> dict[str, float]:
    """Metric → value, of those that may raise the level and are over their limit."""
    found = (evaluation.metric(name) for name in REDUCING_METRICS)
    return {metric.name: metric.value for metric in found if metric.acts and metric.value is not None}


def _lasts(cause: Cause, evaluation: Evaluation, today: date) -> bool:
    """What cannot be measured is not known to be over."""
    metric = evaluation.metric(cause.metric)
    if metric.value is None:
        return True
    return today == cause.session_date if cause.metric == OF_ONE_SESSION else metric.acts


def _cause(name: str, evaluation: Evaluation, today: date, acknowledged: Mapping[str, float]) -> Cause | None:
    metric = evaluation.metric(name)
    if not metric.acts or metric.value is None or metric.limit is None:
        return None
    seen = acknowledged.get(name)
    if seen is not None and metric.value < seen + WORSE * metric.limit - TOLERANCE:
        return None
    return Cause(name, today, metric.value, metric.limit)
