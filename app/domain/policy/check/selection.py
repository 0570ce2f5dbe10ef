"""How names are chosen and weighted, whether the choice can meet the targets, and how soon."""

import math
from collections.abc import Iterator, Sequence

from app.domain.policy import Policy, Weighting
from app.domain.policy.check.findings import Finding, error, percent, some, up, warning
from app.domain.policy.check.names import Names, invested_target
from app.domain.policy.fields import CASH
from app.domain.tolerance import TOLERANCE
from app.domain.totals import total_of

_NAMES, _SCORES = "allocation.selection.names", "allocation.selection.scores"
# An account that is all cash is so much of its way within so many sessions; of these the last day's orders fill after
# them, and another day's worth is what whole shares and a moving price leave.
SESSIONS, DAYS, WAY = 10, 8, 0.8


def scores_rank(policy: Policy, names: Names) -> Iterator[Finding]:
    """What is asked for is given, and does something."""
    allocation = policy.allocation
    scores, weighting = allocation.selection.scores, allocation.weighting
    by_score = weighting is Weighting.SCORE
    if scores and not any(scores.values()):
        yield error(_SCORES, "no score has a weight: nothing ranks the names; {momentum_12_1: 1} works")
    for score, weight in scores.items():
        if weight < 0:
            yield warning(
                f"{_SCORES}.{score}", f"{weight:g} turns it around, the worst come first; {-weight:g} does not"
            )
    if by_score and not scores:
        yield error("allocation.weighting", "score needs allocation.selection.scores; {momentum_12_1: 1} there works")
    if scores and allocation.selection.names is None and not by_score:
        yield warning(
            _SCORES,
            "rank only what is bought where the names that are held have too little room; selection.names, or "
            "weighting: score, lets them choose",
        )
    if allocation.selection.names is not None and not scores:
        yield warning(_NAMES, "nothing ranks the names, those that are held come first; selection.scores would")


def selection_has_room(policy: Policy, names: Names) -> Iterator[Finding]:
    """As many names as a target needs under the position limits."""
    most = policy.allocation.selection.names
    if most is None:
        return
    for what, target, group in _groups(policy, names):
        rooms = names.rooms(group)
        if target <= total_of(rooms[:most]) + TOLERANCE or target > total_of(rooms) + TOLERANCE:
            continue
        needed = next(count for count in range(len(rooms) + 1) if target <= total_of(rooms[:count]) + TOLERANCE)
        yield error(
            _NAMES,
            f"{most} of {some(group)} may become {percent(total_of(rooms[:most]))} inside the position limits, the "
            f"target of {what} is {percent(target)}; {needed} works",
        )


def _groups(policy: Policy, names: Names) -> Iterator[tuple[str, float, Sequence[str]]]:
    """(name, target, symbols) of what is chosen from, without what has a target of its own."""
    allocation = policy.allocation
    fixed = allocation.symbols
    free = [symbol for symbol in names.buyable if symbol not in fixed]
    for sector, target in allocation.sectors.items():
        yield sector, target, [symbol for symbol in names.in_sector(sector) if symbol not in fixed]
    for of_class, target in allocation.asset_classes.items():
        if of_class != CASH and not (of_class == "STK" and allocation.sectors):
            inside = names.in_class(of_class, fixed)
            yield of_class, target - total_of(fixed[symbol] for symbol in inside), list(names.in_class(of_class, free))
    if invested_target(policy) is None:
        limits = policy.risk_limits
        yield "all that is invested", min(limits.max_exposure, 1 - limits.min_cash_reserve), free


def targets_come_soon(policy: Policy, names: Names) -> Iterator[Finding]:
    """What a day may buy brings an account of cash alone near its targets within ten sessions."""
    rules, invested = policy.execution, invested_target(policy)
    if not invested:
        return
    wanted = WAY * invested / DAYS
    told = f"within {SESSIONS} sessions an account of cash alone is less than {percent(WAY)} of its way to the targets"
    if 0 < rules.max_turnover < wanted - TOLERANCE:
        yield error("execution.max_turnover_pct", f"{percent(rules.max_turnover)}: {told}; {up(wanted)} or more works")
    largest = rules.max_order_nav
    if largest and largest * rules.max_orders_per_day < wanted - TOLERANCE:
        yield error(
            "execution.max_orders_per_day",
            f"{rules.max_orders_per_day} orders of max_order_nav_pct ({percent(largest)}) at most: {told}; "
            f"{math.ceil(wanted / largest - TOLERANCE)} or more works, or max_order_nav_pct: "
            f"{up(wanted / rules.max_orders_per_day)}",
        )
    most = policy.allocation.selection.names
    if most is not None:
        count = sum(min(most, len(group)) for _, _, group in _groups(policy, names)) + len(policy.allocation.symbols)
        needed = math.ceil(WAY * count / DAYS)
        if rules.max_orders_per_day < needed:
            yield error(
                "execution.max_orders_per_day",
                f"{rules.max_orders_per_day} orders a day for {count} names: {told}; {needed} or more works",
            )
