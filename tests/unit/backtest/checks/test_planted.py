"""Each check passes what is sound, and catches the defect that it is there for: one is planted, and it says so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from app.backtest.assumptions import NO_COMMISSION, Assumptions, FillRule
from app.backtest.books import even_book
from app.backtest.checks.engines import SHIPPED
from app.backtest.checks.oracle import equal_weight_led
from app.backtest.checks.run import CHECKS, run_checks, tried
from app.backtest.checks.subject import Ways
from app.backtest.history import History
from app.backtest.model_guard import mark_of_model
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, replay
from app.backtest.sample import sample
from app.backtest.statistics.figures import Way, figures
from app.domain.errors import DataError
from app.domain.market import Array
from app.domain.policy import Policy
from app.record.capture import Inputs
from app.record.replay import decide_again
from app.settings import load_policy, shipped_policy
from tests.support.worlds import policy
from tests.unit.backtest.checks.subjects import (
    NOTE,
    Filling,
    Foresighted,
    Forgetful,
    Hasty,
    Scaled,
    Unlabelled,
    assuming,
    checked,
    leading,
    small,
    subject,
)
from tests.unit.backtest.test_replay import eventful

pytestmark = pytest.mark.slow

SOUND = subject()
Guard = Callable[[date, date, bool], str | None]


def test_sound_parts_pass_every_check_and_each_is_told_of_when_it_is_done() -> None:
    told: list[tuple[int, int]] = []
    found = tried(SOUND, lambda done, total: told.append((done, total)))
    assert [one.said for one in found if not one.passed] == []
    assert [one.name for one in found] == list(CHECKS)
    assert told == [(done, len(CHECKS)) for done in range(1, len(CHECKS) + 1)]


def test_a_reader_that_hands_out_later_closes_fails_the_future_poison() -> None:
    found = checked("future poison", subject(reader=Foresighted))
    assert not found.passed
    assert "what comes later changes what was decided before it" in found.said
    assert "closes of the day differ" in found.said


def _lead_by_foresight(*args: Any, **kwargs: Any) -> Ways:  # noqa: ANN401 - as of `replay`
    return replay(*args, **{**kwargs, "reader": Foresighted(args[1])})


def test_a_replay_that_reads_otherwise_than_its_reader_fails_the_future_poison() -> None:
    found = checked("future poison", subject(lead=_lead_by_foresight))
    assert not found.passed
    assert "decisions of moderate differ" in found.said


def test_a_reader_that_scales_by_the_whole_sample_fails_the_truncation() -> None:
    found = checked("truncation", subject(reader=Scaled))
    assert not found.passed
    assert "where the data end at" in found.said


def _unmarked(found: Replayed) -> Replayed:
    return replace(found, assumptions=replace(found.assumptions, fill=FillRule.NEXT_CLOSE))


def _backdated(found: Replayed) -> Replayed:
    if found.assumptions.fill is not FillRule.NEXT_CLOSE:
        return found
    done = tuple(replace(one, row=one.row - 1, decided=one.decided - 1) for one in found.done)
    return replace(found, done=done)


def test_a_replay_that_fills_at_the_bar_of_the_decision_fails_the_lag_ladder() -> None:
    soon = checked(
        "lag ladder", subject(lead=assuming(lambda assumed: replace(assumed, fill=FillRule.SAME_BAR, lag=1)))
    )
    assert not soon.passed
    assert "0 sessions after its decision" in soon.said
    unmarked = checked("lag ladder", subject(lead=leading(_unmarked)))
    assert not unmarked.passed
    assert "nothing marks it" in unmarked.said
    backdated = checked("lag ladder", subject(lead=leading(_backdated)))
    assert not backdated.passed
    assert "which is not that session's price" in backdated.said


def _without_costs(assumed: Assumptions) -> Assumptions:
    return replace(assumed, commission=NO_COMMISSION, slippage_bps=Decimal(0))


def _at_most_one_point(assumed: Assumptions) -> Assumptions:
    return replace(assumed, commission=NO_COMMISSION, slippage_bps=min(assumed.slippage_bps, Decimal(1)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(_without_costs, "0.000%, 0.000%, 0.000%, 0.000%"), (_at_most_one_point, "0.000%, 0.010%, 0.010%")],
)
def test_a_replay_that_forgets_costs_fails_the_cost_ladder(
    wrong: Callable[[Assumptions], Assumptions], said: str
) -> None:
    found = checked("cost ladder", subject(lead=assuming(wrong)))
    assert not found.passed
    assert said in found.said


def _larger(ours: Array, theirs: Array, seed: int) -> bool:
    return bool(ours.mean() > theirs.mean())


def test_a_difference_that_is_called_significant_for_its_sign_fails_the_placebo() -> None:
    found = checked("placebo", subject(significant=_larger))
    assert not found.passed
    assert re.search(r"same returns [3-7]\d\.\d% are called significant", found.said)


def test_survivors_that_nothing_names_fail_the_check_of_survivors() -> None:
    unnamed = replace(small(), notes=("they are ten names",))
    found = checked("survivors", subject(unnamed))
    assert not found.passed
    assert NOTE in checked("survivors", SOUND).said
    closes = small().closes.copy()
    closes[-1, 0] = np.nan
    assert checked("survivors", subject(replace(unnamed, closes=closes))).passed


def test_a_history_that_takes_everything_fails_the_check_of_adjustments() -> None:
    def make(*args: Any, **kwargs: Any) -> History:  # noqa: ANN401 - as of `History`
        try:
            return History(*args, **kwargs)
        except DataError:
            return small()

    found = checked("adjustments", subject(make_history=make))
    assert not found.passed
    assert found.said.count(",") == 3


@pytest.mark.parametrize(
    ("reader", "said"), [(Forgetful, "not its last"), (Filling, "has prices in a gap without any")]
)
def test_a_reader_that_makes_up_prices_fails_the_check_of_gaps(reader: type[Reader], said: str) -> None:
    found = checked("gaps", subject(reader=reader))
    assert not found.passed
    assert said in found.said


def _without_first_bar(found: Replayed) -> Replayed:
    return replace(
        found, dates=found.dates[1:], first=found.first + 1, nav=found.nav[1:], cash=found.cash[1:],
        invested=found.invested[1:], days=found.days[1:],
    )  # fmt: skip


def _from_the_first_close(found: Replayed) -> Replayed:
    """The first day's move is left out: it begins with what the first close made of the book."""
    return replace(found, nav=np.append(found.nav[1], found.nav[1:]))


