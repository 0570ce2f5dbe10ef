"""Works out what could be done today, and what the rules would choose. Pure: no clock, file, network or environment."""

from app.decision.explain import explain
from app.decision.plans import plans
from app.decision.rules import offered, rules

__all__ = ["explain", "offered", "plans", "rules"]
