"""When a login ends by the calendar and when nothing answers: pure functions of session time.

That there are a daily reset, a new login after midnight and maintenance on Saturday evening is documented; so is the
hour, 00:00 in one set of IBKR's pages and 01:00 in the other. How long each lasts is not, and chosen here.
"""

from datetime import UTC, datetime, time, timedelta

from api_gateway.simulator.exchange.hours import NEW_YORK, at

RESET = timedelta(minutes=5)
_SATURDAY = 5
_MAINTENANCE_BEGINS, _MAINTENANCE_ENDS = time(18, 0), time(20, 0)


def last_reset(now: datetime, hour: int) -> datetime:
    """The latest daily reset at or before `now`, which falls on `hour` o'clock in New York. Aware UTC."""
    day = now.astimezone(NEW_YORK).date()
    today = at(day, time(hour, 0))
    return today if today <= now.astimezone(UTC) else at(day - timedelta(days=1), time(hour, 0))


def in_reset(now: datetime, hour: int) -> bool:
    return now - last_reset(now, hour) < RESET


def in_maintenance(now: datetime) -> bool:
    local = now.astimezone(NEW_YORK)
    return local.weekday() == _SATURDAY and _MAINTENANCE_BEGINS <= local.time() < _MAINTENANCE_ENDS
