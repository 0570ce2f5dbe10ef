"""The day's targets in the report: what orders go to and why, tilts beside them, and the way back from a fall."""

from datetime import date

from app.decision.aims import Aimed, groups, names, tilts, unreachable
from app.decision.plans import situation_of
from app.desk.desk import Desk
from app.desk.report.dates import in_sessions
from app.desk.report.part import Amount, Part
from app.desk.states import MarketRead
from app.domain.evaluation import Evaluation
from app.domain.way_back import ahead


class TargetPart(Part):
    """As fractions of NAV: `target` of the policy, null for a name that only its group has one for.

    `attainable` is what orders go to today; `reasons` say what keeps it from being the target, or from growing.
    """

    kind: str
    name: str
    weight: float
    target: float | None
    attainable: float
    reasons: tuple[str, ...]


class TiltPart(Part):
    """Shares beside the policy's targets, worth `weight` of NAV, by a `rotation` or a `reinforcement`.

    `until`: the first session without it; null where it ends with the gain or the trend that called for it.
    """

    name: str
    weight: float
    quantity: Amount
    by: str
    until: date | None


class RecoveryPart(Part):
    """On the way back from a fall that was acted upon first on `began`, last on `acted` at the drawdown `acted_at`.

    Up to `cap` may be bought; `left` was left invested, `gap` less than the policy allows. Falls are counted anew from
    `rebased`, or from `mark_earliest` (where the trend is no bear then) to `mark_latest`. The cap rises to `next_cap`
    on `next_step` at the earliest, and is gone on `ends` at the latest, unless the account falls anew. Without dates a
    person has to resume first.
    """

    mode: str
    began: date
    acted: date
    acted_at: float
    left: float
    gap: float
    cap: float | None
    rebased: date | None
    mark_earliest: date | None
    mark_latest: date | None
    next_step: date | None
    next_cap: float | None
    ends: date | None


class TargetsPart(Part):
    """`groups`: classes, sectors and names with a target of their own; `names`: all of which a share is held or
    to be bought.

    `invested`: what all of them come to. `warnings`: targets of which nothing can be bought.
    """

    invested: float
    groups: tuple[TargetPart, ...]
    names: tuple[TargetPart, ...]
    tilts: tuple[TiltPart, ...]
    recovery: RecoveryPart | None
    warnings: tuple[str, ...]


def targets_part(desk: Desk, run: MarketRead, evaluation: Evaluation) -> TargetsPart:
    """As the day was decided."""
    situation = situation_of(desk.policy, run.portfolio, run.market, evaluation, run.memory)
    own = names(situation)
    today = run.key.session_date
    return TargetsPart(
        invested=sum(one.attainable for one in own),
        groups=tuple(map(_target, groups(situation))),
        names=tuple(map(_target, own)),
        tilts=tuple(
            TiltPart(
                name=one.name,
                weight=one.weight,
                quantity=one.quantity,
                by=one.by,
                until=in_sessions(desk.calendar, today, one.left),
            )
            for one in tilts(situation)
        ),
        recovery=_recovery(desk, run, evaluation),
        warnings=unreachable(situation),
    )


def _target(one: Aimed) -> TargetPart:
    return TargetPart(
        kind=one.kind,
        name=one.name,
        weight=one.weight,
        target=one.target,
        attainable=one.attainable,
        reasons=one.reasons,
    )


def _recovery(desk: Desk, run: MarketRead, evaluation: Evaluation) -> RecoveryPart | None:
    found, rules, today = evaluation.recovery, desk.policy.recovery, run.key.session_date
    if found is None:
        return None
    coming = ahead(rules, run.memory, found, today)
    caps = [cap.limit for cap in evaluation.caps if cap.rule == "recovery"]
    return RecoveryPart(
        mode=rules.mode.value,
        began=found.began,
        acted=found.acted,
        acted_at=found.acted_at,
        left=found.left,
        gap=found.gap,
        cap=min(caps, default=None),
        rebased=found.rebased,
        mark_earliest=in_sessions(desk.calendar, today, coming.mark_earliest),
        mark_latest=in_sessions(desk.calendar, today, coming.mark_latest),
        next_step=in_sessions(desk.calendar, today, coming.step),
        next_cap=coming.next_cap,
        ends=in_sessions(desk.calendar, today, coming.end),
    )
