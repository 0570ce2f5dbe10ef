"""Kill levels as a day raises them: by themselves only upwards; a person lowers them.

Losing more than the policy allows leaves exits only; so does running for long without a person having looked.
"""

from app.domain.evaluation import Evaluation
from app.domain.policy import Policy
from app.domain.ruling import KillLevel

# Breaches after which only exits go until a person resumes.
REDUCING_METRICS = ("daily_loss", "var_95_1d")


def level_after(policy: Policy, level: KillLevel, evaluation: Evaluation, runs_since_review: int) -> KillLevel:
    """The level that the day's orders are ruled under."""
    reduces = level is KillLevel.ACTIVE and reason_to_reduce(policy, evaluation, runs_since_review) is not None
    return KillLevel.REDUCING if reduces else level


def reason_to_reduce(policy: Policy, evaluation: Evaluation, runs_since_review: int) -> str | None:
    """Why nothing but exits may go from now on, in words; None where more may.

    `runs_since_review`: runs that sent orders since a person last looked.
    """
    for name in REDUCING_METRICS:
        metric = evaluation.metric(name)
        if metric.acts and metric.value is not None and metric.limit is not None:
            return f"{name} is {metric.value:.1%}, limit {metric.limit:.1%}"
    most = policy.approval.review_after_runs
    if most == 0 or runs_since_review < most:
        return None
    return f"{runs_since_review} runs sent orders since a person last looked, limit {most}"
