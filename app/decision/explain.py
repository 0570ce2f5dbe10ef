"""Why this action and not the others: how each of the five stands, what it asked for and what would have to change.

Explains a decision that was made and must never make one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.decision.aims import unreachable
from app.decision.conditions import Condition, Conditions, conditions
from app.decision.options import Options
from app.decision.plans import situation_of
from app.decision.shortfall import Shortfall, shortfalls
from app.decision.situation import Situation
from app.decision.too_small import no_buy_is_possible
from app.domain.evaluation import Evaluation
from app.domain.market import Market
from app.domain.order import Side
from app.domain.plan import Action, Choice, Memory
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio

# By precedence, as the rules would choose.
ACTIONS = (Action.CUT_LOSERS, Action.ROTATE, Action.REINFORCE, Action.REBALANCE, Action.HOLD)
MOST_TOLD = 3


class Standing(StrEnum):
    """What became of an action; IMPOSSIBLE was triggered and found no order, REFUSED lost all of them at the gate."""

    CHOSEN = "chosen"
    OFFERED = "offered"
    WITHHELD = "withheld"
    REFUSED = "refused"
    IMPOSSIBLE = "impossible"
    NOT_TRIGGERED = "not_triggered"
    BARRED = "barred"


@dataclass(frozen=True, slots=True)
class ActionExplanation:
    """One action. `because` is a sentence; `changes` say what would have to be different for it to be offered.
    `shown_as`: the action as people read it.

    `shortfalls` is of REBALANCE: the targets that its plan, the closest that is feasible, does not meet.
    """

    action: Action
    standing: Standing
    because: str
    conditions: Conditions
    changes: tuple[str, ...]
    shown_as: str
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True)
class _Decision:
    """What was offered, and what became of it; `shown_as`: what was chosen, as people read it."""

    options: Options
    choice: Choice
    chosen: Action
    shown_as: str


def explain(
    policy: Policy,
    portfolio: Portfolio,
    market: Market,
    evaluation: Evaluation,
    memory: Memory,
    options: Options,
    choice: Choice,
) -> tuple[ActionExplanation, ...]:
    """All five actions, in the order of precedence. Raises: KeyError for a choice that was not offered."""
    situation = situation_of(policy, portfolio, market, evaluation, memory)
    chosen = options.plan(choice)
    decision = _Decision(options, choice, chosen.action, chosen.shown_as)
    return tuple(_one(situation, decision, action) for action in ACTIONS)


def _one(situation: Situation, decision: _Decision, action: Action) -> ActionExplanation:
    found = conditions(situation, action)
    standing = _standing(decision, action, found)
    changes = () if standing in {Standing.CHOSEN, Standing.OFFERED} else _changes(standing, found)
    because = _because(decision, action, standing, found)
    if action is Action.HOLD and not any(o.side is Side.BUY for p in decision.options.choosable for o in p.orders):
        impossible = no_buy_is_possible(situation)
        why_not = (*unreachable(situation), *(() if impossible is None else (impossible,)))
        because += "".join(f" {words[0].upper()}{words[1:]}." for words in why_not[:MOST_TOLD])
    short: tuple[Shortfall, ...] = ()
    if action is Action.REBALANCE:
        plan = next((plan for plan in decision.options.feasible if plan.action is action), None)
        orders = plan.orders if plan is not None else situation.mandatory
        short = shortfalls(situation, orders, decision.options.refusals.get(action, ()))
    name = next((plan.shown_as for plan in decision.options.feasible if plan.action is action), action.value)
    return ActionExplanation(action, standing, because, found, changes, name, short)


def _standing(decision: _Decision, action: Action, found: Conditions) -> Standing:
    if action is decision.chosen:
        return Standing.CHOSEN
    for plans, standing in (
        (decision.options.choosable, Standing.OFFERED),
        (decision.options.feasible, Standing.WITHHELD),
        (decision.options.candidates, Standing.REFUSED),
    ):
        if any(plan.action is action for plan in plans):
            return standing
    if found.missing:
        return Standing.BARRED
    return Standing.IMPOSSIBLE if found.triggered else Standing.NOT_TRIGGERED


def _because(decision: _Decision, action: Action, standing: Standing, found: Conditions) -> str:
    plan = next(
        (plan for plan in (*decision.options.feasible, *decision.options.candidates) if plan.action is action), None
    )
    reason = plan.reason if plan is not None else ""
    met, asked = (_listed([c.text for c in found.triggers if c.met or every]) for every in (False, True))
    return {
        Standing.CHOSEN: f"Chosen by {decision.choice.chosen_by}: {reason}.",
        Standing.OFFERED: f"Offered, and {decision.shown_as} was chosen by {decision.choice.chosen_by}: {reason}.",
        Standing.WITHHELD: "Withheld: a CRITICAL breach outlasts the mandatory exits, and another plan answers it: "
        f"{_listed([c.text for c in found.missing])}.",
        Standing.REFUSED: f"Called for ({reason}), and the gate left nothing of it: "
        f"{_listed([str(r) for r in decision.options.refusals.get(action, ())])}.",
        Standing.IMPOSSIBLE: f"Called for ({met}), and no order of it fits: the mandatory sales, limits, cash, "
        "order sizes, rests and the day's number of orders leave nothing to do.",
        Standing.NOT_TRIGGERED: f"Not called for: {asked or 'nothing triggers it'}.",
        Standing.BARRED: f"Not offered: {_listed([c.text for c in found.missing])}."
        + (f" It is called for ({met})." if met else ""),
    }[standing]


def _changes(standing: Standing, found: Conditions) -> tuple[str, ...]:
    """First what is missing, then, where nothing triggers it, one of its triggers."""
    needed = [c.change for c in found.missing if c.change is not None]
    if standing in {Standing.BARRED, Standing.NOT_TRIGGERED} and not found.triggered:
        nearest: list[Condition] = [c for c in found.triggers if c.change is not None]
        needed += [" or ".join(c.change for c in nearest if c.change is not None)] if nearest else []
    return tuple(needed)


def _listed(texts: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(texts) - MOST_TOLD
    return "; ".join(texts[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
