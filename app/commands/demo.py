"""The demo's two days: the simulated account is taken over on the day its book was bought, and then it is today.

An account that the program meets today, with a book that is a year old, is another story: `--first-contact`.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import httpx2

from app.commands.service_client import ServiceFailed
from app.market.calendar import ExchangeCalendar, exchange_date

# As the simulator's own starting account has it; it is taken over on the session after.
BOUGHT_SESSIONS_BEFORE = 252
AFTER_CLOSE = timedelta(minutes=30)
_SECONDS = 30.0


@dataclass
class TwoDays:
    """Of one simulator, once it runs. `first` is None where its prices do not reach back so far."""

    first: date | None = None
    _gateway: str = field(default="", init=False)
    _today: datetime | None = field(default=None, init=False)

    def begin(self, gateway: str) -> None:
        """Put the world back to the session after its book was bought."""
        with _simulator(gateway) as http:
            told = http.get("/simulator/state").json()["simulator"]
            sessions = ExchangeCalendar().sessions()
            row = bisect_left(sessions, date.fromisoformat(told["as_of"])) - BOUGHT_SESSIONS_BEFORE + 1
            wanted = {"as_of": sessions[row].isoformat(), "scenario": {"bought_sessions_before": 1}}
            if http.post("/simulator/reset", json=wanted).is_success:
                self.first, self._gateway = sessions[row], gateway
                self._today = datetime.fromisoformat(told["now"])

    def go_on(self) -> Iterator[str]:
        """The calls that are left, each at its time: the last close, from which today's loss counts, today's run."""
        if self._today is None:
            return
        calendar = ExchangeCalendar()
        sessions = calendar.sessions()
        before = calendar.session_on(sessions[bisect_left(sessions, exchange_date(self._today)) - 1])
        assert before is not None  # noqa: S101 - one of the calendar's own
        for at, path in ((before.closes + AFTER_CLOSE, "/run/daily?slot=close"), (self._today, "/run/daily")):
            with _simulator(self._gateway) as http:
                moved = http.post("/simulator/clock", json={"to": at.isoformat()})
            if not moved.is_success:
                raise ServiceFailed(f"the simulator did not move on to {at}: {moved.text}", "Start again")
            yield path


def _simulator(gateway: str) -> httpx2.Client:
    return httpx2.Client(base_url=gateway, timeout=_SECONDS, trust_env=False)
