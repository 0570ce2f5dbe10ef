"""The demo's two days: the simulated account is taken over on the day its book was bought, and then it is today.

An account that the program meets today, with a book that is a year old, is another story: `--first-contact`.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date

import httpx2

from app.commands.service_client import ServiceFailed
from app.market.calendar import ExchangeCalendar

# As the simulator's own starting account has it; it is taken over on the session after.
BOUGHT_SESSIONS_BEFORE = 252
_SECONDS = 30.0


@dataclass
class TwoDays:
    """Of one simulator, once it runs. `first` is None where its prices do not reach back so far."""

    first: date | None = None
    _gateway: str = field(default="", init=False)
    _today: str = field(default="", init=False)

    def begin(self, gateway: str) -> None:
        """Put the world back to the day after its book was bought."""
        with httpx2.Client(base_url=gateway, timeout=_SECONDS, trust_env=False) as http:
            told = http.get("/simulator/state").json()["simulator"]
            sessions = ExchangeCalendar().sessions()
            row = bisect_left(sessions, date.fromisoformat(told["as_of"])) - BOUGHT_SESSIONS_BEFORE + 1
            wanted = {"as_of": sessions[row].isoformat(), "scenario": {"bought_sessions_before": 1}}
            if http.post("/simulator/reset", json=wanted).is_success:
                self.first, self._gateway, self._today = sessions[row], gateway, told["now"]

    def go_on(self) -> None:
        """To today. Raises ServiceFailed where the simulator refuses."""
        with httpx2.Client(base_url=self._gateway, timeout=_SECONDS, trust_env=False) as http:
            moved = http.post("/simulator/clock", json={"to": self._today})
        if not moved.is_success:
            raise ServiceFailed(f"the simulator did not move on to {self._today}: {moved.text}", "Start again")
