"""Price histories as chunks: the months between the first and the last of a series are written once each.

The first month is cut off by the two years that are asked for, and the last one still grows: both go with the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import numpy as np

from app.domain.market import Array, PriceSeries
from app.record.canonical import digest, encoded
from app.record.chunks import PREFIX, Chunks, Kept
from app.record.codec import Names, decode, encode, fields, form, refuse

# A day's names, with those of some other accounts.
_MOST_REMEMBERED = 1024
_FIELDS = frozenset({"source", "as_of", "first", "past", "last"})
_NO_NAMES: Names = {}


@dataclass(frozen=True, slots=True)
class _Past:
    """The whole months of one series: what they were made of, the reference to all, and their texts by hash."""

    source: str
    dates: tuple[date, ...]
    closes: bytes
    reference: str
    texts: Mapping[str, str]


# Yesterday's whole months are nearly always today's. By conid; one thread's loss is only made again.
_remembered: dict[int, _Past] = {}


def put_history(chunks: Chunks, series: PriceSeries) -> dict[str, object]:
    """What goes with the day; whole months are put into chunks of their own."""
    dates, closes = series.dates, series.closes
    first, last = _inner(dates)
    plain: dict[str, object] = {"source": series.source, "as_of": encode(datetime, series.as_of)}
    if first == last:
        return plain | {"first": _rows(dates, closes)}
    past = _past_of(series, first, last)
    if past is None:
        return plain | {"first": _rows(dates, closes)}
    chunks.put_made(past.texts)
    return plain | {
        "first": _rows(dates[:first], closes[:first]),
        "past": past.reference,
        "last": _rows(dates[last:], closes[last:]),
    }


def read_history(kept: Kept, conid: int, plain: object, path: str) -> PriceSeries:
    """Raises: RecordError naming the path of what is wrong with it."""
    told = fields(plain, path)
    if not told.keys() <= _FIELDS:
        refuse(path, "has a field that nobody knows")
    parts = [_read_rows(told.get("first"), f"{path}.first")]
    if "past" in told:
        months = fields(kept.open(told["past"], f"{path}.past"), f"{path}.past")
        parts += [_read_month(kept, months[name], f"{path}.past.{name}") for name in sorted(months)]
        parts.append(_read_rows(told.get("last"), f"{path}.last"))
    try:
        return PriceSeries(
            conid=conid,
            dates=tuple(day for dates, _ in parts for day in dates),
            closes=np.concatenate([closes for _, closes in parts]),
            source=decode(str, told.get("source"), f"{path}.source", _NO_NAMES),
            as_of=decode(datetime, told.get("as_of"), f"{path}.as_of", _NO_NAMES),
        )
    except ValueError as error:
        refuse(path, str(error))


def _inner(dates: Sequence[date]) -> tuple[int, int]:
    """Where the first month ends and where the last one begins; equal where there is nothing between."""
    if not dates:
        return 0, 0
    first, last = 0, len(dates)
    opening, closing = (dates[0].year, dates[0].month), (dates[-1].year, dates[-1].month)
    while first < len(dates) and (dates[first].year, dates[first].month) == opening:
        first += 1
    while last > first and (dates[last - 1].year, dates[last - 1].month) == closing:
        last -= 1
    return first, last


def _past_of(series: PriceSeries, first: int, last: int) -> _Past | None:
    """None where the dates do not rise: such a series has no months."""
    dates, closes = series.dates[first:last], series.closes[first:last]
    known = _remembered.get(series.conid)
    source, content = series.source, closes.tobytes()
    if known is not None and (known.source, known.closes, known.dates) == (source, content, dates):
        return known
    if any(later <= earlier for earlier, later in zip(series.dates, series.dates[1:], strict=False)):
        return None
    texts: dict[str, str] = {}
    months: dict[str, str] = {}
    for name, start, end in _months(dates):
        month = {"conid": series.conid, "source": source, **_rows(dates[start:end], closes[start:end])}
        months[name] = _put(texts, month)
    found = _Past(source, dates, content, _put(texts, months), texts)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[series.conid] = found
    return found


def _put(texts: dict[str, str], plain: object) -> str:
    text = encoded(plain)
    name = digest(text)
    texts[name] = text
    return PREFIX + name


def _months(dates: Sequence[date]) -> list[tuple[str, int, int]]:
    """(year and month, first row, row after the last)."""
    found: list[tuple[str, int, int]] = []
    start = 0
    for at in range(1, len(dates) + 1):
        if at == len(dates) or dates[at].month != dates[start].month or dates[at].year != dates[start].year:
            found.append((f"{dates[start]:%Y-%m}", start, at))
            start = at
    return found


def _rows(dates: Sequence[date], closes: Array) -> dict[str, object]:
    return {"dates": _days(tuple(dates)), "closes": closes.tolist()}


@lru_cache(maxsize=256)
def _days(dates: tuple[date, ...]) -> list[str]:
    """All names of a day have the same."""
    return [day.isoformat() for day in dates]


def _read_month(kept: Kept, reference: object, path: str) -> tuple[tuple[date, ...], Array]:
    month = dict(fields(kept.open(reference, path), path))
    # Said for whoever looks at the chunk alone.
    month.pop("conid", None)
    month.pop("source", None)
    return _read_rows(month, path)


def _read_rows(plain: object, path: str) -> tuple[tuple[date, ...], Array]:
    rows = fields(plain, path)
    if rows.keys() != {"dates", "closes"}:
        refuse(path, "is not dates with their closes")
    dates: tuple[date, ...] = form(tuple[date, ...]).decode(rows["dates"], f"{path}.dates", _NO_NAMES)
    closes: tuple[float, ...] = form(tuple[float, ...]).decode(rows["closes"], f"{path}.closes", _NO_NAMES)
    if len(dates) != len(closes):
        refuse(path, f"has {len(dates)} dates for {len(closes)} closes")
    return dates, np.array(closes, dtype=np.float64)
