"""When IBKR resets its sessions and maintains its systems, as far as it tells.

Documented are a reset at midnight of the user's region (an hour later in the newer pages) and maintenance on Saturday
evening, without an exact end. So these hours only explain an answer that did not come; they make no session unusable
that answers, and none usable that does not.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DEFAULT_ZONE: Final = ZoneInfo("America/New_York")
# Covers both documented hours, 00:00 and 01:00, and some minutes of restart.
_RESET_ENDS: Final = time(1, 15)
_MAINTENANCE_BEGINS: Final = time(18, 0)
_SATURDAY: Final = 5


def next_reset(now: datetime, zone: ZoneInfo) -> datetime:
    """The next midnight of that zone: every login ends there at the latest. Aware UTC."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0, 0), zone).astimezone(UTC)


def window(now: datetime, zone: ZoneInfo) -> str | None:
    """What is announced for this hour, None outside of it."""
    local = now.astimezone(zone)
    if local.time() < _RESET_ENDS:
        return "the daily reset"
    if local.weekday() == _SATURDAY and local.time() >= _MAINTENANCE_BEGINS:
        return "Saturday's maintenance"
    return None
