"""The account's value over time, and the drawdown that follows from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum


class NavKind(StrEnum):
    """`broker` seeds the history from the broker's own record, `run` is intraday, `close` is the session's close."""

    BROKER = "broker"
    RUN = "run"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class NavPoint:
    """One value of the account. `index` is the time-weighted return index from 1, `peak` its running maximum."""

    session_date: date
    kind: NavKind
    nav: Decimal
    index: float
    peak: float

    @property
    def drawdown(self) -> float:
        """Loss from the peak as a fraction."""
        return 1 - self.index / self.peak

    @property
    def is_sound(self) -> bool:
        """Whether a return can be told from it: value, index and peak are finite and above zero."""
        return self.nav.is_finite() and self.nav > 0 and 0 < self.index < math.inf and 0 < self.peak < math.inf


def follow(
    previous: NavPoint | None, session_date: date, kind: NavKind, nav: Decimal, flow: Decimal = Decimal(0)
) -> NavPoint:
    """The point after `previous`; `flow` is money paid in since then and is neither gain nor loss."""
    if previous is None:
        return NavPoint(session_date, kind, nav, index=1.0, peak=1.0)
    index = previous.index * float((nav - flow) / previous.nav)
    return NavPoint(session_date, kind, nav, index=index, peak=max(previous.peak, index))


def closes(navs: Sequence[NavPoint]) -> tuple[NavPoint, ...]:
    """The points that statistics use: values at a session's close, whoever recorded them."""
    return tuple(point for point in navs if point.kind is not NavKind.RUN)


def since(navs: Sequence[NavPoint], first: date) -> tuple[NavPoint, ...]:
    """Those of that day and later, oldest first, their peak counted from there: of closes, and of the first value."""
    if not navs or navs[0].session_date >= first:
        return tuple(navs)
    peak, found = 0.0, list[NavPoint]()
    for point in navs:
        if point.session_date >= first:
            found.append(replace(point, peak=max(peak, point.index)))
            if point.kind is not NavKind.RUN or len(found) == 1:
                peak = found[-1].peak
    return tuple(found)
