"""A name's closes as the rules may use them: before today's session, and no older than the others'."""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from app.domain.market import Array, Market

# Of one that ends this long before the newest the present is not known; five sessions and a weekend.
_FRESH = timedelta(days=7)


def closes_of(market: Market, conid: int) -> Array:
    """Before today's session, oldest first. Shape: [T]; none where the series ended long before the newest."""
    series = market.history.get(conid)
    if series is None:
        return np.empty(0)
    end = bisect_left(series.dates, market.session.date)
    if not end or newest(market) - series.dates[end - 1] > _FRESH:
        return np.empty(0)
    return series.closes[:end]


def newest(market: Market) -> date:
    """The last session of which any name has a close."""
    found = market.derived.get(newest)
    if not isinstance(found, date):
        # Series of one source share one tuple of dates.
        known = {id(one.dates): one.dates for one in market.history.values()}
        before = (days[bisect_left(days, market.session.date) - 1 :] for days in known.values())
        found = max((days[0] for days in before if days and days[0] < market.session.date), default=date.min)
        market.derived[newest] = found
    return found


def kept(
    market: Market, key: Hashable, conids: Sequence[int], measure: Callable[[Array], float | None]
) -> Mapping[int, float]:
    """`measure` of the closes of each, kept with the market for all that ask; names that have none are left out."""
    known = market.derived.get(key)
    if not isinstance(known, dict):
        known = market.derived[key] = {}
    for conid in conids:
        if conid not in known:
            known[conid] = measure(closes_of(market, conid))
    return {conid: known[conid] for conid in conids if known[conid] is not None}
