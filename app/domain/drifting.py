"""Which distance from a target is one to correct."""

from app.domain.evaluation import Drift
from app.domain.policy import Policy
from app.domain.tolerance import TOLERANCE


def is_off(policy: Policy, drift: Drift, least: float) -> bool:
    """Beyond the threshold; or a name that is to be held and is not, or the other way round, by more than `least`."""
    if abs(drift.difference) > policy.allocation.drift_threshold + TOLERANCE:
        return True
    comes_or_goes = drift.kind == "name" and (drift.attainable == 0) != (drift.weight == 0)
    return comes_or_goes and abs(drift.difference) >= least - TOLERANCE
