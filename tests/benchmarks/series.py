"""Which runs are measured, in which order, and in which processes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.ledger_cost import LedgerSample, ledger_samples
from tests.benchmarks.overhead import Overhead, mcp_overheads
from tests.benchmarks.quiet_day import QuietDays, measure_quiet_days
from tests.benchmarks.runs import RunSample, collect, measure_run, with_orders, without_orders
from tests.benchmarks.starts import health_seconds, import_seconds
from tests.benchmarks.world import World, clients, idle_policy, open_world, resident_mebibytes

DEMO_PACING: Final = 0.1
REAL_PACING: Final = 1.0

FIRST_DAY: Final = "first run of all, with orders"
FRESH: Final = "first run of all, no orders"
QUIET: Final = "later run, no orders"
TRADING: Final = "later run, with orders"


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each thing is measured."""

    runs: int = 20
    starts: int = 5
    real_quiet: int = 5
    real_trading: int = 3
    ledger_runs: int = 5
    quiet_days: int = 30


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one kind at one pacing scale."""

    name: str
    pacing: float
    samples: tuple[RunSample, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """What processes that have been at work for days show; mebibytes: `memory` after the quiet runs, `growth` a run."""

    quiet: tuple[RunSample, ...]
    trading: tuple[RunSample, ...]
    memory: float
    growth: float
    overheads: tuple[Overhead, ...]
    ledger: tuple[LedgerSample, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured; seconds and mebibytes."""

    groups: tuple[Group, ...]
    imports: tuple[float, ...]
    starts_with_ledger: tuple[float, ...]
    starts_without_ledger: tuple[float, ...]
    memory_after_first: tuple[float, ...]
    quiet_days: tuple[QuietDays, ...]
    later: Later

    def group(self, name: str, pacing: float = DEMO_PACING) -> Group:
        """The runs of that kind."""
        return next(group for group in self.groups if (group.name, group.pacing) == (name, pacing))


def measure(state: Path, counts: Counts, tell: Callable[[str], None]) -> Measured:
    """Everything, one after the other, so that nothing disturbs what is being measured. Takes minutes."""
    tell("quiet days in this process")
    quiet_days = measure_quiet_days(counts.quiet_days)
    tell("import and start of fresh processes")
    imports = _after_one([lambda: import_seconds(state / "import")] * (counts.starts + 1))
    kept = state / "kept"
    with_ledger = _after_one([lambda: health_seconds(kept)] * (counts.starts + 1))
    without = tuple(health_seconds(state / f"new-{number}") for number in range(counts.starts))
    tell("first runs of new ledgers")
    first_days, memory = _first_days(state / "first", counts.starts)
    fresh, _ = _first_days(state / "fresh", counts.starts, idle_policy(state))
    with open_world(state / "days", DEMO_PACING) as world:
        tell("later runs, overhead of MCP, cost of the ledger")
        later = _later(world, counts)
    tell("runs at the broker's own pacing")
    return Measured(
        groups=(
            Group(FIRST_DAY, DEMO_PACING, first_days),
            Group(FRESH, DEMO_PACING, fresh),
            Group(QUIET, DEMO_PACING, later.quiet),
            Group(TRADING, DEMO_PACING, later.trading),
            *_at_real_pacing(state / "real", counts),
        ),
        imports=imports,
        starts_with_ledger=with_ledger,
        starts_without_ledger=without,
        memory_after_first=memory,
        quiet_days=quiet_days,
        later=later,
    )


def _after_one(measurements: Sequence[Callable[[], float]]) -> tuple[float, ...]:
    """All but the first, which finds the disk's cache cold, or a ledger to create."""
    return tuple([measurement() for measurement in measurements][1:])


def _first_days(state: Path, count: int, policy: Path | None = None) -> tuple[tuple[RunSample, ...], tuple[float, ...]]:
    """Runs of fresh processes that find no ledger, nothing but the account, and the service's memory after each."""
    samples, memory = [], []
    for number in range(count):
        with open_world(state / str(number), DEMO_PACING) as world, clients(world, policy) as service:
            world.rest()
            samples.append(measure_run(world, service))
            memory.append(resident_mebibytes(world.ports.service))
    return tuple(samples), tuple(memory)


def _later(world: World, counts: Counts) -> Later:
    """All by the same processes: quiet days first, then a day every quarter."""
    with clients(world) as service:
        world.rest()
        measure_run(world, service)
        memory_before = resident_mebibytes(world.ports.service)
        quiet = collect(world, service, world.next_session, without_orders, counts.runs)
        memory = resident_mebibytes(world.ports.service)
        world.rest()
        overheads = asyncio.run(mcp_overheads(world, counts.runs))
        ledger = asyncio.run(ledger_samples(world, world.next_session, counts.ledger_runs))
        trading = collect(world, service, world.next_quarter, with_orders, counts.runs)
        ledger += asyncio.run(ledger_samples(world, world.next_quarter, counts.ledger_runs))
    growth = (memory - memory_before) / counts.runs
    return Later(quiet, trading, memory, growth, overheads, ledger)


def _at_real_pacing(state: Path, counts: Counts) -> tuple[Group, ...]:
    with open_world(state, REAL_PACING) as world, clients(world) as service:
        world.rest()
        first = measure_run(world, service)
        quiet = collect(world, service, world.next_session, without_orders, counts.real_quiet)
        trading = collect(world, service, world.next_quarter, with_orders, counts.real_trading)
    return (
        Group(FIRST_DAY, REAL_PACING, (first,)),
        Group(QUIET, REAL_PACING, quiet),
        Group(TRADING, REAL_PACING, trading),
    )
