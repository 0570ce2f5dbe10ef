"""The days of a desk that trades at the simulator's closes, and the same days in a replay: the same to the cent."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.backtest.assumptions import Resume
from app.backtest.replay import replay
from app.domain.policy import Policy
from app.domain.ruling import KillLevel
from app.settings import load_policy, shipped_policy
from tests.contract.driving import AS_THE_DESK, Day, driven, replayed_days
from tests.support.kept_days import POLICIES

# Two crashes, and a year of purchases.
WINDOWS = ((date(2008, 9, 2), 90), (date(2020, 1, 27), 90), (date(2016, 1, 4), 70))


@pytest.mark.real_prices
@pytest.mark.parametrize(
    ("policy", "first", "sessions", "resume"),
    [
        ("default_policy", date(2008, 10, 6), 4, Resume.AT_ONCE),
        ("aggressive_policy", date(2020, 3, 5), 3, Resume.NEVER),
        *(
            pytest.param(policy, first, sessions, Resume.AT_ONCE, marks=pytest.mark.long)
            for first, sessions in WINDOWS
            for policy in POLICIES
        ),
        pytest.param("aggressive_policy", date(2020, 1, 27), 60, Resume.NEVER, marks=pytest.mark.long),
    ],
)
async def test_a_replay_decides_and_holds_what_the_desk_does(
    policy: str, first: date, sessions: int, resume: Resume, tmp_path: Path
) -> None:
    lived, replayed, _ = await both(shipped(policy), first, sessions, resume, tmp_path)
    assert replayed == lived
    assert any(day.trades for day in lived)


@pytest.mark.real_prices
async def test_a_level_that_a_days_loss_raised_comes_down_in_both_on_the_next_session(tmp_path: Path) -> None:
    lived, replayed, _ = await both(shipped("default_policy"), date(2008, 10, 6), 3, Resume.NEVER, tmp_path)
    assert replayed == lived
    assert [day.level for day in lived] == [KillLevel.ACTIVE, KillLevel.REDUCING, KillLevel.ACTIVE]


@pytest.mark.real_prices
async def test_a_way_back_that_ends_is_gone_alike_in_both(tmp_path: Path) -> None:
    rules = shipped("default_policy")
    quick = {"after_sessions": 1, "most_sessions": 1, "every_sessions": 1, "step": 0.5}
    rules = rules.model_copy(
        update={
            "risk_limits": rules.risk_limits.model_copy(update={"max_drawdown": 0.03}),
            "recovery": rules.recovery.model_copy(update=quick),
        }
    )
    lived, replayed, told = await both(rules, date(2008, 10, 14), 4, Resume.NEVER, tmp_path)
    assert replayed == lived
    assert told == ["2008-10-15 recovery_began", "2008-10-16 mark_rebased", "2008-10-17 recovery_ended"]


def shipped(name: str) -> Policy:
    return load_policy(shipped_policy().with_name(f"{name}.yaml"))


async def both(
    rules: Policy, first: date, sessions: int, resume: Resume, state: Path
) -> tuple[list[Day], list[Day], list[str]]:
    """The days of the desk and those of the replay, and what the desk's ledger tells of the way back from a fall."""
    async with driven(rules, first, state, resume) as desk:
        book, history = await desk.book(), desk.history()
        lived = [await desk.day() for _ in range(sessions)]
        told = desk.ledger.events(0, None, ["recovery_began", "mark_rebased", "recovery_ended"], 100)
    (found,) = replay([rules], history, book, replace(AS_THE_DESK, resume=resume), lived[0].on, lived[-1].on)
    return lived, replayed_days(found), [f"{one.payload['session_date']} {one.kind}" for one in told]
