"""Works out what could be done today, and what the rules would choose. Pure: no clock, file, network or environment."""

from app.decision.explain import explain
from app.decision.options import Options
from app.decision.plans import NOTHING_TO_DO, plans, plans_of, with_mandatory
from app.decision.rules import offered, rules
from app.decision.screen import anything_to_decide
from app.decision.situation import Situation

__all__ = [
    "NOTHING_TO_DO",
    "Options",
    "Situation",
    "anything_to_decide",
    "explain",
    "offered",
    "plans",
    "plans_of",
    "rules",
    "with_mandatory",
]
