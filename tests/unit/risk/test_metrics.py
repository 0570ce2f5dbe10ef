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


SERIES = (
    metrics.volatility,
    metrics.historical_var,
    metrics.ewma_var,
    metrics.recent_volatility,
    metrics.expected_shortfall,
    metrics.sharpe,
    metrics.sortino,
    metrics.max_drawdown,
    metrics.win_rate,
)


@given(st.integers(2, 40), st.integers(1, 25), st.integers(0, 10**6))
def test_a_portfolio_among_many_gets_the_bits_it_gets_alone(portfolios: int, names: int, seed: int) -> None:
    weights, returns = np.random.default_rng(seed).random((portfolios, names)), sample(120, names, seed)
    membership, index, single = np.eye(3)[:, np.arange(names) % 3], returns[:, 0] * 0.9, metrics.spreads(returns)

    def every(of: Array) -> list[Array]:
        series = metrics.portfolio_returns(of, returns)
        return [
            *(measure(series) for measure in SERIES),
            metrics.beta(series, index),
            metrics.implied_correlation(of, single, series),
            metrics.group_weights(of, membership),
        ]

    for together, alone in zip(every(weights), every(weights[-1:]), strict=True):
        assert np.array_equal(together[-1], alone[0], equal_nan=True)


def test_sharpe_and_sortino_by_hand() -> None:
    series = np.array([[0.02, -0.01, 0.03, -0.02]])
    assert metrics.sharpe(series)[0] == pytest.approx(0.005 / np.sqrt(0.0017 / 3) * np.sqrt(252))
    assert metrics.sharpe(series, 0.005)[0] == pytest.approx(0)
    assert metrics.sortino(series)[0] == pytest.approx(0.005 / np.sqrt(0.0005 / 4) * np.sqrt(252))
    assert metrics.sortino(series, 0.005)[0] == pytest.approx(0)
    downside = np.sqrt((0.014**2 + 0.024**2) / 4)
    assert metrics.sortino(series, 0.004)[0] == pytest.approx(0.001 / downside * np.sqrt(252))


def test_drawdown_compounds_and_counts_the_start_as_a_peak() -> None:
    series = np.array([[-0.1, 0.5, -0.2, -0.25, 1.0], [-0.5, 0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.0, 0.1, 0.1]])
    assert metrics.max_drawdown(series).tolist() == pytest.approx([0.4, 0.5, 0.0])


def test_beta_is_the_slope_on_the_index() -> None:
    index = sample(100, 1)[:, 0]
    series = np.stack([1.5 * index + 0.001, -0.5 * index, np.zeros(100)])
    assert metrics.beta(series, index).tolist() == pytest.approx([1.5, -0.5, 0.0])


def test_the_win_rate_counts_days_or_trades_above_zero_and_zero_is_no_win() -> None:
    assert metrics.win_rate(np.array([[12.5, -3.0, 0.0, 8.0]])).tolist() == [0.5]
    assert np.isnan(metrics.win_rate(np.empty((1, 0)))[0])


def test_a_ratio_over_nothing_is_missing_and_not_infinite() -> None:
    flat, rising = np.full((1, 60), 0.001), np.linspace(0.001, 0.002, 60)[None, :]
    assert np.isnan(metrics.sharpe(flat)[0])
    assert np.isnan(metrics.sortino(rising)[0])
    assert np.isnan(metrics.beta(rising, np.zeros(60))[0])
    assert np.isnan(metrics.max_drawdown(np.full((1, 252), 1000.0))[0])


@given(st.floats(0.01, 3), st.integers(0, 10**6))
def test_every_loss_statistic_grows_in_proportion_to_the_position(scale: float, seed: int) -> None:
    series = sample(120, 1, seed).T
    for measure in (metrics.volatility, metrics.historical_var, metrics.ewma_var, metrics.expected_shortfall):
        assert measure(series * scale)[0] == pytest.approx(measure(series)[0] * scale, rel=1e-9)
