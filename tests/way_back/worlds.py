"""The histories that policies are led through, and what came of each in figures."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from functools import cache

import numpy as np

from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book, even_book
from app.backtest.history import History
from app.backtest.reader import Reader
from app.backtest.replay import WARM_UP, Replayed, replay
from app.backtest.synthetic.draw import draw
from app.backtest.synthetic.markets import MARKETS
from app.backtest.synthetic.names import NAMES, STOCKS
from app.backtest.synthetic.resample import resample
from app.broker.paper.book import PaperBook
from app.domain.instrument import Instrument
from app.domain.policy import Policy
from app.settings import load_policy, shipped_policies
from tests.adoption.books import VARIANTS, book_of
from tests.adoption.starts import reader, starts
from tests.way_back.promises import FIFTH, HALF, WEEK, WINDOW, allowed, broken, falls, longest, rebases, turnover

CAPITAL = Decimal(250_000)
YEAR = 252
STARTS, SEEDS, RESAMPLED = 60, 200, 12
FROM, UNTIL = date(2000, 1, 3), date(2022, 12, 28)


@cache
def policy_named(name: str) -> Policy:
    """A shipped one."""
    return load_policy(shipped_policies()[name])


def is_of_stocks(policy: Policy) -> bool:
    """The sample has all its names."""
    return set(policy.universe.symbols) <= {one.symbol for one in STOCKS}


@dataclass(frozen=True, slots=True)
class World:
    """`suite`: starts, years, a market's name or resampled. `key`: the first day, or the seed. `book`: of VARIANTS."""

    suite: str
    key: str
    policies: tuple[str, ...]
    book: str = "twelve"
    sessions: int | None = None

    @property
    def is_of_money(self) -> bool:
        """The account has no shares as it begins."""
        return self.book == "all_cash"


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's way through one world; shares are fractions, `fifth` and `half` the longest runs of sessions."""

    suite: str
    key: str
    book: str
    policy: str
    sessions: int
    total: float
    drawdown: float
    exposure: float
    allowed: float
    falls: int
    rebases: int
    reducing: int
    fifth: int
    half: int
    turnover: float
    week_nine: float
    broken: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For the file."""
        return asdict(self)


def all_worlds(count: int, seeds: int, histories: int, policies: Sequence[str]) -> Iterator[World]:
    """Of every suite, the long ones first."""
    stocks = tuple(name for name in policies if is_of_stocks(policy_named(name)))
    others = tuple(name for name in policies if name not in stocks)
    for name in stocks:
        yield World("years", FROM.isoformat(), (name,))
    for seed in range(histories if stocks else 0):
        yield World("resampled", str(seed), stocks, "even")
    for on in starts(count) if stocks and count else ():
        yield World("starts", on.isoformat(), stocks, "twelve", YEAR)
        yield World("starts", on.isoformat(), stocks, "all_cash", YEAR)
    for market in MARKETS:
        for seed in range(seeds):
            yield from (World(market, str(seed), some, book) for some, book in _groups(stocks, others))


def _groups(stocks: tuple[str, ...], others: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if stocks:
        yield stocks, "even"
    yield from (((name,), "all_cash") for name in others)


def lead(world: World) -> tuple[Row, ...]:
    """Every policy through it."""
    return tuple(row_of(world, name, way) for name, way in zip(world.policies, ways(world), strict=True))


def ways(world: World) -> tuple[Replayed, ...]:
    """As they were replayed."""
    past, begins = _past(world)
    last = past.history.dates[-1] if world.suite != "years" else UNTIL
    if world.sessions is not None:
        last = past.history.dates[min(begins + world.sessions, len(past.history.dates)) - 1]
    policies = [policy_named(name) for name in world.policies]
    book = _book(world, past, begins - 1)
    return replay(policies, past.history, book, Assumptions(), past.history.dates[begins], last, reader=past)


def _past(world: World) -> tuple[Reader, int]:
    """With the row of the first decision."""
    if world.suite in {"starts", "years"}:
        return reader(), reader().history.row(date.fromisoformat(world.key))
    return Reader(history_of(world)), WARM_UP


def history_of(world: World) -> History:
    """The drawn or resampled one."""
    seed = int(world.key)
    if world.suite == "resampled":
        return resample(seed, f"synthetic:resampled:{seed}")
    return draw(world.suite, seed, _names(world))


def _names(world: World) -> tuple[Instrument, ...]:
    wanted = {symbol for name in world.policies for symbol in policy_named(name).universe.symbols}
    return tuple(one for one in NAMES["all"] if one.symbol in wanted)


def _book(world: World, past: Reader, row: int) -> PaperBook:
    made: Mapping[str, Callable[[History, int, Decimal], PaperBook]] = {"even": even_book, "all_cash": cash_book}
    if world.book in made:
        return made[world.book](past.history, row, CAPITAL)
    return book_of(VARIANTS[world.book], past, row)


def row_of(world: World, policy: str, way: Replayed) -> Row:
    """In figures."""
    most, moved = allowed(way), turnover(way)
    return Row(
        suite=world.suite,
        key=world.key,
        book=world.book,
        policy=policy,
        sessions=len(way.dates),
        total=float(way.nav[-1] / way.nav[0] - 1),
        drawdown=float((1 - way.nav / np.maximum.accumulate(way.nav)).max()),
        exposure=float(way.exposure.mean()),
        allowed=float(most.mean()),
        falls=falls(way),
        rebases=len(rebases(way)),
        reducing=sum(day.level != "ACTIVE" for day in way.days),
        fifth=longest(way.exposure < FIFTH * most - 1e-9)[1],
        half=longest(way.exposure < HALF * most - 1e-9)[1],
        turnover=float(moved.sum() * YEAR / len(way.dates)),
        week_nine=float(moved[WINDOW : WINDOW + WEEK].sum()),
        broken=tuple(broken(way, all_cash=world.is_of_money)),
    )


def by_promise(rows: Sequence[Row]) -> Counter[str]:
    """Promise → how often it was broken."""
    return Counter(text.split(":")[0] for row in rows for text in row.broken)
