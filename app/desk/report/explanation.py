"""The day's explanations as the report has them: made when the plan is, and kept with the plan that is committed."""

from app.decision.conditions import Condition
from app.decision.explain import ActionExplanation
from app.desk.report.part import Part


class ConditionPart(Part):
    """One thing that an action asks for, of the policy's field `rule`; `distance` is threshold less value.

    Values are fractions, or sessions where the rule counts them. `change` says what would meet it.
    """

    rule: str
    subject: str
    met: bool
    text: str
    value: float | None
    threshold: float | None
    distance: float | None
    change: str | None


class ShortfallPart(Part):
    """A target that the closest feasible plan does not meet, as fractions of NAV."""

    kind: str
    name: str
    target: float
    attainable: float
    after: float
    reasons: tuple[str, ...]


class ExplanationPart(Part):
    """Why an action was chosen or not. Of `triggers` one is enough, of `requirements` all are needed.

    `shown_as`: the action as people read it.
    `standing`: chosen, offered, withheld, refused (by the gate), impossible (no order fits), not_triggered or barred.
    """

    action: str
    standing: str
    because: str
    triggers: tuple[ConditionPart, ...]
    requirements: tuple[ConditionPart, ...]
    changes: tuple[str, ...]
    shortfalls: tuple[ShortfallPart, ...]
    shown_as: str | None = None


def explanation_part(explanation: ActionExplanation) -> ExplanationPart:
    """As the report and the committed plan carry it."""
    return ExplanationPart(
        action=explanation.action.value,
        standing=explanation.standing.value,
        because=explanation.because,
        triggers=tuple(_condition(c) for c in explanation.conditions.triggers),
        requirements=tuple(_condition(c) for c in explanation.conditions.requirements),
        changes=explanation.changes,
        shortfalls=tuple(
            ShortfallPart(
                kind=s.kind, name=s.name, target=s.target, attainable=s.attainable, after=s.after, reasons=s.reasons
            )
            for s in explanation.shortfalls
        ),
        shown_as=explanation.shown_as,
    )


def _condition(condition: Condition) -> ConditionPart:
    return ConditionPart(
        rule=condition.rule,
        subject=condition.subject,
        met=condition.met,
        text=condition.text,
        value=condition.value,
        threshold=condition.threshold,
        distance=condition.distance,
        change=condition.change,
    )
