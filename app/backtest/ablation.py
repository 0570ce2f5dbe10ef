"""Policies that differ in one thing: without their risk guard, and without each action and each rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.policy import DrawdownAction, Policy

# No price falls by it or rises by it on the way here.
_NEVER_LOST, _NEVER_GAINED = 1.0, 1e6
_STRATEGIES = {
    "REINFORCE": "reinforce_winners",
    "ROTATE": "sector_rotation",
    "CUT_LOSERS": "cut_losers",
    "REBALANCE": "rebalance",
}


@dataclass(frozen=True, slots=True)
class Ablation:
    """`policy`: without what `name` says."""

    name: str
    policy: Policy


def unguarded(policy: Policy) -> Policy:
    """The policy with its risk guard off: no exits, no limits, no caps.

    Stop loss, take profit and drawdown action never act; every limit of `risk_limits` is all of the account, its cash
    reserve none; neither the volatility index nor a bear trend lowers the exposure, and no loss raises the level. What
    is held, how targets are made, strategies, cool-down and the bounds of single orders stay.
    """
    limits = policy.risk_limits
    lifted: dict[str, Any] = dict.fromkeys(type(limits).model_fields, 1.0) | {"min_cash_reserve": 0.0}
    return policy.model_copy(
        update={
            "risk_limits": limits.model_copy(update=lifted),
            "exits": policy.exits.model_copy(
                update={
                    "stop_loss": _NEVER_LOST,
                    "take_profit": _NEVER_GAINED,
                    "drawdown_action": DrawdownAction.HOLD,
                }
            ),
            "market": policy.market.model_copy(update={"vix_bands": (), "bear_exposure": 1.0}),
        }
    )


def in_any_market(policy: Policy) -> Policy:
    """The policy without what the market's state lowers the exposure to."""
    return _market(policy, vix_bands=(), bear_exposure=1.0)


def ablations(policy: Policy) -> Iterator[Ablation]:
    """One for each action and rule that the policy has."""
    for action, section in _STRATEGIES.items():
        strategy = getattr(policy.strategies, section)
        if strategy.enabled:
            off = strategy.model_copy(update={"enabled": False})
            strategies = policy.strategies.model_copy(update={section: off})
            yield Ablation(action, policy.model_copy(update={"strategies": strategies}))
    yield from _without_exits(policy)
    if policy.market.vix_bands:
        yield Ablation("vix_bands", _market(policy, vix_bands=()))
    if policy.market.bear_exposure < 1:
        yield Ablation("bear_trend", _market(policy, bear_exposure=1.0))


def _without_exits(policy: Policy) -> Iterator[Ablation]:
    exits = policy.exits
    if exits.stop_loss < _NEVER_LOST:
        yield Ablation("stop_loss", _exits(policy, stop_loss=_NEVER_LOST))
    if exits.take_profit < _NEVER_GAINED and exits.takes_profit:
        yield Ablation("take_profit", _exits(policy, take_profit=_NEVER_GAINED))
    if exits.drawdown_action is not DrawdownAction.HOLD:
        yield Ablation("drawdown_action", _exits(policy, drawdown_action=DrawdownAction.HOLD))


def _exits(policy: Policy, **changes: object) -> Policy:
    return policy.model_copy(update={"exits": policy.exits.model_copy(update=changes)})


def _market(policy: Policy, **changes: object) -> Policy:
    return policy.model_copy(update={"market": policy.market.model_copy(update=changes)})
