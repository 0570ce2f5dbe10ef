"""The account's value over time. It goes forward only: a point is never put before one that statistics have used."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from app.desk.records import Event
from app.domain.errors import LedgerError
from app.domain.navs import NavKind, NavPoint
from app.ledger import events
from app.ledger.events import OwnKind
from app.ledger.schema import navs

_POINTS = select(navs.c.session_date, navs.c.kind, navs.c.nav, navs.c.idx, navs.c.peak)
_OF_BOOK = _POINTS.where(navs.c.book == bindparam("of"))
_LAST_SESSION = select(func.max(navs.c.session_date)).where(navs.c.book == bindparam("of")).scalar_subquery()
_NEWEST = _OF_BOOK.where(navs.c.session_date == _LAST_SESSION)
_ADD = insert(navs)
# Within one session.
_ORDER = {NavKind.BROKER: 0, NavKind.RUN: 1, NavKind.CLOSE: 2}


def add(connection: Connection, book: str, points: Sequence[NavPoint]) -> None:
    """Each point after the one before it; only a `run` point takes the place of another, of its own session."""
    # The chain's head is the book's lock: two writers must not both see the same newest point.
    events.head(connection, book)
    latest = _newest(connection, book)
    for point in points:
        _check(point)
        if latest is not None:
            _follow(connection, book, latest, point)
        connection.execute(
            _ADD,
            {
                "book": book,
                "session_date": point.session_date,
                "kind": point.kind,
                "nav": point.nav,
                "idx": point.index,
                "peak": point.peak,
            },
        )
        latest = point


def add_from_outside(connection: Connection, book: str, points: Sequence[NavPoint], at: datetime) -> None:
    """Points that no run's seal tells of, with the event that does."""
    if points:
        add(connection, book, points)
        payload = {"points": [as_payload(point) for point in points]}
        events.append(connection, book, None, (Event(OwnKind.NAVS_ADDED, payload),), at)


def load(connection: Connection, book: str) -> tuple[NavPoint, ...]:
    """Oldest first."""
    return _ordered(connection.execute(_OF_BOOK, {"of": book}).all())


def as_payload(point: NavPoint) -> Mapping[str, Any]:
    """The point as the audit trail tells it."""
    return {
        "session_date": point.session_date,
        "kind": point.kind,
        "nav": point.nav,
        "index": point.index,
        "peak": point.peak,
    }


def _newest(connection: Connection, book: str) -> NavPoint | None:
    rows = connection.execute(_NEWEST, {"of": book}).all()
    return _ordered(rows)[-1] if rows else None


def _follow(connection: Connection, book: str, latest: NavPoint, point: NavPoint) -> None:
    if _rank(point) > _rank(latest):
        return
    if point.kind is not NavKind.RUN or _rank(point) != _rank(latest):
        raise LedgerError(
            f"a {point.kind} NAV point of {point.session_date} cannot follow the {latest.kind} point of "
            f"{latest.session_date}",
            "Simulated days that go back in time need a state directory of their own",
        )
    same = (navs.c.book == book, navs.c.session_date == point.session_date, navs.c.kind == point.kind)
    connection.execute(delete(navs).where(*same))


def _check(point: NavPoint) -> None:
    if not (0 < point.index < math.inf and 0 < point.peak < math.inf):
        raise LedgerError(f"the NAV point of {point.session_date} has index {point.index} and peak {point.peak}")


def _rank(point: NavPoint) -> tuple[Any, int]:
    return point.session_date, _ORDER[point.kind]


def _ordered(rows: Sequence[Row[Any, Any, Any, Any, Any]]) -> tuple[NavPoint, ...]:
    points = [NavPoint(day, NavKind(kind), nav, index=index, peak=peak) for day, kind, nav, index, peak in rows]
    return tuple(sorted(points, key=_rank))
