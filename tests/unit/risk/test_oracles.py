"""The statistics against other libraries where the definitions agree, and by hand where they do not.

Agreed: volatility, Sharpe, Sortino, beta and drawdown with empyrical; value at risk and expected shortfall with
skfolio, which does not interpolate. Not agreed: empyrical interpolates the quantile and averages one loss more, skfolio
adds returns up where a drawdown compounds them and measures the downside with n - 1.
"""

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from app.domain.market import Array
from app.risk import metrics
from tests.support.sample import prices

pytestmark = [
    pytest.mark.oracles,
    pytest.mark.real_prices,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(empyrical|skfolio|sklearn|plotly|cvxpy).*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:(empyrical|skfolio|sklearn|plotly|cvxpy).*"),
]
SAME = 1e-10
LENGTHS = (60, 99, 100, 252, 253, 1000, 2520)


@pytest.fixture
def empyrical() -> ModuleType:
    return import_module("empyrical")


@pytest.fixture
def skfolio() -> ModuleType:
    return import_module("skfolio.measures")


def real(length: int) -> tuple[Array, Array]:
    """(returns of three portfolios of the sample's twenty names [K, T], the index's [T]) up to the last day."""
    sample = prices()
    returns = sample.closes[-length:] / sample.closes[-length - 1 : -1] - 1
    weights = np.random.default_rng(length).dirichlet(np.ones(returns.shape[1]), 3) * 0.9
    index = sample.index[-length:] / sample.index[-length - 1 : -1] - 1
    return metrics.portfolio_returns(weights, returns), index


def losing(length: int) -> Array:
    """A made-up series that loses nearly all. Shape: [1, T]."""
    result: Array = np.random.default_rng(length).standard_t(3, (1, length)) * 0.03 - 0.01
    return np.maximum(result, -0.9)


def series(length: int) -> tuple[Array, ...]:
    """Every series of that length that a definition is tried on."""
    return (*real(length)[0], *losing(length))


@pytest.mark.parametrize("length", LENGTHS)
def test_volatility_is_that_of_empyrical(length: int, empyrical: ModuleType) -> None:
    for one in series(length):
        assert metrics.volatility(one[None, :])[0] == pytest.approx(empyrical.annual_volatility(one), abs=SAME)


@pytest.mark.parametrize("length", LENGTHS)
def test_drawdown_is_that_of_empyrical(length: int, empyrical: ModuleType) -> None:
    for one in series(length):
        assert metrics.max_drawdown(one[None, :])[0] == pytest.approx(-empyrical.max_drawdown(one), abs=SAME)


@pytest.mark.parametrize("rate", [0.0, 0.0001])
@pytest.mark.parametrize("length", LENGTHS)
def test_sharpe_and_sortino_are_those_of_empyrical(length: int, rate: float, empyrical: ModuleType) -> None:
    for one in series(length):
        assert metrics.sharpe(one[None, :], rate)[0] == pytest.approx(empyrical.sharpe_ratio(one, rate), abs=SAME)
        assert metrics.sortino(one[None, :], rate)[0] == pytest.approx(empyrical.sortino_ratio(one, rate), abs=SAME)


@pytest.mark.parametrize("length", LENGTHS)
def test_beta_is_that_of_empyrical(length: int, empyrical: ModuleType) -> None:
    portfolios, index = real(length)
    for one, found in zip(portfolios, metrics.beta(portfolios, index), strict=True):
        assert found == pytest.approx(empyrical.beta(one, index), abs=SAME)


@pytest.mark.parametrize("length", LENGTHS)
def test_value_at_risk_and_expected_shortfall_are_those_of_skfolio(length: int, skfolio: ModuleType) -> None:
    for one in series(length):
        assert metrics.historical_var(one[None, :])[0] == pytest.approx(skfolio.value_at_risk(one, 0.95), abs=SAME)
        assert metrics.expected_shortfall(one[None, :])[0] == pytest.approx(skfolio.cvar(one, 0.95), abs=SAME)


@pytest.mark.parametrize("length", LENGTHS)
def test_volatility_is_that_of_skfolio(length: int, skfolio: ModuleType) -> None:
    for one in series(length):
        daily = skfolio.standard_deviation(one)
        assert metrics.volatility(one[None, :])[0] == pytest.approx(daily * np.sqrt(252), abs=SAME)


def test_the_quantile_that_empyrical_interpolates_lies_between_two_observed_losses(empyrical: ModuleType) -> None:
    one = losing(252)
    between = -empyrical.value_at_risk(one[0], 0.05)
    worst = -np.sort(one[0])
    assert metrics.historical_var(one)[0] == worst[12]
    assert worst[13] <= between <= worst[12]


def test_a_whole_tail_is_averaged_alike_by_all_three(empyrical: ModuleType, skfolio: ModuleType) -> None:
    one = losing(2520)
    tail = -np.sort(one[0])[:126].mean()
    assert metrics.expected_shortfall(one)[0] == pytest.approx(tail, abs=SAME)
    assert skfolio.cvar(one[0], 0.95) == pytest.approx(tail, abs=SAME)
    assert -empyrical.conditional_value_at_risk(one[0], 0.05) == pytest.approx(tail, abs=SAME)


def test_a_drawdown_compounds_where_skfolio_adds(skfolio: ModuleType) -> None:
    halved_twice = np.array([[0.1, -0.5, -0.5]])
    assert metrics.max_drawdown(halved_twice)[0] == pytest.approx(0.75)
    assert skfolio.max_drawdown(skfolio.get_drawdowns(halved_twice[0], compounded=False)) == pytest.approx(1.0)


def test_the_downside_is_a_mean_over_all_days_where_skfolio_divides_by_one_less(skfolio: ModuleType) -> None:
    one = np.array([[0.02, -0.01, 0.03, -0.02]])
    assert metrics.sortino(one)[0] == pytest.approx(0.005 / np.sqrt((0.01**2 + 0.02**2) / 4) * np.sqrt(252))
    less = skfolio.semi_deviation(one[0], min_acceptable_return=0.0)
    assert less == pytest.approx(np.sqrt((0.01**2 + 0.02**2) / 3))
