"""Runs many seeds, in this process or in several, and adds up what they showed."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.reliability.interleaving.case import Result, run_case, run_eased
from tests.reliability.interleaving.variants import VARIANTS

AS_IT_IS = "as it is"


@dataclass
class Figures:
    """Sums over all seeds; `violating` maps a seed to what it showed."""

    variant: str
    start: int
    seeds: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    takeovers: int = 0
    switches: int = 0
    arrivals: int = 0
    not_placed: int = 0
    violations: int = 0
    by_invariant: Counter[str] = field(default_factory=Counter)
    violating: dict[int, list[str]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """One more seed."""
        self.seeds += 1
        self.kinds[result.kind] += 1
        self.kills += result.kills
        self.takeovers += result.takeovers
        self.switches += result.switches
        self.arrivals += result.arrivals
        self.not_placed += result.not_placed
        self.violations += len(result.violations)
        self.by_invariant.update({words.partition(":")[0] for words in result.violations})
        if result.violations:
            self.violating[result.seed] = result.violations


def measure(seeds: Iterable[int], variant: str = AS_IT_IS, start: int = 0) -> Figures:
    """In this process."""
    figures = Figures(variant, start)
    for seed in seeds:
        figures.add(one(seed, variant))
    return figures


def one(seed: int, variant: str = AS_IT_IS) -> Result:
    """One case in an event loop of its own."""
    return asyncio.run(run_case(seed, VARIANTS[variant]))


def eased(seed: int, variant: str = AS_IT_IS) -> Result:
    """As `one`, of a level that comes down."""
    return asyncio.run(run_eased(seed, VARIANTS[variant]))


def each(seeds: range, variant: str, workers: int) -> Iterator[Result]:
    """In so many processes, in no order."""
    if workers == 1:
        yield from (one(seed, variant) for seed in seeds)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_one_of, ((seed, variant) for seed in seeds), chunksize=20)


def _one_of(what: tuple[int, str]) -> Result:
    return one(*what)
