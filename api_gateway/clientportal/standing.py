"""What is said of the session to whoever asks: people, probes and programs. Knows no HTTP and decides nothing."""

from dataclasses import dataclass
from datetime import datetime

from api_gateway.clientportal.errors import State


@dataclass(frozen=True)
class Primed:
    """A session that answers fully; `accounts` are those the login may trade, `tiered` where some are below others."""

    accounts: tuple[str, ...]
    paper: bool
    tiered: bool = False


@dataclass(frozen=True)
class Standing:
    """One look at the session. `primed` is there exactly when READY.

    `since` is when the state was first seen and `previous` what it was before; `checked_at` when the gateway was asked.
    `entered_at` and `read_at` are the same two moments in monotonic seconds.
    """

    state: State
    message: str
    remedy: str | None
    primed: Primed | None
    previous: State | None
    since: datetime
    checked_at: datetime
    entered_at: float
    read_at: float
