"""What is said of a way, against series that can be reckoned by hand, and against other libraries where they agree."""

import math
from datetime import date
from importlib import import_module

import numpy as np
import pytest

from app.backtest.statistics.deflated import deflated_sharpe, luckiest
from app.backtest.statistics.exceedances import kupiec
from app.backtest.statistics.figures import Ratio, Way, figures
from app.backtest.statistics.periods import Drawdown, drawdown, performance, worst_periods
from app.domain.market import Array
from tests.support.histories import sessions

DAYS = tuple(date(2021, 3, n) for n in range(1, 8))


def way(*navs: float) -> Way:
    """Of these closing values, the first of them the starting book's."""
    nav = np.array(navs)
    return Way(nav[1:] / nav[:-1] - 1)


def test_a_fall_on_the_first_day_counts_from_the_starting_capital() -> None:
    found = figures(way(100, 80, 90, 120))
    assert found["max_drawdown"] == pytest.approx(0.2)
    assert found["total_return"] == pytest.approx(0.2)
    assert found["time_under_water"] == pytest.approx(2 / 3)
    assert found["longest_under_water"] == 2


def test_growth_of_a_year_is_compounded_over_252_sessions() -> None:
    found = figures(way(*np.linspace(100, 110, 127)))
    assert found["cagr"] == pytest.approx(1.1**2 - 1)
    assert found["max_drawdown"] == 0
    assert found["calmar"] is None, "there was no fall to divide by"
    assert found["sortino"] is None, "no day lost anything"


def test_a_ratio_is_over_what_cash_earns() -> None:
    """Two sessions of +1 % and -1 % and 0.5 % of interest each: mean -0.5 %, deviation sqrt(2) %."""
    found = figures(Way(np.array([0.01, -0.01]), 0.005))
    assert found["sharpe"] == pytest.approx(-0.005 / (math.sqrt(2) * 0.01) * math.sqrt(252))
    assert found["sortino"] == pytest.approx(-0.005 / math.sqrt(0.015**2 / 2) * math.sqrt(252))


def test_what_is_not_defined_stays_undefined_and_never_becomes_nought() -> None:
    still = figures(Way(np.zeros(80), 0.0, {"win_rate": Ratio(np.zeros(80), np.zeros(80))}))
    assert still["sharpe"] is still["sortino"] is still["calmar"] is still["win_rate"] is None
    assert still["volatility"] == 0
    assert figures(Way(np.array([0.01])))["volatility"] is None
    lost = figures(way(100, 50, 0))
    assert set(lost.values()) == {None}
    assert set(figures(Way(np.array([0.1, np.nan]))).values()) == {None}


def test_sums_over_days_are_ratios_of_sums() -> None:
    spent, nav = np.array([1.0, 0.0, 2.0]), np.array([100.0, 100.0, 200.0])
    found = figures(Way(np.array([0.0, 0.01, 0.0]), 0.0, {"costs": Ratio(spent, nav, 252.0), "share": Ratio(spent)}))
    assert found["costs"] == pytest.approx(3 / 400 * 252)
    assert found["share"] == pytest.approx(1.0)


def test_a_drawdown_has_its_dates_and_none_where_it_is_not_recovered() -> None:
    nav = np.array([100.0, 110, 99, 88, 104.5, 110, 100])
    whole, open_ = drawdown(nav, DAYS), drawdown(nav[:5], DAYS[:5])
    assert whole == Drawdown(1 - 88 / 110, DAYS[1], DAYS[3], DAYS[5])
    assert open_ == Drawdown(1 - 88 / 110, DAYS[1], DAYS[3], None)
    assert drawdown(nav[:2], DAYS[:2]) is None


def test_a_benchmark_is_judged_in_the_policys_worst_time_and_not_in_its_own() -> None:
    days = sessions(520, date(2021, 1, 4))
    nav = np.concatenate((np.linspace(100, 120, 260), np.linspace(120, 70, 260)))
    periods = worst_periods(nav, days)
    assert [name for name, *_ in periods] == ["2022", "worst year, 2022", "worst 252 sessions"]
    worst = performance(nav, days, periods)[-1]
    assert (worst.first, worst.last) == (days[268], days[-1])
    assert worst.total_return == pytest.approx(70 / nav[267] - 1)
    assert performance(np.full(520, 5.0), days, periods)[-1].total_return == 0


def test_a_time_that_is_not_covered_is_not_named() -> None:
    days = sessions(100, date(2020, 3, 2))
    assert [name for name, *_ in worst_periods(np.linspace(100, 90, 100), days)] == ["worst year, 2020"]


def test_as_many_losses_beyond_the_value_at_risk_as_expected_are_likely_and_twice_as_many_are_not() -> None:
    assert kupiec(252, 13) == pytest.approx(0.91, abs=0.01)
    assert (kupiec(252, 26) or 1) < 0.005
    assert (kupiec(252, 0) or 1) < 0.001
    assert kupiec(0, 0) is None


def test_the_best_of_many_trials_must_be_better_than_that_of_one() -> None:
    """Bailey and López de Prado's example: of 100 trials with a variance of a half a year the best has 0.1132 a day."""
    assert luckiest(100, math.sqrt(1 / 2 / 250)) == pytest.approx(0.1132, abs=1e-4)
    returns = np.random.default_rng(3).normal(0.001, 0.01, 1250)
    one, many = deflated_sharpe(returns, 1), deflated_sharpe(returns, 1000)
    assert one is not None
    assert many is not None
    assert one > 0.99 > many
    assert deflated_sharpe(np.zeros(100), 5) is None


@pytest.mark.oracles
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_growth_calmar_and_the_rest_are_those_of_empyrical(seed: int) -> None:
    empyrical = import_module("empyrical")
    returns = fat_tails(seed)
    found = figures(Way(returns, 0.0001))
    assert found["cagr"] == pytest.approx(empyrical.cagr(returns))
    assert found["calmar"] == pytest.approx(empyrical.calmar_ratio(returns))
    assert found["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns, 0.0001))
    assert found["sortino"] == pytest.approx(empyrical.sortino_ratio(returns, 0.0001))
    assert found["max_drawdown"] == pytest.approx(-empyrical.max_drawdown(returns))
    assert found["total_return"] == pytest.approx(empyrical.cum_returns_final(returns))


@pytest.mark.oracles
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_deflated_ratio_is_that_of_skfolio() -> None:
    measures = import_module("skfolio.measures")
    returns = fat_tails(5)
    trials = np.random.default_rng(6).normal(0, 0.02, 40)
    expected = measures.deflated_sharpe_ratio(returns, trials)
    assert deflated_sharpe(returns, 40, float(trials.std(ddof=1))) == pytest.approx(expected, rel=1e-3)


def fat_tails(seed: int) -> Array:
    """Daily returns, skewed and with heavy tails. Shape: [1000]."""
    drawn = np.random.default_rng(seed).standard_t(4, 1000) * 0.008 + 0.0004
    return np.where(drawn < 0, drawn * 1.2, drawn)
