"""A day decided: measured, planned, ruled and chosen, for many accounts of one market at once; live it is one.

Their statistics are worked out together; plans are made for one at a time, and only where the screen fires.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.decision import NOTHING_TO_DO, Options, Situation, anything_to_decide, offered, plans, rules
from app.domain.evaluation import Evaluation
from app.domain.plan import Action, Plan
from app.domain.ruling import DayUse, KillLevel, Refusal
from app.engine.levels import level_after
from app.risk import Today, feasible, measure, share_statistics


@dataclass(frozen=True, slots=True)
class Decided:
    """One account's day; `level` is the one that its orders were ruled under."""

    evaluation: Evaluation
    level: KillLevel
    options: Options

    @property
    def chosen(self) -> Plan:
        """The plan that the rules choose."""
        return self.options.default_plan


@dataclass(frozen=True, slots=True)
class Given:
    """One account with what was done of its day, the level in force, and runs that sent orders since a review."""

    today: Today
    use: DayUse = field(default_factory=DayUse)
    level: KillLevel = KillLevel.ACTIVE
    runs_since_review: int = 0


def decide(today: Today, use: DayUse, level: KillLevel, runs_since_review: int = 0) -> Decided:
    """One account's day."""
    return decide_all([Given(today, use, level, runs_since_review)])[0]


def decide_all(given: Sequence[Given]) -> tuple[Decided, ...]:
    """The same of each, whatever the others are."""
    share_statistics(one.today for one in given)
    return tuple(map(_decided, given))


def _decided(given: Given) -> Decided:
    policy, evaluation = given.today.policy, measure(given.today)
    level = level_after(policy, given.level, evaluation, given.runs_since_review)
    return Decided(evaluation, level, options(given.today, evaluation, given.use, level))


def options(today: Today, evaluation: Evaluation, use: DayUse, level: KillLevel) -> Options:
    """What may be done with an account that was measured."""
    policy, portfolio, market, memory = today.policy, today.portfolio, today.market, today.memory
    fires = anything_to_decide(Situation(policy, portfolio, market, evaluation, memory))
    candidates = plans(policy, portfolio, market, evaluation, memory) if fires else (NOTHING_TO_DO,)
    left: list[Plan] = []
    refusals: dict[Action, tuple[Refusal, ...]] = {}
    for wanted in candidates:
        plan, refusals[wanted.action] = feasible(today, wanted, use, level)
        if plan is not None:
            left.append(plan)
    return Options(
        candidates=candidates,
        feasible=tuple(left),
        refusals=refusals,
        choosable=offered(policy, evaluation, left),
        default=rules(policy, evaluation, left),
    )
