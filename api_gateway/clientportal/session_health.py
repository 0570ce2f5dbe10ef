"""The health of the brokerage session as people, probes and programs are told it. Knows no HTTP and decides nothing."""

from dataclasses import dataclass
from datetime import datetime

from api_gateway.clientportal.errors import State


@dataclass(frozen=True)
class PrimedSession:
    """A session that answers fully; `accounts` are those the login may trade, `tiered` where some are below others."""

    accounts: tuple[str, ...]
    paper: bool
    tiered: bool = False


@dataclass(frozen=True)
class SessionHealth:
    """One look at the session. `primed` is there exactly when READY.

    `since` is when the state was first seen and `previous` what it was before; `checked_at` when the gateway was asked.
    `entered_at` and `read_at` are the same two moments in monotonic seconds.
    """

    state: State
    message: str
    remedy: str | None
    primed: PrimedSession | None
    previous: State | None
    since: datetime
    checked_at: datetime
    entered_at: float
    read_at: float
