"""Which days count, and what counts as held: the first bar, no warm-up, fills and not targets, no ratio of nothing."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from app.backtest.books import cash_book
from app.backtest.checks.subject import Subject
from app.backtest.history import History
from app.backtest.replay import WARM_UP, Replayed
from app.backtest.result import Check
from app.backtest.statistics.figures import Ratio, Way
from app.broker.paper.book import PaperBook
from app.domain.market import Array

# What rounding of prices to four decimals and of sums leaves.
_EXACT = 1e-9
_FLAT_DAYS = 60
_NOT_OF_A_FLAT_WAY = ("sharpe", "sortino", "calmar", "win_rate")


def first_bar(subject: Subject) -> Check:
    """Values begin with the starting book at the close before the first day, and a first day's loss is a drawdown."""
    begins = subject.rows.start
    worth = _worth(subject.book, subject.history, begins - 1)
    for one in subject.way:
        name = one.policy.name
        if one.dates[0] != subject.history.dates[begins] or len(one.nav) != len(one.dates) + 1:
            return Check("first bar", False, f"{name} begins on {one.dates[0]}, not {subject.history.dates[begins]}")
        if worth is not None and abs(one.nav[0] / worth - 1) > _EXACT:
            return Check("first bar", False, f"{name} begins with {one.nav[0]:.2f}, and its book is worth {worth:.2f}")
    fall = subject.parts.figures(Way(np.array([-0.1, 0.02, 0.01])))["max_drawdown"]
    if fall is None or abs(fall - 0.1) > _EXACT:
        return Check("first bar", False, f"a loss of 10 % on the first day is a drawdown of {fall}")
    worth_told = "which has no price for some of it" if worth is None else f"{worth:,.2f}"
    said = f"values begin with the starting book at the close of {subject.history.dates[begins - 1]}, {worth_told}"
    return Check("first bar", True, f"{said}; a loss of 10 % on the first day is a drawdown of 10 %")


def warm_up(subject: Subject) -> Check:
    """Asked to begin with the first row, a run grades and trades nothing before there is a year to look back on."""
    history = subject.history
    book = cash_book(history, WARM_UP - 1, Decimal(250_000), subject.book.currency)
    last = min(WARM_UP + 20, len(history.dates)) - 1
    days = history.dates[0], history.dates[last]
    ways = subject.parts.lead(subject.policies, history, book, subject.assumptions, *days)
    for one in (*ways, *subject.way):
        early = [done for done in one.done if min(done.decided, done.row) < WARM_UP]
        if history.row(one.dates[0]) < WARM_UP or one.first < WARM_UP or early:
            return Check("warm-up", False, f"{one.policy.name} grades {one.dates[0]}, within the first {WARM_UP} rows")
    said = f"asked to begin on {history.dates[0]}, the first graded day is {history.dates[WARM_UP]}"
    return Check("warm-up", True, f"{said}: the {WARM_UP} sessions before it are looked back on and never graded")


def exposure_from_fills(subject: Subject) -> Check:
    """What is told as invested must be what the fills, and nothing planned, add up to."""
    days = 0
    for one in subject.way:
        reckoned = _exposure(one)
        known = np.isfinite(reckoned)
        days += int(known.sum())
        apart = np.abs(reckoned - one.exposure)
        if known.any() and (worst := float(np.nanmax(apart))) > _EXACT:
            on, told = one.dates[int(np.nanargmax(apart))], one.exposure[int(np.nanargmax(apart))]
            told_words = f"{one.policy.name} tells {told:.4%} invested on {on}"
            return Check("targets and fills", False, f"{told_words}, and its fills make {worst:.4%} more or less")
    said = f"on {days} days the invested share is what the starting book and the fills make, to {_EXACT}"
    return Check("targets and fills", True, said)


def undefined(subject: Subject) -> Check:
    """A way that never moved and never traded has no ratio of gain to risk and no share of wins."""
    nothing = np.zeros(_FLAT_DAYS)
    found = subject.parts.figures(Way(nothing, 0.0, {"win_rate": Ratio(nothing, nothing)}))
    told = {name: found[name] for name in _NOT_OF_A_FLAT_WAY if found[name] is not None}
    if told:
        name, value = next(iter(told.items()))
        return Check("undefined stays undefined", False, f"{name} of a way that never moved is told as {value}")
    said = f"{', '.join(_NOT_OF_A_FLAT_WAY)} of a way that never moved are not told, rather than 0"
    return Check("undefined stays undefined", True, said)


def _worth(book: PaperBook, history: History, row: int) -> float | None:
    """At that row's closes; None where one is missing."""
    worth = sum(float(one.amount * one.exchange_rate) for one in book.cash)
    for held in book.holdings:
        column = history.columns.get(held.instrument.conid)
        close = float("nan") if column is None else float(history.closes[row, column])
        worth += float(held.quantity * book.rate(held.instrument.currency)) * round(close, 4)
    return None if worth != worth else worth


def _exposure(found: Replayed) -> Array:
    """From the starting book and fills alone, NaN where something held has no close that day. Shape: [D]."""
    history, start = found.history, found.start
    rates = np.array([_rate(start, one.currency) for one in history.instruments])
    held, cash = np.zeros(len(history.instruments)), sum(float(one.amount * one.exchange_rate) for one in start.cash)
    for one in start.holdings:
        if one.instrument.conid in history.columns:
            held[history.columns[one.instrument.conid]] += float(one.quantity)
    moves = _moves(found)
    shares = np.full(len(found.dates), np.nan)
    for day in range(len(found.dates)):
        row = found.first + day
        for column, quantity, paid in moves.get(row, ()):
            cash += paid
            if column is not None:
                held[column] += quantity
        owned = held != 0
        value = float((held[owned] * np.round(history.closes[row, owned], 4) * rates[owned]).sum())
        shares[day] = value / (value + cash) if value + cash else np.nan
    return shares


def _moves(found: Replayed) -> Mapping[int, list[tuple[int | None, float, float]]]:
    """(column, shares, cash in base currency) by row, as they were filled or happened."""
    moves: dict[int, list[tuple[int | None, float, float]]] = {}
    columns, rate = found.history.columns, found.start.rate
    for one in found.entries:
        column = None if one.conid is None else columns.get(one.conid)
        moves.setdefault(one.row, []).append((column, float(one.quantity), float(one.cash * rate(one.currency))))
    for done in found.done:
        name, sign = done.order.instrument, done.order.side.sign
        paid = -(sign * done.quantity * done.paid + done.commission) * rate(name.currency)
        move = (columns[name.conid], float(sign * done.quantity), float(paid))
        moves.setdefault(done.row, []).append(move)
    return moves


def _rate(book: PaperBook, currency: str) -> float:
    """Nothing can be held of what the account has no rate for."""
    known = {one.currency: float(one.exchange_rate) for one in book.cash} | {book.currency: 1.0}
    return known.get(currency, 0.0)
