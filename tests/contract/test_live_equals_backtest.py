"""The days of a desk that trades at the simulator's closes, and the same days in a replay: the same to the cent."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.backtest.assumptions import Resume
from app.backtest.replay import replay
from app.settings import load_policy, shipped_policy
from tests.contract.driving import AS_THE_DESK, driven, replayed_days
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
    rules = load_policy(shipped_policy().with_name(f"{policy}.yaml"))
    async with driven(rules, first, tmp_path, resume) as desk:
        book, history = await desk.book(), desk.history()
        lived = [await desk.day() for _ in range(sessions)]
    (found,) = replay([rules], history, book, replace(AS_THE_DESK, resume=resume), lived[0].on, lived[-1].on)
    assert replayed_days(found) == lived
    assert any(day.trades for day in lived)
