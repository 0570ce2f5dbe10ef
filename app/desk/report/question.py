"""A question of the broker as report and `portfolio questions` have it: what it means, what a person may do."""

from pydantic import BaseModel, ConfigDict

from app.domain.order import OrderState
from app.domain.questions import Question, advice, meaning


class QuestionPart(BaseModel):
    """One question that the broker asked before it took the order; `why` says why it was left unanswered.

    `meaning`: what the broker's documents say of the ids. `advice`: what a person may do, null where it was answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[str, ...]
    text: str
    answered: bool
    why: str | None
    meaning: str
    advice: str | None


def question_part(question: Question, state: str) -> QuestionPart:
    """With what it means, and what a person may do about it."""
    final = state == OrderState.REJECTED.value
    return QuestionPart(
        ids=question.ids,
        text=question.text,
        answered=question.answered,
        why=question.why,
        meaning=meaning(question.ids),
        advice=None if question.answered else advice(question.ids, final=final),
    )
