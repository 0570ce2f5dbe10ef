"""A whole backtest: policies led through history with what they are compared with, and what can be said of each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from app.backtest.ablation import ablations, unguarded
from app.backtest.assumptions import Assumptions
from app.backtest.benchmarks import Road, road
from app.backtest.claims import claims_of
from app.backtest.history import Adjustment, History
from app.backtest.plain_targets import plain_targets
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, graded
from app.backtest.result import Backtest, Benchmark, Estimate, Judged
from app.backtest.side_by_side import replay_side_by_side
from app.backtest.statistics.activity import actions_of, kupiec_of, ratios_of, recovery_of, rules_of
from app.backtest.statistics.bootstrap import DRAWS, HEADLINE, block_for, bootstrap
from app.backtest.statistics.deflated import deflated_sharpe
from app.backtest.statistics.earned import earned_of
from app.backtest.statistics.figures import YEAR, Way
from app.backtest.statistics.periods import drawdown, performance, worst_periods
from app.broker.paper.book import PaperBook
from app.domain.errors import UsageError
from app.domain.market import Array
from app.domain.policy import Policy

# Annual volatility below which a way is next to cash, and its ratios say nothing.
NEAR_CASH = 0.005
Tell = Callable[[int, int], None]
WORDS = {
    "buy_and_hold": "the starting book, left alone",
    "equal_weight": "the same names in equal parts, fully invested, corrected every 21 sessions",
    "index": "the index's level: a price index has no dividends and costs nothing",
    "unguarded": "the same policy with its limits, exits and market caps off",
    "same_exposure": "the same names in equal parts at the policy's mean exposure and turnover, without any guard",
    "same_targets": "the policy's own targets at its mean exposure, corrected every 21 sessions, without any rule",
}
# What the promise of a smaller drawdown is held against.
_CLAIMED_AGAINST = ("unguarded", "buy_and_hold")


@dataclass(frozen=True)
class Asked:
    """What a backtest is made of. `without`: each action and rule is switched off once, too.

    `trials`: policies that were tried to come to these; at least as many as there are.
    """

    policies: tuple[Policy, ...]
    history: History = field(repr=False)
    book: PaperBook = field(repr=False)
    assumptions: Assumptions
    first: date
    last: date
    seed: int = 0
    trials: int = 1
    without: bool = False
    in_sample_until: date | None = None

    @property
    def tried(self) -> int:
        """Policies in all."""
        return max(self.trials, len(self.policies))


@dataclass(frozen=True)
class _Other:
    """A way to compare with, before it is judged. `nav` [D + 1]."""

    name: str
    nav: Array
    way: Way
    replayed: Replayed | None = None


def backtest(asked: Asked, tell: Tell | None = None) -> Backtest:
    """`tell` as in `replay`. Raises: UsageError."""
    for policy in asked.policies:
        require_names(policy, asked.history)
    ways = _replayed(asked, tell)
    rows = graded(asked.history, asked.first, asked.last)
    beside = road(asked.history, asked.assumptions, rows)
    reader = Reader(asked.history, asked.assumptions.carried)
    found = tuple(_judge(asked, policy, ways, beside, reader) for policy in asked.policies)
    return Backtest(
        judged=_deflated(found, asked),
        history=asked.history,
        assumptions=tuple(_assumptions(asked, rows)),
        seed=asked.seed,
        trials=asked.tried,
        in_sample_until=asked.in_sample_until,
        marks=tuple(_marks(asked, found)),
        block=block_for(HEADLINE, len(rows)),
        draws=DRAWS,
    )


def names_of(policy: Policy, history: History) -> tuple[str, ...]:
    """Of the policy's names those that the history has and that may be ordered."""
    known = {one.symbol for one in history.instruments} - set(policy.universe.restricted)
    return tuple(name for name in policy.universe.symbols if name in known)


def names_lacking(policy: Policy, history: History) -> Iterator[str]:
    """In words, the policy's names that the history does not have; nothing where it has all."""
    lacking = sorted(set(policy.universe.symbols) - {one.symbol for one in history.instruments})
    if lacking:
        yield f"{history.name} lacks {len(lacking)} names of policy {policy.name}: {', '.join(lacking)}"


def way_of(replayed: Replayed) -> Way:
    """As the statistics judge it, over what cash earns."""
    return Way(replayed.returns, _rate(replayed.assumptions), ratios_of(replayed))


def require_names(policy: Policy, history: History) -> None:
    """Raises: UsageError where the history has none of the policy's names."""
    if not names_of(policy, history):
        has = ", ".join(one.symbol for one in history.instruments[:8])
        raise UsageError(
            f"none of the names of policy {policy.name} is in {history.name}, which has {has} …",
            "Name them in universe.symbols, or take other data with --data",
        )


def _replayed(asked: Asked, tell: Tell | None) -> Mapping[str, Replayed]:
    """Every policy that is needed, once each, by its hash."""
    needed: dict[str, Policy] = {}
    for policy in asked.policies:
        others = [one.policy for one in ablations(policy)] if asked.without else []
        needed |= {one.hash: one for one in (policy, unguarded(policy), *others)}
    ways = replay_side_by_side(
        tuple(needed.values()), asked.history, asked.book, asked.assumptions, asked.first, asked.last,
        keep_metrics=True, tell=tell,
    )  # fmt: skip
    return dict(zip(needed, ways, strict=True))


