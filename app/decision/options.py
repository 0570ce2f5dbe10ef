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

    def plan(self, choice: Choice) -> Plan:
        """The plan of that choice. Raises: KeyError for one that was not offered."""
        return {plan.id: plan for plan in self.choosable}[choice.plan_id]

    @property
    def default_plan(self) -> Plan:
        """The plan that the rules choose."""
        return self.plan(self.default)
