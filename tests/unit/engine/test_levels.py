"""What makes a day let nothing but exits go, what lets purchases go again, and what only a person changes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.evaluation import Evaluation, Severity
from app.domain.ruling import Cause, KillLevel
from app.engine import Standing, standing_after
from app.engine.levels import in_words
from app.engine.memory import EvaluationRecord, Resumed, evaluation_record, memory_of
from tests.support.worlds import evaluate, even, policy

TODAY = date(2024, 5, 14)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
LIMIT = 0.05
OVER, CALM = 0.061, 0.02
CALM_DAY = evaluate(policy(), even())
LOST, RISKY = (Cause(name, YESTERDAY, 0.07, LIMIT) for name in ("daily_loss", "var_95_1d"))


def measured(**values: float | None) -> Evaluation:
    """A calm day but for these; None could not be measured."""

    def severity(value: float | None) -> Severity:
        return Severity.UNKNOWN if value is None else Severity.HIGH if value > LIMIT else Severity.LOW

    return replace(
        CALM_DAY,
        metrics=tuple(
            replace(one, value=values[one.name], limit=LIMIT, severity=severity(values[one.name]))
            if one.name in values
            else replace(one, severity=Severity.LOW)
            for one in CALM_DAY.metrics
        ),
    )


def new(name: str, value: float = OVER) -> Cause:
    return Cause(name, TODAY, value, LIMIT)


@pytest.mark.parametrize("name", ["daily_loss", "var_95_1d"])
@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.CRITICAL])
def test_a_loss_over_its_limit_leaves_exits_only(name: str, severity: Severity) -> None:
    day = measured(**{name: OVER})
    day = replace(
        day, metrics=tuple(replace(one, severity=severity) if one.name == name else one for one in day.metrics)
    )
    found = standing_after(Standing(), day, TODAY, {})
    assert found == Standing(KillLevel.REDUCING, (new(name),))
    assert in_words(found.causes) == f"{name} is 6.1%, limit 5.0%"


@pytest.mark.parametrize(
    "name", ["drawdown", "max_position", "max_sector", "annual_volatility", "correlated_cluster", "exposure"]
)
def test_a_breach_that_selling_or_waiting_cures_does_not(name: str) -> None:
    assert standing_after(Standing(), measured(**{name: OVER}), TODAY, {}) == Standing()


@pytest.mark.parametrize(
    ("causes", "loss", "risk", "left"),
    [
        # Nothing is over.
        ((LOST,), CALM, CALM, ()),
        ((RISKY,), CALM, CALM, ()),
        ((LOST, RISKY), CALM, CALM, ()),
        # What lasts stays as it was told, and a session's loss is another's no more.
        ((RISKY,), CALM, OVER, (RISKY,)),
        ((LOST,), OVER, CALM, (new("daily_loss"),)),
        ((LOST, RISKY), CALM, OVER, (RISKY,)),
        # Another takes over.
        ((LOST,), CALM, OVER, (new("var_95_1d"),)),
        ((RISKY,), OVER, CALM, (new("daily_loss"),)),
        ((RISKY,), OVER, OVER, (RISKY, new("daily_loss"))),
        # What is not known is not known to be inside.
        ((LOST,), None, CALM, (LOST,)),
        ((RISKY,), CALM, None, (RISKY,)),
        # And raises nothing by itself.
        ((), None, None, ()),
        ((), CALM, OVER, (new("var_95_1d"),)),
        ((), OVER, OVER, (new("daily_loss"), new("var_95_1d"))),
        # A loss of this session stays for all of it, whatever is made good.
        ((new("daily_loss"),), CALM, CALM, (new("daily_loss"),)),
        ((new("var_95_1d"),), CALM, CALM, ()),
    ],
)
def test_a_level_that_metrics_raised_follows_them(
    causes: tuple[Cause, ...], loss: float | None, risk: float | None, left: tuple[Cause, ...]
) -> None:
    before = Standing(KillLevel.REDUCING if causes else KillLevel.ACTIVE, causes)
    after = standing_after(before, measured(daily_loss=loss, var_95_1d=risk, drawdown=OVER), TODAY, {})
    assert after == Standing(KillLevel.REDUCING if left else KillLevel.ACTIVE, left)


@pytest.mark.parametrize("level", [KillLevel.REDUCING, KillLevel.HALTED])
@pytest.mark.parametrize("value", [CALM, OVER, None])
def test_a_level_that_no_metric_raised_stays(level: KillLevel, value: float | None) -> None:
    before = Standing(level)
    assert standing_after(before, measured(daily_loss=value, var_95_1d=value), TODAY, {}) is before


@pytest.mark.parametrize("name", ["daily_loss", "var_95_1d"])
@pytest.mark.parametrize(
    ("value", "raised"), [(0.061, False), (0.0649, False), (0.065, True), (0.08, True), (0.051, False)]
)
def test_what_a_person_saw_raises_the_level_only_where_it_is_worse_by_a_tenth_of_its_limit(
    name: str, value: float, raised: bool
) -> None:
    found = standing_after(Standing(), measured(**{name: value}), TODAY, {name: 0.06})
    assert (found.level is KillLevel.REDUCING) is raised
    other = {"var_95_1d": 0.06, "daily_loss": 0.06}
    del other[name]
    assert standing_after(Standing(), measured(**{name: value}), TODAY, other).level is KillLevel.REDUCING


def before(severity: Severity) -> EvaluationRecord:
    return EvaluationRecord({"var_95_1d": severity.value, "daily_loss": severity.value}, {}, None)


@pytest.mark.parametrize(
    ("sessions", "earlier", "counts"),
    [
        (0, None, {"daily_loss", "var_95_1d"}),
        (0, Severity.LOW, {"daily_loss", "var_95_1d"}),
        (1, Severity.HIGH, {"var_95_1d"}),
        (9, Severity.CRITICAL, {"var_95_1d"}),
        (9, Severity.UNKNOWN, {"var_95_1d"}),
        (2, Severity.MEDIUM, set()),
        (2, Severity.LOW, set()),
        (1, None, set()),
    ],
)
def test_what_was_seen_counts_until_it_is_inside_and_a_sessions_loss_in_that_session(
    sessions: int, earlier: Severity | None, counts: set[str]
) -> None:
    resumed = Resumed(YESTERDAY, {"daily_loss": 0.06, "var_95_1d": 0.07})
    found = memory_of({}, before(earlier) if earlier else None, lambda _: sessions, resumed=resumed)
    assert found.resumed == YESTERDAY
    assert set(found.acknowledged) == counts
    assert all(resumed.over[name] == value for name, value in found.acknowledged.items())


def test_what_is_kept_of_a_day_names_what_was_over() -> None:
    assert evaluation_record(measured(daily_loss=OVER, var_95_1d=CALM, drawdown=OVER)).over == {"daily_loss": OVER}
    assert evaluation_record(measured(daily_loss=None, var_95_1d=CALM)).over is None