def _of_later_days(way: Way) -> Mapping[str, float | None]:
    return figures(replace(way, returns=way.returns[1:]))


def test_a_way_without_its_first_bar_fails_the_check_of_the_first_bar() -> None:
    late = checked("first bar", subject(lead=leading(_without_first_bar)))
    assert "begins on" in late.said
    moved = checked("first bar", subject(lead=leading(_from_the_first_close)))
    assert "its book is worth 250000.00" in moved.said
    unfelt = checked("first bar", subject(figures=_of_later_days))
    assert "is a drawdown of" in unfelt.said
    assert [late.passed, moved.passed, unfelt.passed] == [False] * 3


def _with_warm_up(found: Replayed) -> Replayed:
    """Ten flat days before the first are graded, too."""
    first = found.first - 10
    dates = found.history.dates[first : found.first]
    return replace(found, first=first, dates=(*dates, *found.dates))


def test_a_replay_that_grades_its_warm_up_fails_the_check_of_the_warm_up() -> None:
    found = checked("warm-up", subject(lead=leading(_with_warm_up)))
    assert not found.passed
    assert "within the first 252 rows" in found.said


def _as_planned(found: Replayed) -> Replayed:
    """Told as invested on the day of the decision."""
    early = np.append(found.invested[1:], found.invested[-1])
    return replace(found, invested=early)


def test_an_exposure_of_targets_fails_the_check_of_fills() -> None:
    found = checked("targets and fills", subject(lead=leading(_as_planned)))
    assert not found.passed
    assert "and its fills make" in found.said


