"""The day's explanations as the report has them: made when the plan is, and kept with the plan that is committed."""

from app.decision.conditions import Condition
from app.decision.explain import ActionExplanation
from app.desk.report import schema as r


def explanation_part(explanation: ActionExplanation) -> r.ExplanationPart:
    """As the report and the committed plan carry it."""
    return r.ExplanationPart(
        action=explanation.action.value,
        standing=explanation.standing.value,
        because=explanation.because,
        triggers=tuple(_condition(c) for c in explanation.conditions.triggers),
        requirements=tuple(_condition(c) for c in explanation.conditions.requirements),
        changes=explanation.changes,
        shortfalls=tuple(
            r.ShortfallPart(
                kind=s.kind, name=s.name, target=s.target, attainable=s.attainable, after=s.after, reasons=s.reasons
            )
            for s in explanation.shortfalls
        ),
    )


def _condition(condition: Condition) -> r.ConditionPart:
    return r.ConditionPart(
        rule=condition.rule,
        subject=condition.subject,
        met=condition.met,
        text=condition.text,
        value=condition.value,
        threshold=condition.threshold,
        distance=condition.distance,
        change=condition.change,
    )
