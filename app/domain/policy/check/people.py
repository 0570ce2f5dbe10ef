"""Whose money it is, who is told, and what looks like a slip of the pen."""

from collections.abc import Iterator

from app.domain.policy import Mode, Occasion, Policy, RiskTolerance
from app.domain.policy.check.findings import Finding, error, percent, warning
from app.domain.policy.check.names import Names
from app.domain.policy.fields import slips

# An investor's own word against the limits: annual volatility and drawdown that still fit it. Our convention.
_CALM_ENOUGH = {RiskTolerance.CONSERVATIVE: 0.15, RiskTolerance.MODERATE: 0.25, RiskTolerance.AGGRESSIVE: 1.0}
_SHORT_HORIZON_YEARS, _SHORT_HORIZON_EXPOSURE = 3, 0.6


def investor_fits(policy: Policy, _: Names) -> Iterator[Finding]:
    investor, limits = policy.investor, policy.risk_limits
    most = _CALM_ENOUGH[investor.risk_tolerance]
    for name in ("max_annual_volatility", "max_drawdown"):
        if getattr(limits, name) > most:
            yield warning(
                f"risk_limits.{name}_pct",
                f"{percent(getattr(limits, name))} is much for a {investor.risk_tolerance} investor; "
                f"up to {percent(most)} fits",
            )
    if investor.horizon_years < _SHORT_HORIZON_YEARS and limits.max_exposure > _SHORT_HORIZON_EXPOSURE:
        yield warning(
            "investor.horizon_years",
            f"{investor.horizon_years} is short for an exposure of up to {percent(limits.max_exposure)}",
        )


def somebody_is_told(policy: Policy, _: Names) -> Iterator[Finding]:
    told, waits = policy.notifications, policy.approval.mode is Mode.APPROVE
    for row, url in enumerate(told.urls):
        if "://" not in url:
            # The address itself stays unsaid: it may hold a password.
            yield error(f"notifications.urls.{row}", "is not an address: one looks like mailto://name@example.com")
    if waits and not told.urls:
        yield warning("notifications.urls", "approval.mode is approve, and nobody is told that orders wait")
    if waits and told.urls and Occasion.APPROVAL_NEEDED not in told.on:
        yield warning("notifications.on", "approval.mode is approve, and approval_needed is not told")
    if told.urls and not told.on:
        yield warning("notifications.on", "is empty: the addresses are never written to")


def slipped(policy: Policy, _: Names) -> Iterator[Finding]:
    for path, fraction in slips(policy):
        said = fraction * 100
        yield warning(path, f"{said:.6g} means {said:.6g} %; was {said * 100:.6g} meant?")
