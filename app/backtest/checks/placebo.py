"""How often something is found where there is nothing to find."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from app.backtest.assumptions import FillRule
from app.backtest.benchmarks import road
from app.backtest.books import even_book
from app.backtest.checks.subject import Subject
from app.backtest.checks.world import made_world
from app.backtest.history import History
from app.backtest.judge import names_of
from app.backtest.replay import WARM_UP
from app.backtest.result import Check
from app.backtest.statistics.bootstrap import HEADLINE, block_for
from app.backtest.statistics.figures import YEAR
from app.domain.market import Array

EXACT, MOST = 0.025, 0.05
LED_DAYS, _WORLDS_A_REPLAY = 126, 100
_LEAST_NAMES = 2
_AMOUNT = Decimal(250_000)


def placebo(subject: Subject) -> Check:
    """In worlds without any edge a difference may be called significant in one of twenty at most."""
    share, worlds = _share_found(subject), max(1, subject.worlds // _WORLDS_A_REPLAY)
    led = [_against_equal_weight(subject, _without_edge(subject, world)) for world in range(worlds)]
    found, behind = sum(better for better, _ in led), np.mean([apart for _, apart in led])
    said = (
        f"of {subject.worlds:,} pairs of ways drawn from the same returns {share:.1%} are called significant "
        f"({EXACT:.1%} would be exact, {MOST:.0%} are allowed)",
        f"{subject.policies[0].name}, led through {worlds} worlds of resampled days and equal means, significantly "
        f"beats equal weight in {found} ({behind:+.1%} a year on average)",
        f"{', '.join(_turned(subject))} a year against equal weight",
    )
    return Check("placebo", share <= MOST and found <= max(1, worlds // 5), "; ".join(said))


def _share_found(subject: Subject) -> float:
    """Both ways of a world are as long as the graded days, and drawn apart from what equal weight earned in them."""
    history, names = subject.history, names_of(subject.policies[0], subject.history)
    returns = road(history, subject.assumptions, subject.rows).even(subject.book, names).way(0.0).returns
    rng, found = np.random.default_rng([subject.seed, subject.worlds]), 0
    for world in range(subject.worlds):
        ours, theirs = (returns[_drawn(rng, len(returns), len(returns))] for _ in range(2))
        found += subject.parts.significant(ours, theirs, world)
    return found / subject.worlds


def _without_edge(subject: Subject, world: int) -> History:
    """Days in blocks from anywhere, each name's mean made that of all: neither choice nor timing can pay."""
    whole = _whole(subject)
    moves = np.diff(np.log(whole.closes), axis=0)
    moves += moves.mean() - moves.mean(axis=0)
    rng, days = np.random.default_rng([subject.seed, LED_DAYS, world]), min(WARM_UP + LED_DAYS, len(whole.dates))
    drawn = moves[_drawn(rng, len(moves), days)]
    return _of_closes(whole, 50 * np.exp(np.cumsum(drawn, axis=0)))


def _turned(subject: Subject) -> Iterator[str]:
    """In words, how it fares where names have each other's prices, and where time runs back."""
    whole = _whole(subject)
    order = np.random.default_rng([subject.seed, 1]).permutation(len(whole.instruments))
    for words, closes in (("with shuffled labels", whole.closes[:, order]), ("with time reversed", whole.closes[::-1])):
        _, apart = _against_equal_weight(subject, _of_closes(whole, np.ascontiguousarray(closes)))
        yield f"{words} it makes {apart:+.1%}"


def _against_equal_weight(subject: Subject, history: History) -> tuple[bool, float]:
    """(significantly better, by how much a year) of the first policy, led through all days after the warm-up."""
    policy, assumed = subject.policies[0], replace(subject.assumptions, fill=FillRule.NEXT_CLOSE)
    rows = range(WARM_UP, len(history.dates))
    book = even_book(history, WARM_UP - 1, _AMOUNT, policy.currency)
    (ours,) = subject.of(policy).led_from(book, history, rows, assumed)
    even = road(history, assumed, rows).even(book, names_of(policy, history)).way(0.0)
    apart = (np.log1p(ours.returns).mean() - np.log1p(even.returns).mean()) * YEAR
    return subject.parts.significant(ours.returns, even.returns, subject.seed), float(apart)


def _whole(subject: Subject) -> History:
    """The graded days and those before, of the first policy's names that have all prices and to which nothing happens.

    Made ones where too few are so.
    """
    history, policy = subject.history, subject.policies[0]
    names, happened = names_of(policy, history), {one.conid for one in history.happenings}
    usable = ~np.isnan(history.closes).any(axis=0) & np.array(
        [
            one.symbol in names and one.conid not in happened and one.currency == policy.currency
            for one in history.instruments
        ]
    )
    if usable.sum() < _LEAST_NAMES:
        return made_world(policy, LED_DAYS, subject.seed, policy.currency)
    instruments = tuple(one for one, used in zip(history.instruments, usable.tolist(), strict=True) if used)
    asked = slice(subject.rows.start - WARM_UP, subject.rows.stop)
    closes = history.closes[asked, usable]
    return replace(_bare(history), instruments=instruments, dates=history.dates[asked], closes=closes)


def _of_closes(history: History, closes: Array) -> History:
    """On the newest sessions, with an index of all names. Shape: [T, N]."""
    index = 1000 * np.exp(np.append(0.0, np.cumsum(np.diff(np.log(closes), axis=0).mean(axis=1))))
    return replace(_bare(history), dates=history.dates[-len(closes) :], closes=closes, index=index)


def _bare(history: History) -> History:
    return replace(history, opens=None, volumes=None, index=None, vix=None, happenings=(), late={}, adjustments={})


def _drawn(rng: np.random.Generator, have: int, days: int) -> NDArray[np.intp]:
    """Rows in blocks of random length, as the stationary bootstrap draws them. Shape: [days]."""
    place, block = np.arange(days), block_for(HEADLINE, have) or 1
    fresh = (rng.random(days) < 1 / block) | (place == 0)
    last = np.maximum.accumulate(np.where(fresh, place, 0))
    drawn: NDArray[np.intp] = (rng.integers(0, have, days)[last] + place - last) % have
    return drawn
