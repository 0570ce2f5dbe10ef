"""What is told of portfolios over the same past returns, each number worked out when it is asked for, and kept."""

from dataclasses import dataclass

import numpy as np

from app.domain.kept import kept_property
from app.domain.market import Array
from app.risk import metrics
from app.risk.arrays import Panel


@dataclass(frozen=True)
class Statistics:
    """Of K portfolios at once. Shape: weights [K, N] → [K] each; NaN where a number is undefined."""

    weights: Array
    panel: Panel

    @kept_property
    def series(self) -> Array:
        """Today's weights over the past. Shape: [K, T]."""
        return metrics.portfolio_returns(self.weights, self.panel.returns)

    @kept_property
    def _variance(self) -> Array:
        return metrics.variance(self.series)

    @kept_property
    def annual_volatility(self) -> Array:
        """Of the last 63 days."""
        return metrics.recent_volatility(self.series)

    @kept_property
    def var_95_historical(self) -> Array:
        return metrics.historical_var(self.series)

    @kept_property
    def var_95_1d(self) -> Array:
        """The exponentially weighted one."""
        return metrics.ewma_var(self.series)

    @kept_property
    def unlimited(self) -> dict[str, Array]:
        """By name, those that no policy limits."""
        series, panel = self.series, self.panel
        missing = np.full(len(self.weights), np.nan)
        return {
            "annual_volatility_252": metrics.volatility(series, self._variance),
            "var_95_historical": self.var_95_historical,
            "var_95_ewma": self.var_95_1d,
            "es_95": metrics.expected_shortfall(series),
            "implied_correlation": metrics.implied_correlation(self.weights, panel.spreads, series, self._variance),
            "beta": missing if panel.index is None else metrics.beta(series, panel.index),
            "sharpe": metrics.sharpe(series, known=self._variance),
            "sortino": metrics.sortino(series),
            "max_drawdown": metrics.max_drawdown(series),
            "winning_days": metrics.win_rate(series),
        }
