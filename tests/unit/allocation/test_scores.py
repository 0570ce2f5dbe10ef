"""Scores rank names by closes that were known before the session, and by nothing else."""

import numpy as np
import pytest

from app.allocation import scores
from app.allocation.scores import volatility
from app.domain.market import Array
from app.domain.policy import Score
from tests.support.worlds import LENGTH, closes, conid, market, series, sessions, with_history

NAMES = ("AA", "BB", "CC")
AA, BB, CC = NUMBERS = tuple(map(conid, NAMES))


def _growing(a_day: float) -> Array:
    values: Array = 100.0 * (1 + a_day) ** np.arange(LENGTH, dtype=np.float64)
    return values


def _ranked(score: Score, *values: Array) -> list[int]:
    found = scores(with_history(market(), dict(zip(NAMES, values, strict=True))), NUMBERS, {score: 1.0})
    return sorted(found, key=lambda number: -found[number])


@pytest.mark.parametrize("score", [Score.MOMENTUM_12_1, Score.TREND])
def test_what_rose_more_is_better(score: Score) -> None:
    assert _ranked(score, _growing(0.001), _growing(0.003), _growing(-0.001)) == [BB, AA, CC]


def test_the_last_month_is_no_part_of_the_momentum() -> None:
    fallen = _growing(0.003)
    fallen[-21:] = 1.0
    assert _ranked(Score.MOMENTUM_12_1, _growing(0.001), fallen, _growing(-0.001)) == [BB, AA, CC]


def test_what_moves_less_is_better_by_low_volatility() -> None:
    assert _ranked(Score.LOW_VOLATILITY, *(closes(1, volatility=part) for part in (0.02, 0.01, 0.03))) == [BB, AA, CC]


def test_a_name_is_near_its_high_by_its_last_close() -> None:
    falling = [np.where(np.arange(LENGTH) < LENGTH - 1, 100.0, last) for last in (95.0, 99.0, 90.0)]
    assert _ranked(Score.NEAR_HIGH, *falling) == [BB, AA, CC]


def test_scores_are_the_mean_of_ranks_as_their_weights_say() -> None:
    day = with_history(market(), dict(zip(NAMES, (_growing(0.001), _growing(0.003), _growing(-0.001)), strict=True)))
    found = scores(day, NUMBERS, {Score.TREND: 3.0, Score.LOW_VOLATILITY: 1.0})
    calm = scores(day, NUMBERS, {Score.LOW_VOLATILITY: 1.0})
    rising = scores(day, NUMBERS, {Score.TREND: 1.0})
    assert rising == {AA: pytest.approx(2 / 3), BB: 1.0, CC: pytest.approx(1 / 3)}
    assert found == {number: pytest.approx(0.75 * rising[number] + 0.25 * calm[number]) for number in NUMBERS}


def test_a_negative_weight_turns_a_score_around() -> None:
    day = with_history(market(), dict(zip(NAMES, (_growing(0.001), _growing(0.003), _growing(-0.001)), strict=True)))
    assert scores(day, NUMBERS, {Score.TREND: -1.0}) == {
        AA: pytest.approx(2 / 3),
        BB: pytest.approx(1 / 3),
        CC: 1.0,
    }


def test_equals_share_their_ranks() -> None:
    day = with_history(market(), dict.fromkeys(NAMES, _growing(0.001)))
    assert scores(day, NUMBERS, {Score.TREND: 1.0}) == dict.fromkeys(NUMBERS, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("score", "enough"),
    [(Score.MOMENTUM_12_1, 274), (Score.LOW_VOLATILITY, 64), (Score.TREND, 200), (Score.NEAR_HIGH, 252)],
)
def test_a_name_without_the_closes_has_no_score(score: Score, enough: int) -> None:
    base = market()
    for length, known in ((enough, NUMBERS), (enough - 1, (AA, BB))):
        short = series(CC, closes(3)[-length:], sessions()[-length:])
        day = market(history={**base.history, CC: short})
        assert set(scores(day, NUMBERS, {score: 1.0})) == set(known), length


def test_a_series_that_ended_weeks_ago_has_no_score() -> None:
    old = series(CC, closes(3)[:-10], sessions()[:-10])
    day = market(history={**market().history, CC: old})
    assert set(scores(day, NUMBERS, {Score.TREND: 1.0})) == {AA, BB}


def test_todays_own_close_is_not_looked_at() -> None:
    base = market()
    today = (*sessions(), base.session.date)
    wild = {number: series(number, np.append(one.closes, 1.0), today) for number, one in base.history.items()}
    wanted = dict.fromkeys(Score, 1.0)
    assert scores(market(history=wild), NUMBERS, wanted) == scores(base, NUMBERS, wanted)


def test_nothing_asked_for_scores_nobody() -> None:
    assert scores(market(), NUMBERS, {}) == scores(market(), NUMBERS, {Score.TREND: 0.0}) == {}
    assert scores(market(), (), {Score.TREND: 1.0}) == {}


def test_what_one_account_asked_for_does_not_change_what_another_is_told() -> None:
    day = market()
    scores(day, (AA,), {Score.TREND: 1.0})
    assert scores(day, NUMBERS, {Score.TREND: 1.0}) == scores(market(), NUMBERS, {Score.TREND: 1.0})


def test_volatility_is_that_of_numpy() -> None:
    values = closes(5)
    assert volatility(values) == pytest.approx(np.std(values[-63:] / values[-64:-1] - 1, ddof=1))
