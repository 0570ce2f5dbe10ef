"""The exchange's sessions, half days and special closures included, because a weekday is not a trading day.

The library behind it costs a third of a second to import and a tenth to build, so both wait for the first question.
Must never answer for a date outside the years it was built for: that is an error, not a closed exchange.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from app.domain.errors import UsageError
from app.domain.market import Session

NEW_YORK = ZoneInfo("America/New_York")

_FIRST_YEAR = 1990
_LAST_YEAR = 2050
_REGULAR = (time(9, 30), time(16))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exchange_date(at: datetime) -> date:
    """The date in New York at that moment; ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    return at.astimezone(NEW_YORK).date()


@dataclass(frozen=True, slots=True)
class _Table:
    """Sessions oldest first, with their hours as nanoseconds since the epoch."""

    dates: tuple[date, ...]
    opens: tuple[int, ...]
    closes: tuple[int, ...]


@cache
def _table() -> _Table:
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS", start=f"{_FIRST_YEAR}-01-01", end=f"{_LAST_YEAR}-12-31")
    return _Table(
        tuple(calendar.sessions.date), tuple(calendar.opens_nanos.tolist()), tuple(calendar.closes_nanos.tolist())
    )


def _instant(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def regular_session(day: date) -> Session:
    """The hours of a date that is a session, half days as if they were whole; without the calendar, which is dear."""
    opens, closes = (datetime.combine(day, at, NEW_YORK).astimezone(UTC) for at in _REGULAR)
    return Session(day, opens, closes)


class ExchangeCalendar:
    """The New York Stock Exchange from 1990 to 2049; dates outside raise UsageError.

    Future special closures are unknown; how many years are built does not change what building costs.
    """

    def session(self, at: datetime) -> Session | None:
        """The session of the New York date of `at`, None when the exchange is closed that day."""
        return self.session_on(self.local_date(at))

    def local_date(self, at: datetime) -> date:
        """The exchange's own date at that moment."""
        return exchange_date(at)

    def session_on(self, day: date) -> Session | None:
        """The session of that date, None when the exchange is closed."""
        table = self._covering(day)
        row = bisect_left(table.dates, day)
        if row == len(table.dates) or table.dates[row] != day:
            return None
        return Session(day, _instant(table.opens[row]), _instant(table.closes[row]))

    def is_session(self, day: date) -> bool:
        """Whether the exchange opens on that date."""
        return self.session_on(day) is not None

    def sessions_between(self, earlier: date, later: date) -> int:
        """Sessions after `earlier` up to and including `later`; negative where `later` comes first."""
        table = self._covering(earlier, later)
        return bisect_right(table.dates, later) - bisect_right(table.dates, earlier)

    def sessions(self) -> tuple[date, ...]:
        """All that it answers for."""
        dates = _table().dates
        return dates[: bisect_left(dates, date(_LAST_YEAR, 1, 1))]

    def next_session(self, day: date) -> date:
        """The first session after that date."""
        table = self._covering(day)
        return table.dates[bisect_right(table.dates, day)]

    @staticmethod
    def _covering(*days: date) -> _Table:
        for day in days:
            # The last year is built but not answered for, so that every date has a next session.
            if not _FIRST_YEAR <= day.year < _LAST_YEAR:
                raise UsageError(
                    f"{day} is outside the exchange's calendar",
                    f"Choose a date from {_FIRST_YEAR} to {_LAST_YEAR - 1}.",
                )
        return _table()
