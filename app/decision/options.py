"""What a day offers, from the first idea of it to what a chooser may choose."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.plan import Action, Choice, Plan
from app.domain.ruling import Refusal


@dataclass(frozen=True, slots=True)
class Options:
    """`candidates` before the gate, `feasible` after it with their numbers, `choosable` as offered to the chooser.

    `refusals` by action: what the gate cut. `default` is what the rules choose.
    """

    candidates: tuple[Plan, ...]
    feasible: tuple[Plan, ...]
    refusals: Mapping[Action, tuple[Refusal, ...]]
    choosable: tuple[Plan, ...]
    default: Choice

    def plan(self, choice: Choice) -> Plan | None:
        """The plan of that choice; None for one that was not offered."""
        return next((plan for plan in self.choosable if plan.id == choice.plan_id), None)

    @property
    def default_plan(self) -> Plan:
        """The plan that the rules choose."""
        return next(plan for plan in self.choosable if plan.id == self.default.plan_id)
