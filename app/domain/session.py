"""The brokerage session: whether the broker can be worked with, and by whose clock."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class SessionState(StrEnum):
    """Only READY trades; every other state says who must act."""

    DOWN = "DOWN"
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    NO_BRIDGE = "NO_BRIDGE"
    COMPETING = "COMPETING"
    READY = "READY"
    MAINTENANCE = "MAINTENANCE"


@dataclass(frozen=True, slots=True)
class Simulation:
    """The marker of a simulated broker: which day it replays, from which seed and whose prices."""

    as_of: date
    seed: int
    data: str
    pacing: float

    @property
    def world(self) -> str:
        """Keeps simulated days apart in the ledger."""
        return f"sim:{self.as_of.isoformat()}:{self.seed}:{self.data}"


@dataclass(frozen=True, slots=True)
class BrokerSession:
    """The broker's own account of its session; `now` is market time, simulated where `simulation` is set.

    It has been in its state `since`, a person logs in at `login_url`, and no login outlasts `next_reset`.
    """

    state: SessionState
    message: str
    remedy: str | None
    accounts: tuple[str, ...]
    paper: bool | None
    now: datetime
    trading_mode: str
    simulation: Simulation | None = None
    since: datetime | None = None
    login_url: str | None = None
    next_reset: datetime | None = None

    @property
    def source(self) -> str:
        """Who answers for the data: "ibkr", or the simulator with its kind of prices."""
        return f"simulator:{self.simulation.data}" if self.simulation else "ibkr"
