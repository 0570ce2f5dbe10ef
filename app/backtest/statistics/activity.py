"""What a policy did on its way: trades, costs, exposure and levels as sums over days, and per action and rule."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from app.backtest.happenings import Entry, EntryKind
from app.backtest.history import Ending, History, Split
from app.backtest.orders import Done
from app.backtest.replay import METRICS, Replayed
from app.backtest.statistics.exceedances import kupiec
from app.backtest.statistics.figures import YEAR, Ratio
from app.domain.lots import Fill, RoundTrip, round_trips
from app.domain.market import Array
from app.domain.order import Side
from app.domain.plan import EXITS_ONLY
from app.domain.ruling import KillLevel

# Below this share invested a session counts as out of the market.
HARDLY_INVESTED = 0.2


def ratios_of(replayed: Replayed) -> dict[str, Ratio]:
    """Everything that a sum over days tells; shares of net asset value and, where it flows, a year."""
    nav, days = replayed.nav[1:], len(replayed.dates)
    traded, commission, slippage = (_by_day(replayed, values) for values in _amounts(replayed.done))
    out = (replayed.exposure < HARDLY_INVESTED).astype(np.float64)
    wins, trips = _trips_by_day(replayed)
    return {
        "turnover": Ratio(traded / nav / 2, scale=YEAR),
        "commission": Ratio(commission, nav, YEAR),
        "slippage": Ratio(slippage, nav, YEAR),
        "costs": Ratio(commission + slippage, nav, YEAR),
        "win_rate": Ratio(wins, trips),
        "winning_days": Ratio((replayed.returns > 0).astype(np.float64)),
        "exposure_mean": Ratio(replayed.exposure),
        "sessions_below_20pct": Ratio(out, scale=days),
        **{f"days_{level.value.lower()}": Ratio(_at(replayed, level)) for level in KillLevel},
        **_exceedances(replayed),
    }


def kupiec_of(replayed: Replayed) -> float | None:
    """Whether losses beyond the value at risk are as frequent as they should be; None where it was not kept."""
    ratio = _exceedances(replayed).get("var_exceedances")
    if ratio is None or ratio.below is None:
        return None
    return kupiec(int(ratio.below.sum()), int(ratio.above.sum()))


def trips_of(replayed: Replayed) -> tuple[RoundTrip, ...]:
    """Purchases sold again, the starting book's counted as bought at their cost on the day before the first.

    Splits and mergers are no sale; what was paid out when a name ended is.
    """
    history = replayed.history
    before = history.dates[replayed.first - 1]
    fills = [
        Fill(one.instrument.conid, before, Side.BUY, one.quantity, one.average_cost, Decimal(0))
        for one in replayed.start.holdings
        if one.quantity > 0
    ]
    # What happened to a name came at the opening, before anything was filled.
    told: list[Entry | Done] = [*replayed.entries, *replayed.done]
    told.sort(key=lambda one: (one.row, isinstance(one, Done)))
    for one in told:
        if isinstance(one, Done):
            on, conid = history.dates[one.row], one.order.instrument.conid
            fills.append(Fill(conid, on, one.order.side, one.quantity, one.paid, one.commission))
        else:
            fills = _happened(fills, one, history)
    held = {one.instrument.conid: one.quantity for one in replayed.end.holdings}
    return round_trips(fills, held)


def actions_of(replayed: Replayed) -> dict[str, dict[str, object]]:
    """Per action of the chosen plans: days, orders filled, bought, sold, and what the broker took.

    `exits_only_days`: of those days the ones that people read as EXITS ONLY.
    """
    days = Counter(day.action.value for day in replayed.days)
    exits = Counter(day.action.value for day in replayed.days if day.shown_as == EXITS_ONLY)
    grouped: defaultdict[str, list[Done]] = defaultdict(list)
    for done in replayed.done:
        grouped[done.action.value].append(done)
    return {
        name: {"days": days[name], "exits_only_days": exits[name], **_sums(grouped[name])}
        for name in sorted({*days, *grouped})
    }


def rules_of(replayed: Replayed) -> dict[str, dict[str, object]]:
    """The same per rule that asked for an order; an order asked for by two counts for both."""
    grouped: defaultdict[str, list[Done]] = defaultdict(list)
    for done in replayed.done:
        for rule in done.order.rules:
            grouped[rule.value].append(done)
    return {name: _sums(grouped[name]) for name in sorted(grouped)}


def recovery_of(replayed: Replayed) -> dict[str, object]:
    """Sessions on the way back from a fall, how often falls came to be counted anew, and the lowest cap or None."""
    found = [day.recovery for day in replayed.days if day.recovery is not None]
    marks = {day.marked for day in replayed.days if day.marked is not None}
    return {"sessions": len(found), "rebases": len(marks), "cap": min((one.left for one in found), default=None)}


def _sums(done: Sequence[Done]) -> dict[str, object]:
    bought, sold = (
        float(sum((one.quantity * one.price for one in done if one.order.side is side), Decimal(0))) for side in Side
    )
    _, commission, slippage = _amounts(done)
    return {
        "orders": len(done),
        "bought": bought,
        "sold": sold,
        "commission": float(sum(commission)),
        "slippage": float(sum(slippage)),
    }


def _amounts(done: Sequence[Done]) -> tuple[list[float], list[float], list[float]]:
    """(value traded, commission, slippage) of each order."""
    return (
        [float(one.quantity * one.price) for one in done],
        [float(one.commission) for one in done],
        [float(abs(one.paid - one.price) * one.quantity) for one in done],
    )


def _by_day(replayed: Replayed, values: Sequence[float]) -> Array:
    days = np.array([one.row - replayed.first for one in replayed.done], dtype=np.intp)
    return np.bincount(days, np.array(values, dtype=np.float64), len(replayed.dates)).astype(np.float64)


def _trips_by_day(replayed: Replayed) -> tuple[Array, Array]:
    """(closed with a profit after costs, closed), by the day that closed them. Shape: [D] each."""
    places = {on: n for n, on in enumerate(replayed.dates)}
    wins, trips = np.zeros(len(places)), np.zeros(len(places))
    for trip in trips_of(replayed):
        place = places.get(trip.closed)
        if place is not None and trip.profit is not None:
            trips[place] += 1
            wins[place] += trip.profit > 0
    return wins, trips


def _exceedances(replayed: Replayed) -> Mapping[str, Ratio]:
    """Days that lost more than the value at risk of the day before, of the days for which it was known."""
    if replayed.metrics is None:
        return {}
    limit = np.full(len(replayed.dates), np.nan)
    limit[1:] = replayed.metrics[:-1, METRICS.index("var_95_1d")]
    known = np.isfinite(limit)
    beyond = known & (replayed.returns < -np.where(known, limit, np.inf))
    return {"var_exceedances": Ratio(beyond.astype(np.float64), known.astype(np.float64))}


def _at(replayed: Replayed, level: KillLevel) -> Array:
    return np.array([day.level is level for day in replayed.days], dtype=np.float64)


def _happened(fills: list[Fill], entry: Entry, history: History) -> list[Fill]:
    """Earlier fills in the shares that they became; shares paid out as sold."""
    on, conid = history.dates[entry.row], entry.conid
    kind = {EntryKind.SPLIT: Split, EntryKind.ENDING: Ending}.get(entry.kind)
    found = next(
        (
            one
            for one in history.happenings
            if kind is not None
            and isinstance(one, kind)
            and one.conid == conid
            and history.row(one.session_date) == entry.row
        ),
        None,
    )
    match found:
        case Split():
            return [_as_shares_of(one, one.conid, found.ratio) if one.conid == conid else one for one in fills]
        case Ending(into=None):
            sold = Fill(found.conid, on, Side.SELL, -entry.quantity, found.cash, Decimal(0))
            return [*fills, sold]
        case Ending(into=int(into)):
            return [_as_shares_of(one, into, found.ratio, found.cash) if one.conid == conid else one for one in fills]
        case _:
            return fills


def _as_shares_of(fill: Fill, conid: int, ratio: Decimal, cash: Decimal = Decimal(0)) -> Fill:
    """`cash` of the price came back."""
    price = None if fill.price is None else max(fill.price - cash, Decimal(0)) / ratio
    return replace(fill, conid=conid, quantity=fill.quantity * ratio, price=price)
