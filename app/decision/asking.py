"""What a model is asked, and what its answer comes to: one of the offered plans, or else the rules' choice, flagged.

The same answer to the same day always comes to the same choice, so that it can be replayed.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.domain.evaluation import Evaluation
from app.domain.plan import Choice, Plan

LONGEST_ANSWER = 20_000


class Answer(BaseModel):
    """All that a model may say."""

    model_config = ConfigDict(extra="forbid")

    plan_id: Annotated[str, StringConstraints(max_length=64)]
    rationale: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers a chooser may see; every text in it is ours."""
    return {
        "metrics": {m.name: {"value": m.value, "limit": m.limit, "severity": m.severity} for m in evaluation.metrics},
        "exits_due": [f"{e.rule}: {e.symbol}" for e in evaluation.exits_due],
        "trend": evaluation.trend,
        "vix": evaluation.vix,
        "nav": str(evaluation.nav.quantize(Decimal("0.01"))),
    }


def question(plans: Sequence[Plan], default: Choice, measurements: Mapping[str, Any]) -> dict[str, Any]:
    """The question as JSON."""
    return {
        "plans": [
            {
                "plan_id": plan.id,
                "action": plan.action.value,
                "trigger": plan.reason,
                "orders": len(plan.orders),
                "turnover": plan.post_trade.turnover if plan.post_trade else None,
                "after": plan.post_trade.metrics if plan.post_trade else None,
            }
            for plan in plans
        ],
        "measurements": dict(measurements),
        "the_rules_would_choose": default.plan_id,
    }


def choice_of(plans: Sequence[Plan], default: Choice, model: str, answer: str) -> Choice:
    """The plan that the answer names; the rules' choice with `fallback` where it is not one of those offered."""
    if len(answer) > LONGEST_ANSWER:
        return fallen_back(default, model, "the answer is not of the agreed form")
    try:
        said = Answer.model_validate_json(answer)
    except ValidationError:
        return fallen_back(default, model, "the answer is not of the agreed form")
    if said.plan_id not in {plan.id for plan in plans}:
        return fallen_back(default, model, "the answer names a plan that was not offered")
    return Choice(said.plan_id, said.rationale, f"model:{model}")


def fallen_back(default: Choice, model: str, reason: str) -> Choice:
    """The rules' choice in a model's place."""
    return Choice(default.plan_id, default.rationale, default.chosen_by, f"model {model}: {reason}")
