"""Is there anything to decide? A cheap answer for many policies at once, before any plan is built.

It may say yes in vain, and must never be silent where a plan would be offered or a sale is due. So it leaves out what
only forbids: trends, pauses between reinforcements, order sizes, names that nobody may trade.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.evaluation import Evaluation
from app.domain.market import Array
from app.domain.plan import Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.risk.book import Mask
from app.risk.limits import TOLERANCE


@dataclass(frozen=True, slots=True)
class Triggers:
    """Where each policy starts to act. Shape: [K] each; infinite where it never does.

    `loss` and `gain` on cost of one position, `drift` of one weight; whether it `rotates`, and whether it `rebalances`
    on a breach.
    """

    loss: Array
    gain: Array
    drift: Array
    rotates: Mask
    rebalances: Mask


@dataclass(frozen=True, slots=True)
class State:
    """What the accounts are like. Shape: `gains` [K, N], NaN for dust and without a cost; the rest [K].

    `drift` is the largest one; `breached`: a limit is; `due`: a sale is mandatory; `may_rise`: buying is possible.
    """

    gains: Array
    drift: Array
    breached: Mask
    due: Mask
    may_rise: Mask


def triggers(policies: Sequence[Policy], memories: Sequence[Memory]) -> Triggers:
    """One row for each policy with its account's memory."""
    pairs = list(zip(policies, memories, strict=True))
    strategies = [policy.strategies for policy in policies]
    return Triggers(
        loss=np.array([-s.cut_losers.trigger_loss if s.cut_losers.enabled else -math.inf for s in strategies]),
        gain=np.array(
            [s.reinforce_winners.trigger_gain if s.reinforce_winners.enabled else math.inf for s in strategies]
        ),
        drift=np.array([_drift(policy, memory) for policy, memory in pairs]),
        rotates=np.array([_rotates(policy, memory) for policy, memory in pairs], dtype=bool),
        rebalances=np.array([s.rebalance.enabled for s in strategies], dtype=bool),
    )


def anything_to_decide(at: Triggers, state: State) -> Mask:
    """Shape: [K]."""
    loses = (state.gains <= at.loss[:, None] + TOLERANCE).any(axis=1)
    gains = (state.gains >= at.gain[:, None] - TOLERANCE).any(axis=1)
    drifts = state.drift > at.drift
    broken = at.rebalances & state.breached
    result: Mask = state.due | loses | drifts | broken | (state.may_rise & (gains | at.rotates))
    return result


def worth_deciding(policy: Policy, portfolio: Portfolio, evaluation: Evaluation, memory: Memory) -> bool:
    """The answer for one account."""
    gains = [p.unrealized_return for p in portfolio.positions if p.quantity >= 1]
    state = State(
        gains=np.array([[math.nan if gain is None else gain for gain in gains]], dtype=np.float64),
        drift=np.array([max((abs(drift.difference) for drift in evaluation.drifts), default=0.0)]),
        breached=np.array([bool(evaluation.breaches)]),
        due=np.array([bool(evaluation.exits_due)]),
        may_rise=np.array([evaluation.risk_may_rise]),
    )
    return bool(anything_to_decide(triggers([policy], [memory]), state)[0])


def _drift(policy: Policy, memory: Memory) -> float:
    """A rebalance and a rotation rest for the policy's frequency."""
    moved = [ago for ago in (memory.last_rebalance, memory.last_rotation) if ago is not None]
    if not policy.strategies.rebalance.enabled or any(ago < policy.allocation.frequency.sessions for ago in moved):
        return math.inf
    return policy.allocation.drift_threshold


def _rotates(policy: Policy, memory: Memory) -> bool:
    """Once in a period; whether the ranking of the sectors changed is left to the plan."""
    rules, last = policy.strategies.sector_rotation, memory.last_rotation
    return rules.enabled and (last is None or last >= rules.evaluation_sessions)
