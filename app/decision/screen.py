"""Is there anything to decide? The strategies' own triggers, asked before any of their plans is made.

It may say yes in vain, and must never say no where a plan would be offered or a sale is due.
"""

from app.decision.rebalance import called_for as rebalance_called_for
from app.decision.rotation import turn
from app.decision.situation import Situation
from app.decision.strategies import losers, winners


def anything_to_decide(situation: Situation) -> bool:
    """Looks at no order sizes, cash or room under a limit. `situation` needs no mandatory sales."""
    return (
        bool(situation.evaluation.exits_due)
        or bool(losers(situation))
        or rebalance_called_for(situation)
        or bool(winners(situation))
        or turn(situation) is not None
    )
