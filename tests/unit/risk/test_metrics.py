"""The statistics against their formulas, worked out another way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DataError, InsufficientHistory
from app.domain.market import Array
from app.risk import metrics


def sample(rows: int = 252, names: int = 5, seed: int = 3) -> Array:
    result: Array = np.random.default_rng(seed).normal(0.0005, 0.01, (rows, names))
    return result


def test_volatility_is_the_quadratic_form_of_the_covariance() -> None:
    returns, weights = sample(), np.array([0.3, 0.2, 0.1, 0.1, 0.2])
    expected = np.sqrt(weights @ np.cov(returns, rowvar=False) @ weights * 252)
    series = metrics.portfolio_returns(weights[None, :], returns)
    assert metrics.volatility(series)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("length", "rank"), [(60, 4), (99, 5), (100, 6), (252, 13), (2520, 127)])
def test_historical_var_is_an_observation_and_not_an_interpolation(length: int, rank: int) -> None:
    losses = np.arange(1, length + 1) / 10000
    series = -np.random.default_rng(1).permutation(losses)[None, :]
    assert metrics.historical_var(series)[0] == pytest.approx(sorted(losses)[-rank])


def test_ewma_var_weighs_the_newest_return_most() -> None:
    series = np.zeros((1, 60))
    series[0, -1] = 0.05
    total = sum(0.94**age for age in range(60))
    assert metrics.ewma_var(series)[0] == pytest.approx(1.6448536269514722 * 0.05 / np.sqrt(total))
    assert metrics.ewma_var(series[:, ::-1])[0] < metrics.ewma_var(series)[0]


def test_expected_shortfall_counts_the_last_loss_by_its_fraction() -> None:
    series = -np.arange(252, 0, -1)[None, :] / 10000
    worst = np.arange(252, 0, -1) / 10000
    expected = (worst[:12].sum() + 0.6 * worst[12]) / 12.6
    assert metrics.expected_shortfall(series)[0] == pytest.approx(expected)


def test_implied_correlation_is_the_common_correlation_of_equal_names() -> None:
    common, own = sample(252, 1, 1), sample(252, 2, 2)
    returns = common + own
    weights = np.array([[0.5, 0.5]])
    series = metrics.portfolio_returns(weights, returns)
    expected = np.corrcoef(returns, rowvar=False).ravel()[1]
    found = metrics.implied_correlation(weights, metrics.spreads(returns), series)
    assert found[0] == pytest.approx(expected, rel=1e-9)


def test_implied_correlation_of_one_name_is_undefined() -> None:
    weights = np.array([[0.5, 0.0]])
    series = metrics.portfolio_returns(weights, sample(252, 2))
    assert np.isnan(metrics.implied_correlation(weights, metrics.spreads(sample(252, 2)), series)[0])


def test_fewer_than_sixty_returns_are_no_statistic() -> None:
    with pytest.raises(InsufficientHistory, match="59 returns, at least 60"):
        metrics.portfolio_returns(np.ones((1, 5)), sample(59))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error_and_never_skipped(bad: float) -> None:
    returns = sample()
    returns[7, 2] = bad
    with pytest.raises(DataError, match="not finite"):
        metrics.portfolio_returns(np.ones((1, 5)), returns)
    with pytest.raises(DataError, match="not finite"):
        metrics.portfolio_returns(np.array([[bad, 0, 0, 0, 0]]), sample())


@given(st.integers(2, 40), st.integers(1, 25), st.integers(0, 10**6))
def test_a_portfolio_among_many_gets_the_bits_it_gets_alone(portfolios: int, names: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights, returns = generator.random((portfolios, names)), sample(120, names, seed)
    together, alone = (metrics.portfolio_returns(w, returns) for w in (weights, weights[:1]))
    for measure in (metrics.volatility, metrics.historical_var, metrics.ewma_var, metrics.expected_shortfall):
        assert measure(together)[0] == measure(alone)[0]


@given(st.floats(0.01, 3), st.integers(0, 10**6))
def test_every_loss_statistic_grows_in_proportion_to_the_position(scale: float, seed: int) -> None:
    series = sample(120, 1, seed).T
    for measure in (metrics.volatility, metrics.historical_var, metrics.ewma_var, metrics.expected_shortfall):
        assert measure(series * scale)[0] == pytest.approx(measure(series)[0] * scale, rel=1e-9)
