"""What keeps an account from buying, and what lifts it, with dates."""

from datetime import date

import pytest

from app.desk.controls.holds import Outlook
from app.desk.records import Control, Measured
from app.domain.policy import RecoveryMode
from app.domain.recovery import Recovery
from app.domain.ruling import Cause, KillLevel
from app.engine.memory import EvaluationRecord, Resumed
from app.market.calendar import ExchangeCalendar
from tests.support.worlds import policy

FELL, TODAY = date(2026, 10, 1), date(2026, 10, 12)
ACTIVE = Control(KillLevel.ACTIVE, "nobody has set a level", "", None)
WAITING = Recovery(FELL, FELL, 0.16, left=0.4, gap=0.48)


def told(
    recovery: Recovery | None = None,
    control: Control = ACTIVE,
    resumed: Resumed | None = None,
    mode: RecoveryMode = RecoveryMode.STAGED,
    measured_on: date = TODAY,
) -> dict[str, list[dict[str, object]]]:
    record = EvaluationRecord({}, {}, None, recovery=recovery)
    outlook = Outlook(policy(recovery__mode=mode), ExchangeCalendar())
    return outlook.holds(control, Measured(measured_on, record, resumed))


def test_an_account_that_may_buy_is_held_down_by_nothing() -> None:
    assert told() == {"holds": [], "acknowledged": []}


def test_a_fall_says_its_cap_and_the_days_on_which_it_is_lifted() -> None:
    (hold,) = told(WAITING)["holds"]
    assert hold["allows"] == "purchases up to an exposure of 40.0%"
    assert hold["because"] == "a fall of 16.0%, acted upon on 2026-10-01"
    assert (hold["mark_earliest"], hold["mark_latest"]) == ("2026-10-30", "2026-12-31")
    assert hold["next_cap"] == pytest.approx(0.52)
    assert hold["lifts_by"] == "itself"
    assert "from 2026-10-30 at the earliest, if the trend is not bear, and from 2026-12-31" in str(hold["lifts"])


def test_on_the_way_back_the_next_step_and_the_end_have_their_days() -> None:
    back = Recovery(FELL, FELL, 0.16, left=0.4, gap=0.48, rebased=date(2026, 10, 30))
    (hold,) = told(back, measured_on=date(2026, 11, 2))["holds"]
    assert hold["cap"] == pytest.approx(0.52)
    assert hold["mark_rebased_on"] == "2026-10-30"
    assert (hold["next_step_on"], hold["ends_on"]) == ("2026-12-01", "2027-02-02")
    assert hold["lifts"] == "up to 64.0% from 2026-12-01; no bound from 2027-02-02"


def test_where_a_person_decides_nothing_is_bought_until_he_resumes() -> None:
    (hold,) = told(WAITING, mode=RecoveryMode.PERSON)["holds"]
    assert hold["allows"] == "purchases up to an exposure of 0.0%"
    assert hold["lifts_by"] == "person"
    assert "portfolio resume" in str(hold["lifts"])
    resumed = Resumed(date(2026, 10, 9), {})
    (after,) = told(WAITING, mode=RecoveryMode.PERSON, resumed=resumed)["holds"]
    assert after["lifts"] == "you resumed on 2026-10-09: the next run goes on"


def test_a_level_that_a_metric_raised_says_when_it_comes_down_and_one_by_a_person_who_lowers_it() -> None:
    cause = Cause("daily_loss", date(2026, 10, 9), 0.061, 0.05)
    raised = Control(KillLevel.REDUCING, str(cause), "automatic", None, (cause,))
    (hold,) = told(control=raised)["holds"]
    assert hold["allows"] == "exits only"
    assert hold["because"] == "daily_loss is 6.1%, limit 5.0% on 2026-10-09"
    assert hold["earliest"] == "2026-10-12"
    assert hold["lifts_by"] == "itself"
    (asked,) = told(control=Control(KillLevel.HALTED, "on holiday", "owner", None))["holds"]
    assert (asked["because"], asked["lifts_by"]) == ("owner: on holiday", "person")
