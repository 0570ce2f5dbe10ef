"""The slots of a day that a caller may ask for: the two that are always there, and those that the policy names.

A misspelt slot must never be another trading day, so nothing else runs; what the program calls its own runs is no slot.
"""

import re
from collections.abc import Mapping
from datetime import time

from app.domain.errors import UsageError
from app.domain.policy import Policy
from app.domain.spelling import nearest, shortened

DAILY_SLOT, CLOSE_SLOT, RECONCILE_SLOT, PREVIEW_SLOT = "daily", "close", "reconcile", "preview"
RECOVER_SLOT = "recover"
EXIT_PREFIX = "exit"
# No policy may give them: each has its meaning already.
OWN_SLOTS = frozenset({DAILY_SLOT, CLOSE_SLOT, RECONCILE_SLOT, PREVIEW_SLOT, RECOVER_SLOT})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def latest_starts(policy: Policy) -> Mapping[str, time]:
    """Of every slot that trades; New York. The close of the day has none."""
    return {DAILY_SLOT: policy.execution.latest_start, **policy.execution.slots}


def slots(policy: Policy) -> tuple[str, ...]:
    """What a caller may ask for."""
    return (*latest_starts(policy), CLOSE_SLOT)


def require_slot(policy: Policy, slot: str) -> None:
    """Raises UsageError for a name that is none of the policy's slots."""
    known = slots(policy)
    if slot in known:
        return
    near = nearest(slot, known)
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(
        f"there is no slot {shortened(slot)!r}{hint}",
        f"Slots are {', '.join(known)}; execution.slots of the policy names others",
    )


def exit_slot(symbol: str, number: int) -> str:
    """Under which the day's exit of a name by hand is kept."""
    return f"{EXIT_PREFIX}-{symbol.lower().replace('.', '-').replace(' ', '-')}-{number}"


def name_problem(slot: str) -> str | None:
    """Why a policy cannot name a slot so; None where it can."""
    if slot in OWN_SLOTS:
        return f"{slot} is there already; the policy names other slots"
    if slot.partition("-")[0] == EXIT_PREFIX:
        return "exit is what exits by hand are kept under; choose another name"
    if not _NAME.fullmatch(slot):
        return "a slot is named in lower-case letters, digits, - and _, a letter first, at most 32"
    return None