def _judge(asked: Asked, policy: Policy, ways: Mapping[str, Replayed], beside: Road, reader: Reader) -> Judged:
    own = ways[policy.hash]
    way = way_of(own)
    others = list(_others(asked, own, way, ways[unguarded(policy).hash], beside, reader))
    off = {one.name: ways[one.policy.hash] for one in ablations(policy)} if asked.without else {}
    ways_of_all = [way, *(one.way for one in others), *map(way_of, off.values())]
    mine, *rest = bootstrap(ways_of_all, asked.seed)
    dates = (asked.history.dates[own.first - 1], *own.dates)
    level = _level(mine.way)
    periods = worst_periods(level, dates)
    benchmarks = tuple(
        Benchmark(
            name=one.name,
            words=WORDS[one.name],
            nav=one.nav,
            statistics=its.estimates(),
            differences=mine.differences(its),
            by_block={block: mine.differences(its, block) for block in mine.draws},
            drawdown=drawdown(_level(one.way), dates),
            periods=performance(_level(one.way), dates, periods),
            replayed=one.replayed,
        )
        for one, its in zip(others, rest, strict=False)
    )
    in_periods = performance(level, dates, periods)
    sampled = dict(zip((one.name for one in others), rest, strict=False))
    claimed = {one.name: (sampled[one.name], one.periods) for one in benchmarks if one.name in _CLAIMED_AGAINST}
    return Judged(
        replayed=own,
        statistics=mine.estimates() | {"kupiec_p": Estimate(kupiec_of(own))},
        benchmarks=benchmarks,
        actions=actions_of(own),
        claims=claims_of(mine, claimed, in_periods),
        rules=rules_of(own),
        without={name: mine.differences(its) for name, its in zip(off, rest[len(others) :], strict=True)},
        recovery=recovery_of(own),
        earned=earned_of(own),
        by_block={block: mine.estimates(block) for block in mine.draws},
        drawdown=drawdown(level, dates),
        periods=in_periods,
    )


def _level(way: Way) -> Array:
    """What a unit of money became: what comes into sight or goes out of it does not move it. Shape: [D + 1]."""
    return np.append(1.0, np.cumprod(1 + way.returns))


def _others(asked: Asked, own: Replayed, way: Way, free: Replayed, beside: Road, reader: Reader) -> Iterator[_Other]:
    """What the policy is compared with, in the order that a person reads."""
    rate = _rate(asked.assumptions)
    names = names_of(own.policy, asked.history)
    hold, even = beside.buy_and_hold(asked.book), beside.even(asked.book, names)
    yield _Other("buy_and_hold", hold.nav, hold.way(rate))
    yield _Other("equal_weight", even.nav, even.way(rate))
    level = beside.index(float(own.nav[0]))
    if level is not None:
        yield _Other("index", level, Way(level[1:] / level[:-1] - 1, rate))
    yield _Other("unguarded", free.nav, way_of(free), free)
    turnover = float(way.ratios["turnover"].above.mean()) * YEAR
    like = beside.even_like(asked.book, names, float(own.exposure.mean()), turnover)
    yield _Other("same_exposure", like.nav, like.way(rate))
    plain = beside.weighted(asked.book, plain_targets(own, reader), float(own.exposure.mean()))
    yield _Other("same_targets", plain.nav, plain.way(rate))


def _rate(assumptions: Assumptions) -> float:
    return float(assumptions.cash_rate) / YEAR


def _deflated(found: tuple[Judged, ...], asked: Asked) -> tuple[Judged, ...]:
    """With the deflated Sharpe ratio, where more than one policy was tried."""
    if asked.tried < 2:
        return found
    ratios = [one.statistics["sharpe"].value for one in found]
    known = np.array([ratio for ratio in ratios if ratio is not None]) / np.sqrt(YEAR)
    # Fewer than were tried tell nothing of how far those differ.
    spread = float(known.std(ddof=1)) if len(known) == asked.tried else None
    rate = _rate(asked.assumptions)
    return tuple(
        replace(
            one,
            statistics={
                **one.statistics,
                "deflated_sharpe": Estimate(deflated_sharpe(one.replayed.returns, asked.tried, spread, rate)),
            },
        )
        for one in found
    )


def _assumptions(asked: Asked, rows: range) -> Iterator[str]:
    history = asked.history
    yield from asked.assumptions.words()
    if history.adjustment is Adjustment.TOTAL:
        yield "dividends are in the adjusted prices, never paid as cash"
    yield "only rules choose: no model was asked"
    yield "benchmarks trade at the same closes and costs, in fractions of shares; the index costs nothing"
    yield (
        f"ratios are over a risk-free rate of {float(asked.assumptions.cash_rate):.1%} a year, volatility and ratios "
        f"annualised with {YEAR} sessions"
    )
    block = block_for(HEADLINE, len(rows))
    if block is None:
        yield f"{len(rows)} sessions are too few for intervals"
    else:
        yield (
            f"intervals hold 95 % of {DRAWS} draws of the stationary bootstrap, mean block {block} sessions; "
            "differences are paired"
        )
    for policy in asked.policies:
        yield from names_lacking(policy, history)
    yield from history.notes


def _marks(asked: Asked, found: tuple[Judged, ...]) -> Iterator[str]:
    yield from asked.assumptions.marks
    yield from dict.fromkeys(mark for one in found for mark in one.replayed.marks)
    if asked.in_sample_until is not None:
        yield f"in sample until {asked.in_sample_until}: what is before was used to choose the policy"
    for one in found:
        own = (mark for mark in one.replayed.marks if mark not in asked.history.marks)
        yield from (f"{one.replayed.policy.name}: {mark}" for mark in own)
        volatility = one.statistics["volatility"].value
        if volatility is not None and volatility < NEAR_CASH:
            yield f"NEAR CASH: {one.replayed.policy.name} varies by {volatility:.2%} a year; its ratios say nothing"
