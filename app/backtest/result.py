"""What comes of a backtest: each policy's way, judged, with what it is to be compared with and what it assumes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.backtest.history import History
from app.backtest.replay import Replayed
from app.backtest.statistics.periods import Drawdown, Period
from app.domain.market import Array


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; None where it is not defined, or no interval can be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """Another way through the same days. `nav` [D + 1]; `differences`: the policy's less its, paired by days.

    `by_block`: the differences again by mean length of the bootstrap's blocks. `replayed` where the engine led it.
    """

    name: str
    words: str
    nav: Array = field(repr=False)
    statistics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    by_block: Mapping[int, Mapping[str, Estimate]] = field(default_factory=dict)
    drawdown: Drawdown | None = None
    periods: tuple[Period, ...] = ()
    replayed: Replayed | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Judged:
    """One policy's way and what can be said of it.

    `actions` and `rules`: days, orders and costs of each. `without`: what each action or rule earned a year, and what
    it took off the largest fall, against a run without it, paired; empty where no such runs were asked for. `earned`:
    what the fills of each action and rule earned or cost at the last closes, against not having traded.
    """

    replayed: Replayed
    statistics: Mapping[str, Estimate]
    benchmarks: tuple[Benchmark, ...] = ()
    actions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    claims: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    without: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    recovery: Mapping[str, object] = field(default_factory=dict)
    earned: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    by_block: Mapping[int, Mapping[str, Estimate]] = field(default_factory=dict)
    drawdown: Drawdown | None = None
    periods: tuple[Period, ...] = ()

    def benchmark(self, name: str) -> Benchmark | None:
        """None where there is none of that name."""
        return next((one for one in self.benchmarks if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of honesty, tried; `said` is what was found, in a sentence."""

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Backtest:
    """Everything that an output tells; `marks` stand on each. `trials`: policies that were tried to come to these.

    `block`: mean length of the bootstrap's blocks, None where there are too few days for any interval.
    """

    judged: tuple[Judged, ...]
    history: History = field(repr=False)
    assumptions: tuple[str, ...]
    seed: int
    trials: int = 1
    in_sample_until: date | None = None
    marks: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    block: int | None = None
    draws: int = 0
