"""`python -m tests.policies`: the figures on the pages of the shipped policies, from replays of the engine that trades.

`--targets` writes only what follows from the policy files. The replays of the stock policies take about ten minutes on
two cores, those of the funds about three.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from app.backtest.assumptions import Assumptions
from app.backtest.benchmarks import road
from app.backtest.books import cash_book, even_book
from app.backtest.history import History
from app.backtest.judge import Asked, backtest
from app.backtest.plain_targets import plain_targets
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, graded, replay
from app.backtest.result import Backtest
from app.backtest.sample import sample
from app.backtest.synthetic.draw import draw
from app.backtest.synthetic.markets import MARKETS
from app.backtest.synthetic.names import NAMES
from app.domain.market import Array
from app.domain.policy import Policy
from app.settings import load_policy, shipped_policies
from tests.policies.page import FIGURES, PAGES, STOCKS, TARGETS, drawn, targets, window, with_part

TRIED = 107


@dataclass(frozen=True)
class Window:
    """Days that are replayed in one go; `chose`: what part they had in the choice of the numbers.

    `each_rule`: with each left out once, too.
    """

    part: str
    title: str
    first: date
    last: date
    chose: str
    each_rule: bool = True


WINDOWS = (
    Window(
        "1991-2012",
        "1991 to 2012: on these days the numbers were chosen",
        date(1991, 1, 2),
        date(2012, 12, 31),
        f"About {TRIED} variants of each policy were tried; take what looks good here for luck in part.",
    ),
    Window(
        "2013-2022",
        "2013 to 2022: looked at once",
        date(2013, 1, 2),
        date(2022, 12, 28),
        "The engine's own replay of these days was looked at once, and nothing was changed after it.",
    ),
    Window(
        "2000-2022",
        "2000 to 2022: the days of the promises of the way back",
        date(2000, 1, 3),
        date(2022, 12, 28),
        "More than half of them chose the numbers.",
        each_rule=False,
    ),
)
AMOUNT, SEEDS = Decimal(250_000), 8


def replayed(policies: Sequence[Policy], days: Window) -> Backtest:
    """Over the sample, from an even book."""
    history = sample()
    book = even_book(history, graded(history, days.first, days.last).start - 1, AMOUNT)
    asked = Asked(
        tuple(policies), history, book, Assumptions(), days.first, days.last, trials=TRIED, without=days.each_rule
    )
    return backtest(asked, _tell(days.title))


def of_stocks(policies: Mapping[str, Policy], windows: Sequence[Window]) -> Iterator[tuple[str, str, list[str]]]:
    """(page, part, its lines): each window apart."""
    for days in windows if policies else ():
        for name, one in zip(policies, replayed(tuple(policies.values()), days).judged, strict=True):
            yield name, days.part, list(window(one, days.title, days.chose))


def of_funds(policy: Policy, seeds: int) -> Iterator[str]:
    """From money alone, in markets that a seed drew."""
    names = [one for one in NAMES["all"] if one.symbol in policy.universe.symbols]
    rows = {}
    for market in MARKETS:
        rows[market] = [_drawn(policy, draw(market, seed, names)) for seed in range(seeds)]
        sys.stderr.write(f"{policy.name}: {market}\n")
    yield from drawn({f"{name}: {MARKETS[name].words}": found for name, found in rows.items()}, seeds)


def _drawn(policy: Policy, history: History) -> tuple[float, float, float, float]:
    """Return and largest fall, of the policy and of its targets at the same exposure."""
    how, first, last = Assumptions(), history.dates[WARM_UP], history.dates[-1]
    book, reader = cash_book(history, WARM_UP - 1, AMOUNT), Reader(history, how.carried)
    (own,) = replay((policy,), history, book, how, first, last, reader=reader)
    beside = road(history, how, graded(history, first, last))
    plain = beside.weighted(book, plain_targets(own, reader), float(own.exposure.mean()))
    return (*_came_to(own.nav), *_came_to(plain.nav))


def _came_to(nav: Array) -> tuple[float, float]:
    return float(nav[-1] / nav[0] - 1), float((1 - nav / np.maximum.accumulate(nav)).max())


def _tell(title: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if done % 500 == 0:
            sys.stderr.write(f"{title}: {done} of {total} sessions\n")

    return tell


def write(name: str, part: str, lines: Iterator[str] | Sequence[str]) -> None:
    """One part of a policy's page."""
    file = PAGES / f"{name}.md"
    file.write_text(with_part(file.read_text(encoding="utf-8"), part, lines), encoding="utf-8")


def main() -> int:
    """Writes the pages."""
    names = tuple(shipped_policies())
    parser = argparse.ArgumentParser(prog="python -m tests.policies", description=__doc__)
    parser.add_argument("--policy", action="append", choices=names)
    parser.add_argument("--days", choices=[one.part for one in WINDOWS], help="of stocks, instead of all windows")
    parser.add_argument("--targets", action="store_true", help="only what follows from the files")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each synthetic market")
    given = parser.parse_args()
    policies = {name: load_policy(shipped_policies()[name]) for name in given.policy or names}
    for name, policy in policies.items():
        write(name, TARGETS, targets(policy))
    if given.targets:
        return 0
    for name, policy in policies.items():
        if name not in STOCKS:
            write(name, FIGURES, list(of_funds(policy, given.seeds)))
    windows = [one for one in WINDOWS if given.days in (None, one.part)]
    for name, part, lines in of_stocks({name: one for name, one in policies.items() if name in STOCKS}, windows):
        write(name, part, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
