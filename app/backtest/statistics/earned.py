"""What each action and rule of a replay has earned or cost at its last closes: its fills against not having traded."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import numpy as np

from app.backtest.happenings import converted
from app.backtest.history import Ending, Split
from app.backtest.orders import Done
from app.backtest.replay import Replayed
from app.domain.lots import Fill
from app.engine.earned import Earned, Earnings, Worth, earnings
from app.engine.memory import FilledOrder


def earned_of(replayed: Replayed) -> dict[str, dict[str, dict[str, float]]]:
    """By action and by rule; amounts in base currency."""
    found = earnings_of(replayed)
    return {
        "actions": {name: _plain(one) for name, one in found.actions.items()},
        "rules": {name: _plain(one) for name, one in found.rules.items()},
    }


def earnings_of(replayed: Replayed) -> Earnings:
    """Splits and mergers are counted; a name that was paid out is worth what was paid."""
    history, last = replayed.history, replayed.first + len(replayed.dates) - 1
    orders: dict[int, list[FilledOrder]] = {}
    paid: dict[int, Decimal] = {}
    for told in _told(replayed, last):
        match told:
            case Done():
                orders.setdefault(told.order.instrument.conid, []).append(_filled(told, history.dates[told.row]))
            case Split():
                orders[told.conid] = converted(orders.get(told.conid, ()), told.conid, told.ratio)
            case Ending(into=None):
                paid[told.conid] = told.cash
            case Ending(into=int(into)):
                moved = converted(orders.pop(told.conid, ()), into, told.ratio, told.cash)
                orders[into] = [*orders.get(into, ()), *moved]
    currencies = {one.conid: one.currency for one in history.instruments}
    now = {
        conid: Worth(price, replayed.start.rate(currencies[conid]))
        for conid in orders
        if (price := paid[conid] if conid in paid else _last_close(replayed, conid, last)) is not None
    }
    return earnings((one for own in orders.values() for one in own), now)


def _told(replayed: Replayed, last: int) -> Iterator[Done | Split | Ending]:
    """In order; what happens to a name comes at the opening, before anything is filled."""
    history = replayed.history
    rows = [(history.row(one.session_date), one) for one in history.happenings if isinstance(one, Split | Ending)]
    both: list[tuple[int, bool, Done | Split | Ending]] = [
        *((row, False, one) for row, one in rows if replayed.first <= row <= last),
        *((one.row, True, one) for one in replayed.done),
    ]
    yield from (one for *_, one in sorted(both, key=lambda each: each[:2]))


def _filled(done: Done, day: date) -> FilledOrder:
    order = done.order
    fill = Fill(order.instrument.conid, day, order.side, done.quantity, done.paid, done.commission)
    return FilledOrder(fill, done.action, order.rules, order.mandatory)


def _last_close(replayed: Replayed, conid: int, last: int) -> Decimal | None:
    column = replayed.history.columns.get(conid)
    if column is None:
        return None
    closes = replayed.history.closes[: last + 1, column]
    known = np.flatnonzero(np.isfinite(closes))
    return Decimal(str(closes[known[-1]])) if len(known) else None


def _plain(one: Earned) -> dict[str, float]:
    return {
        "fills": one.fills,
        "earned": float(one.earned),
        "fees": float(one.fees),
        "unpriced": one.unpriced,
    }
