"""Limits, exits and the market's caps against each other."""

import math
from collections.abc import Iterator

from app.domain.policy import DrawdownAction, Policy, RecoveryMode
from app.domain.policy.check.findings import Finding, error, percent, warning
from app.domain.policy.check.names import Names
from app.domain.tolerance import TOLERANCE

# Two years: longer than most falls and their recoveries take together.
_LONGEST_WAY = 504


def limits_agree(policy: Policy, _: Names) -> Iterator[Finding]:
    limits = policy.risk_limits
    for name in (
        "max_drawdown",
        "max_position",
        "max_sector",
        "max_annual_volatility",
        "max_var_95_1d",
        "max_daily_loss",
        "max_correlated",
        "max_exposure",
    ):
        if getattr(limits, name) == 0:
            yield error(f"risk_limits.{name}_pct", "0 leaves no room for any position")
    if limits.max_exposure > 1 - limits.min_cash_reserve + TOLERANCE:
        yield warning(
            "risk_limits.max_exposure_pct",
            f"{percent(limits.max_exposure)} is never reached: min_cash_reserve_pct leaves "
            f"{percent(1 - limits.min_cash_reserve)}",
        )
    if limits.max_position > limits.max_sector:
        yield warning("risk_limits.max_position_pct", "is above max_sector_pct, which binds first")
    if limits.max_daily_loss > limits.max_drawdown:
        yield warning("risk_limits.max_daily_loss_pct", "is above max_drawdown_pct, which binds first")


def exits_agree(policy: Policy, _: Names) -> Iterator[Finding]:
    exits, strategies = policy.exits, policy.strategies
    cut, reinforce = strategies.cut_losers, strategies.reinforce_winners
    if exits.stop_loss == 0:
        yield error("exits.stop_loss_pct", "0 sells every position that has not risen")
    if cut.enabled and cut.trigger_loss >= exits.stop_loss:
        yield warning(
            "strategies.cut_losers.trigger_loss_pct",
            f"{percent(cut.trigger_loss)} adds nothing: exits.stop_loss_pct sells at {percent(exits.stop_loss)}",
        )
    if reinforce.enabled and exits.takes_profit and exits.take_profit <= reinforce.trigger_gain:
        yield warning(
            "strategies.reinforce_winners.trigger_gain_pct",
            f"{percent(reinforce.trigger_gain)} is not reached before exits.take_profit_pct "
            f"({percent(exits.take_profit)}) sells",
        )
    if exits.drawdown_action is DrawdownAction.REDUCE and exits.drawdown_exposure >= policy.risk_limits.max_exposure:
        yield warning("exits.drawdown_exposure_pct", "is not below risk_limits.max_exposure_pct: it reduces nothing")


def recovery_ends(policy: Policy, _: Names) -> Iterator[Finding]:
    """Waits that mean something, and a way back that somebody lives to see."""
    rules = policy.recovery
    if rules.mode is RecoveryMode.PERSON:
        return
    if rules.most_sessions == rules.after_sessions:
        yield warning(
            "recovery.most_sessions",
            f"{rules.most_sessions} is after_sessions: whether the trend is a bear's is never asked",
        )
    steps = math.ceil(1 / rules.step - TOLERANCE)
    slowest = rules.most_sessions + (steps - 1) * rules.every_sessions
    if slowest > _LONGEST_WAY:
        fits = max(1, (_LONGEST_WAY - rules.most_sessions) // max(1, steps - 1))
        cure = f"every_sessions: {fits} works, or a larger step_pct" if steps > 1 else "a shorter most_sessions works"
        yield warning(
            "recovery.every_sessions",
            f"{steps} steps of {percent(rules.step)} bring an account back in up to {slowest} sessions; {cure}",
        )


def market_agrees(policy: Policy, _: Names) -> Iterator[Finding]:
    market, most = policy.market, policy.risk_limits.max_exposure
    for row, band in enumerate(market.vix_bands):
        if band.max_exposure >= most:
            yield warning(
                f"market.vix_bands.{row}.max_exposure_pct", "is not below risk_limits.max_exposure_pct: it adds nothing"
            )
    if market.bear_exposure > most:
        yield warning("market.bear_exposure_pct", "is above risk_limits.max_exposure_pct: it adds nothing")
