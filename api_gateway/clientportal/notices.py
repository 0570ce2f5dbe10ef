"""Decides when a person is told that the session changed: once for each trouble, and once when it is over.

A change that passes by itself within its patience is told to nobody. Must never send anything, nor hold an account id
or a token: what it makes is read by mail servers and chat rooms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.session_health import SessionHealth

# Seconds a state must last before somebody is told. What ends by itself gets longer than what waits for a person.
PATIENCE: Final[Mapping[State, float]] = MappingProxyType(
    {
        State.LOGIN_REQUIRED: 30.0,
        State.COMPETING: 30.0,
        State.DOWN: 120.0,
        State.NO_BRIDGE: 600.0,
        State.MAINTENANCE: 5400.0,
    }
)
# READY for less than this is part of the trouble before it.
SETTLED_SECONDS: Final = 60.0
# Troubles that take turns are told after this long, although none of them lasts.
_LONGEST_TROUBLE_SECONDS: Final = 900.0
_TITLES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.LOGIN_REQUIRED: "log in to the broker's gateway",
        State.COMPETING: "another program holds the broker's session",
        State.DOWN: "the broker's gateway cannot be used",
        State.NO_BRIDGE: "the brokerage session does not open",
        State.MAINTENANCE: "the broker has been in maintenance for long",
        State.READY: "the broker's session is ready again",
    }
)


@dataclass(frozen=True)
class Notice:
    """`needs_person` is False for the good news."""

    state: State
    title: str
    text: str

    @property
    def needs_person(self) -> bool:
        return self.state is not State.READY


class Episodes:
    """An episode begins when READY ends and is over when READY has lasted; each state is told once in it."""

    def __init__(self, login_url: str | None = None) -> None:
        self._login_url = login_url
        self._told: set[State] = set()
        self._began: float | None = None

    def consider(self, health: SessionHealth) -> Notice | None:
        """What to tell now that the session has been looked at, None for nothing."""
        lasted = health.read_at - health.entered_at
        if health.state is State.READY:
            return self._recovered() if lasted >= SETTLED_SECONDS else None
        if health.state in self._told:
            return None
        restless = not self._told and self._trouble(health) >= _LONGEST_TROUBLE_SECONDS
        if lasted < PATIENCE[health.state] and not restless:
            return None
        self._told.add(health.state)
        return self._notice(health.state, " ".join(filter(None, (f"{health.message}.", health.remedy))))

    def _trouble(self, health: SessionHealth) -> float:
        """Seconds since READY or an announced maintenance ended."""
        if health.state is State.MAINTENANCE:
            self._began = None
            return 0.0
        self._began = health.entered_at if self._began is None else self._began
        return health.read_at - self._began

    def _recovered(self) -> Notice | None:
        told, self._told, self._began = bool(self._told), set(), None
        return self._notice(State.READY, "Nothing more is to be done.") if told else None

    def _notice(self, state: State, text: str) -> Notice:
        where = f" Login page: {self._login_url}" if state is State.LOGIN_REQUIRED and self._login_url else ""
        return Notice(state, f"{state}: {_TITLES[state]}", text + where)
