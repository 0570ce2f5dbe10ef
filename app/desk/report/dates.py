"""Sessions ahead as dates."""

from datetime import date, timedelta

from app.desk.ports import Calendar


def in_sessions(calendar: Calendar, today: date, count: int | None) -> date | None:
    """The session that comes so many after today; None for None."""
    if count is None:
        return None
    # No exchange is closed for two weeks; seven sessions in five would be none either.
    day = today + timedelta(days=count)
    while calendar.sessions_between(today, day) < count:
        day += timedelta(days=1)
    return day