@pytest.mark.parametrize(("reader", "said"), [(Unlabelled, "its unit"), (Hasty, "since when it was known")])
def test_a_number_without_its_unit_or_time_fails_the_check_of_units(reader: type[Reader], said: str) -> None:
    found = checked("units", subject(reader=reader))
    assert not found.passed
    assert f"does not rightly tell {said}" in found.said


def test_a_history_that_is_not_what_the_numbers_say_fails_the_check_of_units() -> None:
    assert "reads a close of" in checked("units", subject(reader=Scaled)).said


def test_ratios_of_nothing_that_are_told_as_nought_fail_the_check_of_the_undefined() -> None:
    def noughts(way: Way) -> Mapping[str, float | None]:
        return {name: value or 0.0 for name, value in figures(way).items()}

    found = checked("undefined stays undefined", subject(figures=noughts))
    assert not found.passed
    assert found.said == "sharpe of a way that never moved is told as 0.0"


def _free(rules: Policy, reader: Reader, rows: range, bps: int) -> Array:
    return equal_weight_led(rules, reader, rows, 0)


def test_an_account_that_pays_nothing_fails_the_ten_line_oracle() -> None:
    found = checked("ten-line oracle", subject(equal_weight_led=_free))
    assert not found.passed
    assert "differ from ten lines by" in found.said


def _a_cent_more(found: Replayed) -> Replayed:
    return replace(found, cash=found.cash + 0.01, nav=found.nav + 0.01)


def test_a_cent_that_follows_from_nothing_fails_the_second_engine() -> None:
    found = checked("second engine", subject(lead=leading(_a_cent_more)))
    assert not found.passed
    assert "cash of" in found.said


def test_a_day_that_is_decided_by_other_rules_fails_the_live_equality() -> None:
    def by_others(inputs: Inputs) -> Mapping[str, Any]:
        return decide_again(replace(inputs, today=replace(inputs.today, policy=policy(exits__stop_loss=0.01))))

    found = checked("live equality", subject(decide_again=by_others))
    assert not found.passed
    assert "decided again" in found.said


def _allows(cutoff: date, first: date, force: bool = False) -> str | None:
    return None


def _forgets_the_mark(cutoff: date, first: date, force: bool = False) -> str | None:
    return mark_of_model(cutoff, first) if not force else None


def _takes_the_cutoff_alone(cutoff: date, first: date, force: bool = False) -> str | None:
    return None if first > cutoff else mark_of_model(cutoff, first, force)


@pytest.mark.parametrize("guard", [_allows, _forgets_the_mark, _takes_the_cutoff_alone])
def test_a_model_that_may_choose_what_it_has_read_fails_the_model_guard(guard: Guard) -> None:
    assert not checked("model guard", subject(mark_of_model=guard)).passed


def test_the_ladders_need_neither_opens_nor_costs() -> None:
    bare = subject(replace(small(), opens=None, volumes=None), _without_costs(Assumptions()))
    assert "next open" not in checked("lag ladder", bare).said
    assert checked("cost ladder", bare).passed


EVENTFUL = ("truncation", "targets and fills", "gaps", "units", "first bar", "second engine")


@pytest.mark.parametrize("name", [*EVENTFUL, *(pytest.param(name, marks=pytest.mark.long) for name in CHECKS)])
def test_data_in_which_everything_happens_pass_the_checks(name: str) -> None:
    found = checked(name, replace(subject(eventful()), worlds=10))
    assert found.passed, found.said
    assert name != "second engine" or "of made prices" in found.said


@pytest.mark.long
@pytest.mark.real_prices
def test_the_sample_passes_every_check_under_the_shipped_policies() -> None:
    history, policies = sample(), tuple(load_policy(shipped_policy().with_name(f"{name}.yaml")) for name in SHIPPED)
    first, last = date(2007, 10, 1), date(2009, 6, 30)
    book = even_book(history, history.row(first) - 1, Decimal(250_000))
    found = run_checks(policies, history, book, Assumptions(), first, last, seed=0)
    assert [one.said for one in found if not one.passed] == []
