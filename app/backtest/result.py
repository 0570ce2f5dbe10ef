"""What comes of a backtest: each policy's way, judged, with what it is to be compared with and what it assumes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.backtest.history import History
from app.backtest.replay import Replayed
from app.domain.market import Array


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval; None where it is not defined, or no interval can be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """Another way through the same days. `nav` [D + 1]; `differences`: the policy's less its, paired by days."""

    name: str
    words: str
    nav: Array = field(repr=False)
    statistics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


@dataclass(frozen=True)
class Judged:
    """One policy's way and what can be said of it."""

    replayed: Replayed
    statistics: Mapping[str, Estimate]
    benchmarks: tuple[Benchmark, ...] = ()
    # By action and by rule: what it earned or cost, against a run without it, paired.
    actions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    claims: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of honesty, tried; `said` is what was found, in a sentence."""

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Backtest:
    """Everything that an output tells; `marks` stand on each. `trials`: policies that were tried to come to these."""

    judged: tuple[Judged, ...]
    history: History = field(repr=False)
    assumptions: tuple[str, ...]
    seed: int
    trials: int = 1
    in_sample_until: date | None = None
    marks: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
