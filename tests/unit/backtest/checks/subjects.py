"""A small backtest for the checks, and broken parts to put into it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from app.backtest.assumptions import Assumptions
from app.backtest.books import even_book
from app.backtest.checks.run import CHECKS
from app.backtest.checks.subject import Parts, Subject, Ways
from app.backtest.history import Adjustment, History
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, Replayed, replay
from app.backtest.result import Check
from app.broker.paper.book import PaperBook
from app.domain.market import Market
from app.domain.policy import Frequency, Policy
from tests.support.histories import instrument, sessions
from tests.support.worlds import NAMES, policy

DAYS = sessions(WARM_UP + 30)
NOTE = "ten survivors, chosen for the test"


@cache
def small() -> History:
    """Ten names that move by two percent a day, with opens, volumes and an index."""
    random = np.random.default_rng(7)
    moves = random.normal(0.0004, 0.02, (len(DAYS), len(NAMES)))
    closes = np.round(40 * np.exp(np.cumsum(moves, axis=0)), 2)
    return History(
        "small", "test", Adjustment.SPLIT, tuple(map(instrument, NAMES)), DAYS, closes,
        np.round(closes * np.exp(random.normal(0, 0.004, closes.shape)), 2),
        random.integers(2_000_000, 9_000_000, closes.shape).astype(float),
        index=100 * np.exp(np.cumsum(moves.mean(axis=1))), notes=(NOTE,),
    )  # fmt: skip


def subject(history: History | None = None, assumptions: Assumptions | None = None, **parts: Any) -> Subject:  # noqa: ANN401 - any part
    """Of a policy that trades every day, with those parts in place of the sound ones."""
    of = history or small()
    return Subject(
        policies=(policy(allocation__frequency=Frequency.DAILY, allocation__drift_threshold=0.01),),
        history=of,
        book=even_book(of, WARM_UP - 1, Decimal(250_000)),
        assumptions=assumptions or Assumptions(),
        first=of.dates[WARM_UP],
        last=of.dates[-1],
        worlds=40,
        parts=Parts(**parts),
    )


def checked(name: str, tried: Subject) -> Check:
    """One check of them all."""
    return CHECKS[name](tried)


def leading(change: Callable[[Replayed], Replayed]) -> Callable[..., Ways]:
    """A replay whose ways come out changed."""

    def lead(*args: Any, **kwargs: Any) -> Ways:  # noqa: ANN401 - as of `replay`
        return tuple(change(one) for one in replay(*args, **kwargs))

    return lead


def assuming(change: Callable[[Assumptions], Assumptions]) -> Callable[..., Ways]:
    """A replay that assumes something else than it is told to."""

    def lead(
        policies: Sequence[Policy], history: History, book: PaperBook, assumed: Assumptions, first: date, last: date,
        **rest: Any,  # noqa: ANN401 - as of `replay`
    ) -> Ways:  # fmt: skip
        return replay(policies, history, book, change(assumed), first, last, **rest)

    return lead


class Foresighted(Reader):
    """The closes of a day are off by two sessions, so that the newest is still to come."""

    def market(self, row: int) -> Market:
        market = super().market(row)
        later = super().market(min(row + 2, len(self.history.dates) - 1)).history
        moved = {
            conid: replace(one, closes=later[conid].closes[-len(one.closes) :]) for conid, one in market.history.items()
        }
        return replace(market, history=moved)


class Scaled(Reader):
    """Every name is scaled to the same volatility, reckoned over all the data."""

    def market(self, row: int) -> Market:
        market = super().market(row)
        scaled = {}
        for conid, one in market.history.items():
            told = self.history.closes[:, self.history.columns[conid]]
            scaled[conid] = replace(one, closes=one.closes ** (0.01 / np.nanstd(np.diff(np.log(told)))))
        return replace(market, history=scaled)


class Forgetful(Reader):
    """A name without a price is worth what was paid for it: here, its first close."""

    def seen(self, row: int, conid: int) -> Decimal | None:
        return self.price(row, conid) or self.price(WARM_UP, conid)


class Filling(Reader):
    """A gap is filled with the last price, so that it looks like sessions without a move."""

    def market(self, row: int) -> Market:
        market = super().market(row)
        filled = {}
        for conid, one in market.history.items():
            closes = dict(zip(one.dates, one.closes.tolist(), strict=True))
            last, whole = float(one.closes[0]), {}
            for day in self.history.dates[self.rows[one.dates[0]] : row]:
                last = whole[day] = closes.get(day, last)
            filled[conid] = replace(one, dates=tuple(whole), closes=np.array(list(whole.values())))
        return replace(market, history=filled)


class Unlabelled(Reader):
    """Nothing says what it counts."""

    def datum(self, part: str, row: int, at: int, conid: int | None = None) -> Any:  # noqa: ANN401 - as of `Reader`
        found = super().datum(part, row, at, conid)
        return None if found is None else replace(found, unit="")


class Hasty(Reader):
    """Every number is known on the day before its own."""

    def datum(self, part: str, row: int, at: int, conid: int | None = None) -> Any:  # noqa: ANN401 - as of `Reader`
        found = super().datum(part, row, at, conid)
        return None if found is None else replace(found, known_at=date.fromordinal(found.as_of.toordinal() - 1))
