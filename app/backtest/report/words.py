"""How figures are written for people."""

from collections.abc import Callable

from app.backtest.result import Estimate

UNKNOWN = "–"
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """With thousands and a real minus."""
    if value is None or value != value:
        return UNKNOWN
    return f"{value:{'+' if sign else ''},.{digits}f}".replace("-", _MINUS)


def percent(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """A fraction in percent."""
    return UNKNOWN if value is None or value != value else f"{number(value * 100, digits, sign=sign)} %"


def days(value: float | None) -> str:
    """Whole ones."""
    return number(value, 0)


def estimate(found: Estimate | None, tell: Callable[[float | None], str]) -> str:
    """A figure with its interval, where there is one."""
    if found is None or found.value is None:
        return UNKNOWN
    if found.low is None or found.high is None:
        return tell(found.value)
    return f"{tell(found.value)} ({tell(found.low)} to {tell(found.high)})"


BENCHMARKS = {
    "buy_and_hold": "buy and hold",
    "equal_weight": "equal weight",
    "index": "price index",
    "unguarded": "policy without its guard",
    "same_exposure": "equal weight, same exposure",
    "same_targets": "same targets, no rules, same exposure",
}
# Statistic → what a person calls it, and how it is written.
STATISTICS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "total_return": ("total return", percent),
    "cagr": ("return a year", percent),
    "volatility": ("volatility a year", percent),
    "sharpe": ("Sharpe ratio", number),
    "deflated_sharpe": ("deflated Sharpe ratio", percent),
    "sortino": ("Sortino ratio", number),
    "calmar": ("Calmar ratio", number),
    "max_drawdown": ("largest drawdown", percent),
    "time_under_water": ("time under water", percent),
    "longest_under_water": ("longest time under water, sessions", days),
    "var_exceedances": ("days beyond the VaR of the day before (5 % expected)", percent),
    "kupiec_p": ("probability of so many (Kupiec)", percent),
    "turnover": ("turnover a year", percent),
    "costs": ("costs a year", lambda value: percent(value, 2)),
    "commission": ("commissions a year", lambda value: percent(value, 2)),
    "slippage": ("slippage a year", lambda value: percent(value, 2)),
    "win_rate": ("closed trades that won", percent),
    "winning_days": ("days that won", percent),
    "exposure_mean": ("invested on average", percent),
    "sessions_below_20pct": ("sessions under 20 % invested", days),
    "days_active": ("days ACTIVE", percent),
    "days_reducing": ("days REDUCING, exits only", percent),
    "days_halted": ("days HALTED", percent),
}
LIMITS = {
    "max_position": "largest position",
    "max_sector": "largest sector",
    "annual_volatility": "volatility a year",
    "var_95_1d": "VaR 95 %, 1 day",
    "correlated_cluster": "correlated cluster",
    "exposure": "invested",
}
