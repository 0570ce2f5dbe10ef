"""A day decided: measured, planned, ruled and chosen, for many accounts of one market at once; live it is one.

Their statistics are worked out together; plans are made for one at a time, and only where the screen fires.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.decision import NOTHING_TO_DO, Options, Situation, anything_to_decide, offered, plans_of, rules, with_mandatory
from app.domain.evaluation import Evaluation
from app.domain.plan import Action, Plan
from app.domain.ruling import Cause, DayUse, KillLevel, Refusal
from app.engine.levels import Standing, standing_after
from app.risk import Today, feasible, measure, share_statistics


@dataclass(frozen=True, slots=True)
class DayDecision:
    """One account's day; `level` is the one that its orders were ruled under, `causes` the metrics that raised it."""

    evaluation: Evaluation
    level: KillLevel
    options: Options
    causes: tuple[Cause, ...] = ()

    @property
    def chosen(self) -> Plan:
        """The plan that the rules choose."""
        return self.options.default_plan


@dataclass(frozen=True, slots=True)
class Given:
    """One account, what was used of its day, and the level in force.

    `causes`: the metrics that raised the level; None where it stays as it is, whatever is measured.
    """

    today: Today
    use: DayUse
    level: KillLevel
    causes: tuple[Cause, ...] | None = None


def decide(today: Today, use: DayUse, level: KillLevel, causes: tuple[Cause, ...] | None = None) -> DayDecision:
    """One account's day, as `Given` says."""
    return decide_all([Given(today, use, level, causes)])[0]


def decide_all(given: Sequence[Given]) -> tuple[DayDecision, ...]:
    """The same of each, whatever the others are."""
    share_statistics(one.today for one in given)
    return tuple(map(_decided, given))


def _decided(given: Given) -> DayDecision:
    today, standing = given.today, Standing(given.level, given.causes or ())
    evaluation = measure(today)
    if given.causes is not None:
        standing = standing_after(standing, evaluation, today.market.session.date, today.memory.acknowledged)
    found = options(today, evaluation, given.use, standing.level)
    return DayDecision(evaluation, standing.level, found, standing.causes)


def options(today: Today, evaluation: Evaluation, use: DayUse, level: KillLevel) -> Options:
    """What may be done with an account that was measured."""
    policy, portfolio, market, memory = today.policy, today.portfolio, today.market, today.memory
    # Purchases that a level refuses are shown to people and change nothing.
    buying = level is KillLevel.ACTIVE or not today.bare
    situation = Situation(policy, portfolio, market, evaluation, memory, buying=buying)
    fires = anything_to_decide(situation)
    candidates = plans_of(with_mandatory(situation)) if fires else (NOTHING_TO_DO,)
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
