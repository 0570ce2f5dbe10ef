"""A sweep's figures as a person reads them."""

from app.backtest.result import Estimate

# Statistic → its heading.
HEADINGS = {
    "sharpe": "Sharpe",
    "cagr": "a year",
    "max_drawdown": "largest fall",
    "calmar": "Calmar",
    "volatility": "volatility",
    "turnover": "turnover",
    "costs": "costs",
    "exposure_mean": "invested",
}
_RATIOS = {"sharpe", "calmar", "turnover"}


def figure(name: str, value: float | None) -> str:
    """A ratio as it is, anything else as a percentage."""
    if value is None:
        return "–"
    return f"{value:.2f}" if name in _RATIOS else f"{value:.1%}"


def interval(name: str, estimate: Estimate) -> str:
    """With its interval where one can be told."""
    if estimate.low is None or estimate.high is None:
        return f"{figure(name, estimate.value)} [no interval: too few days]"
    return f"{figure(name, estimate.value)} [{figure(name, estimate.low)}, {figure(name, estimate.high)}]"
