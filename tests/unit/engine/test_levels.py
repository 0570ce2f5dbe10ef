"""What makes a day let nothing but exits go: one case for each reason, and none without."""

from dataclasses import replace

import pytest

from app.domain.evaluation import Evaluation, Severity
from app.domain.ruling import KillLevel
from app.engine import level_after, reason_to_reduce
from tests.support.worlds import changed, evaluate, even, policy


def measured(name: str, severity: Severity, value: float | None = 0.061) -> Evaluation:
    """A calm day but for one metric."""
    calm = evaluate(policy(), even())
    other = replace(calm.metric(name), value=value, limit=0.05, severity=severity)
    return replace(calm, metrics=tuple(other if metric.name == name else metric for metric in calm.metrics))


@pytest.mark.parametrize("name", ["daily_loss", "drawdown", "var_95_1d"])
@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.CRITICAL])
def test_a_loss_over_its_limit_leaves_exits_only(name: str, severity: Severity) -> None:
    day = measured(name, severity)
    assert reason_to_reduce(policy(), day, 0) == f"{name} is 6.1%, limit 5.0%"
    assert level_after(policy(), KillLevel.ACTIVE, day, 0) is KillLevel.REDUCING


@pytest.mark.parametrize("name", ["max_position", "max_sector", "annual_volatility", "correlated_cluster", "exposure"])
def test_a_breach_that_selling_cures_does_not(name: str) -> None:
    assert level_after(policy(), KillLevel.ACTIVE, measured(name, Severity.CRITICAL), 0) is KillLevel.ACTIVE


@pytest.mark.parametrize("severity", [Severity.LOW, Severity.MEDIUM, Severity.UNKNOWN])
def test_a_loss_within_its_limit_or_unknown_does_not(severity: Severity) -> None:
    value = None if severity is Severity.UNKNOWN else 0.04
    day = measured("daily_loss", severity, value)
    assert level_after(policy(), KillLevel.ACTIVE, day, 0) is KillLevel.ACTIVE


@pytest.mark.parametrize(("runs", "level"), [(59, KillLevel.ACTIVE), (60, KillLevel.REDUCING)])
def test_so_many_runs_since_a_person_looked_leave_exits_only(runs: int, level: KillLevel) -> None:
    rules = changed(policy(), "approval.review_after_runs", 60)
    assert level_after(rules, KillLevel.ACTIVE, evaluate(rules, even()), runs) is level


@pytest.mark.parametrize("level", [KillLevel.REDUCING, KillLevel.HALTED])
def test_a_level_that_is_tighter_already_stays(level: KillLevel) -> None:
    assert level_after(policy(), level, measured("drawdown", Severity.CRITICAL), 99) is level
    assert level_after(policy(), level, evaluate(policy(), even()), 0) is level
