"""What a policy's fields say about each other: every field may be valid and the whole still impossible.

Errors are rules that contradict each other; warnings are rules that do nothing, or that look like a slip. Judges the
policy alone and must never look at an account or a market.
"""

from collections.abc import Mapping

from app.domain.policy import Policy
from app.domain.policy.check.execution import answers_bind, execution_works, slots_work
from app.domain.policy.check.findings import Finding, Level
from app.domain.policy.check.limits import exits_agree, limits_agree, market_agrees, recovery_ends
from app.domain.policy.check.names import Names, invested_target
from app.domain.policy.check.people import investor_fits, slipped, somebody_is_told
from app.domain.policy.check.selection import scores_rank, selection_has_room, targets_come_soon
from app.domain.policy.check.targets import classes_add_up, sectors_add_up, symbols_can_be_held, targets_fit
from app.domain.policy.check.universe import names_are_bought, sectors_exist, universe_holds_something

__all__ = ["Finding", "Level", "check", "invested_target"]

_RULES = (
    universe_holds_something,
    names_are_bought,
    sectors_exist,
    symbols_can_be_held,
    classes_add_up,
    sectors_add_up,
    targets_fit,
    scores_rank,
    selection_has_room,
    targets_come_soon,
    limits_agree,
    exits_agree,
    recovery_ends,
    market_agrees,
    execution_works,
    slots_work,
    answers_bind,
    investor_fits,
    somebody_is_told,
    slipped,
)


def check(policy: Policy, sectors: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every contradiction and oddity, errors first. `sectors`: symbol → GICS sector, before the policy's own word.

    A name that is in neither may be in any sector: that is the broker's to tell, and `portfolio doctor` asks him.
    """
    names = Names(policy, sectors)
    findings = [finding for rule in _RULES for finding in rule(policy, names)]
    return tuple(sorted(findings, key=lambda finding: finding.severity is Level.WARNING))
