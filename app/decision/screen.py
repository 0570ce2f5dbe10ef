"""Is there anything to decide? The strategies' own triggers, asked before any of their plans is made.

It may say yes in vain, and must never say no where a plan would be offered or a sale is due.
"""

from app.decision.causes import called_for as rebalance_called_for
from app.decision.rotation import turn
from app.decision.situation import Situation
from app.decision.strategies import losers, reinforce


def anything_to_decide(situation: Situation) -> bool:
    """`situation` needs no mandatory sales: where there are any, that is an answer."""
    return (
        bool(situation.evaluation.exits_due)
        or bool(losers(situation))
        or rebalance_called_for(situation)
        or turn(situation) is not None
        # Winners that have no room left are there for years: here the plan itself is the answer.
        or reinforce(situation) is not None
    )
