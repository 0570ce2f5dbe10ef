"""Closing net asset values as the broker keeps them. A young account has none yet, which is no error."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import pairwise

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import NavHistory, NavPoint, StrangeRow
from api_gateway.clientportal.row_reader import RowReader


def nav_history(content: object, account: str, as_of: datetime) -> NavHistory:
    """Parses the answer of `/pa/performance` for one account.

    Raises: Malformed for another account's, where values cannot be told from each other, and where none can be read.
    """
    answer = wire.mapping(content, "performance")
    if "nav" not in answer and "rc" not in answer:
        raise Malformed("performance: nav is missing")
    nav = {} if answer.get("nav") is None else wire.mapping(answer["nav"], "performance nav")
    series = _series(nav.get("data"), account)
    days, values = _list(nav, "dates"), _list(series, "navs")
    if len(days) != len(values):
        raise Malformed(f"performance: {len(days)} dates and {len(values)} navs do not match")
    found = list(_points(days, values, _cumulative(answer, account, days)))
    points = tuple(each for each in found if isinstance(each, NavPoint))
    strange = tuple(each for each in found if isinstance(each, StrangeRow))
    if found and not points:
        raise Malformed(strange[0].reason)
    if any(later.date <= earlier.date for earlier, later in pairwise(points)):
        raise Malformed("performance: the dates do not ascend")
    # Values without a currency are none.
    currency = wire.currency(series, "baseCurrency") if points else None
    return NavHistory(as_of=as_of, currency=currency, points=points, strange=strange)


def _series(data: object, account: str) -> wire.Row:
    """The account's own among those of an advisor; empty where there is none yet."""
    if data is not None and not isinstance(data, list):
        raise Malformed("performance: data is no list")
    series = [row for row in data or () if isinstance(row, dict)]
    mine = [row for row in series if wire.identity(row, "id") == account]
    nameless = [row for row in series if wire.identity(row, "id") is None]
    found = mine or nameless
    if len(found) > 1 or (data and not found):
        raise Malformed("performance: the answer is another account's, or not one account's")
    return found[0] if found else {}


def _list(row: wire.Row, key: str) -> Sequence[object]:
    found = row.get(key)
    if found is None:
        return ()
    if not isinstance(found, list):
        raise Malformed(f"performance: {key} is no list")
    return found


def _cumulative(answer: wire.Row, account: str, days: Sequence[object]) -> Sequence[object]:
    """Returns since the first day; none where they are not told day by day like the values."""
    nothing = [None] * len(days)
    try:
        told = wire.mapping(answer.get("cps"), "performance cps")
        returns = _list(_series(told.get("data"), account), "returns")
        same_days = list(_list(told, "dates")) in ([], list(days))
    except Malformed:
        return nothing
    return returns if same_days and len(returns) == len(days) else nothing


def _points(
    days: Sequence[object], values: Sequence[object], returns: Sequence[object]
) -> Iterator[NavPoint | StrangeRow]:
    for day, value, grown in zip(days, values, returns, strict=True):
        try:
            cumulative = RowReader().read("cps", partial(wire.number, grown))
            yield NavPoint(date=_compact_date(day), nav=wire.number(value), cumulative=cumulative)
        except Malformed as error:
            yield StrangeRow(what="performance", conid=None, symbol=None, reason=f"nav of {str(day)[:20]}: {error}")


def _compact_date(value: object) -> date:
    if not isinstance(value, str) or re.fullmatch(r"\d{8}", value, re.ASCII) is None:
        raise Malformed("not a date like 20221228")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Malformed(f"not a date: {value!r}") from error
