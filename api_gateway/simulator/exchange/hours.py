"""Exchange hours of the sessions in the price history, in New York time.

The sessions themselves come from the price file; the half days are a fact table, so that starting the simulator
does not wait for a calendar library. A test checks the table against that library.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

NEW_YORK = ZoneInfo("America/New_York")
OPENING = time(9, 30)
CLOSING = time(16, 0)
MORNING = time(10, 0)

_CLOSE_AT_13 = """
1993-11-26 1994-11-25 1995-07-03 1995-11-24 1996-07-05 1996-11-29 1996-12-24 1997-07-03 1997-11-28 1997-12-24
1997-12-26 1998-11-27 1998-12-24 1999-11-26 1999-12-31 2000-07-03 2000-11-24 2001-07-03 2001-11-23 2001-12-24
2002-07-05 2002-11-29 2002-12-24 2003-07-03 2003-11-28 2003-12-24 2003-12-26 2004-11-26 2005-11-25 2006-07-03
2006-11-24 2007-07-03 2007-11-23 2007-12-24 2008-07-03 2008-11-28 2008-12-24 2009-11-27 2009-12-24 2010-11-26
2011-11-25 2012-07-03 2012-11-23 2012-12-24 2013-07-03 2013-11-29 2013-12-24 2014-07-03 2014-11-28 2014-12-24
2015-11-27 2015-12-24 2016-11-25 2017-07-03 2017-11-24 2018-07-03 2018-11-23 2018-12-24 2019-07-03 2019-11-29
2019-12-24 2020-11-27 2020-12-24 2021-11-26 2022-11-25
"""
_CLOSE_AT_14 = "1990-12-24 1991-12-24 1992-11-27 1992-12-24"
EARLY_CLOSES: dict[date, time] = {
    **{date.fromisoformat(day): time(13, 0) for day in _CLOSE_AT_13.split()},
    **{date.fromisoformat(day): time(14, 0) for day in _CLOSE_AT_14.split()},
}


def closing_time(session: date) -> time:
    return EARLY_CLOSES.get(session, CLOSING)


def at(day: date, clock_time: time) -> datetime:
    """A New York wall-clock instant, as aware UTC."""
    return datetime.combine(day, clock_time, NEW_YORK).astimezone(UTC)


def minutes_of(session: date) -> int:
    """Length of a session in minutes."""
    close = closing_time(session)
    return (close.hour - OPENING.hour) * 60 + close.minute - OPENING.minute


@dataclass(frozen=True)
class Moment:
    """Where an instant lies among the sessions.

    `session` is the row of the last session that has opened, `minute` the whole minutes since it opened (its length
    once it closed), `completed` the row of the last session that has closed.
    """

    now: datetime
    session: int
    minute: int
    is_open: bool
    completed: int


@dataclass(frozen=True, eq=False)
class SessionCalendar:
    """Shape: opens and closes [T], epoch seconds."""

    sessions: tuple[date, ...]
    opens: npt.NDArray[np.int64]
    closes: npt.NDArray[np.int64]

    def moment(self, now: datetime) -> Moment:
        """Raises ValueError before the first session: there is nothing to quote."""
        seconds = now.timestamp()
        session = int(np.searchsorted(self.opens, seconds, side="right")) - 1
        if session < 0:
            raise ValueError(f"{now.isoformat()} lies before the first session {self.sessions[0]}")
        is_open = seconds < int(self.closes[session])
        end = seconds if is_open else int(self.closes[session])
        return Moment(now, session, int(end - self.opens[session]) // 60, is_open, session - 1 if is_open else session)

    def opening(self, row: int) -> datetime:
        return datetime.fromtimestamp(int(self.opens[row]), UTC)

    def closing(self, row: int) -> datetime:
        return datetime.fromtimestamp(int(self.closes[row]), UTC)

    def length(self, row: int) -> int:
        return int(self.closes[row] - self.opens[row]) // 60

    @property
    def end(self) -> datetime:
        """The midnight after the last session: the market clock stops there."""
        return at(self.sessions[-1] + timedelta(days=1), time(0, 0))

    def next_morning(self, now: datetime) -> datetime | None:
        """10:00 New York of the first session that opens after `now`, None past the end of the history."""
        row = int(np.searchsorted(self.opens, now.timestamp(), side="right"))
        return at(self.sessions[row], MORNING) if row < len(self.sessions) else None


def calendar_of(sessions: tuple[date, ...]) -> SessionCalendar:
    opens = np.array([int(at(day, OPENING).timestamp()) for day in sessions], dtype=np.int64)
    lengths = np.array([minutes_of(day) for day in sessions], dtype=np.int64)
    return SessionCalendar(sessions, opens, opens + 60 * lengths)
