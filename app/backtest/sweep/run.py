"""A sweep from its shards to its result: what is there already is used again, what is missing is carried out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.backtest.history import History
from app.backtest.sweep.shards import Shard, address_of
from app.backtest.sweep.store import Result, Store, result_of
from app.backtest.sweep.workers import Workers

_ID = 12


@dataclass(frozen=True, slots=True)
class Progress:
    """`reused`: shards that an earlier call finished; `done` counts them too."""

    done: int
    shards: int
    reused: int
    policies: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Policies of a shard that was given up, by number, and why."""

    policies: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class Collected:
    """A result for each policy, None where its shard was given up. `seconds`: processor time of all shards."""

    results: tuple[Result | None, ...]
    failures: tuple[Failure, ...]
    reused: int
    seconds: float


def store_of(shards: Sequence[Shard], state: Path) -> Store:
    """A directory of its own for these shards: the same sweep finds it again."""
    return Store(state / "sweeps" / address_of([one.address for one in shards])[:_ID])


def carry_through(
    shards: Sequence[Shard], history: History, store: Store, workers: Workers, tell: Callable[[Progress], None]
) -> Collected:
    """Each shard's result is kept as soon as it is there. Raises: UsageError."""
    found = store.finished(one.address for one in shards)
    reused, why = len(found), dict[str, str]()

    def say() -> None:
        policies = sum(len(one.candidates) for one in shards if one.address in found)
        tell(Progress(len(found) + len(why), len(shards), reused, policies))

    say()
    missing = {one.address: one.task for one in shards if one.address not in found}
    for outcome in workers(missing, store.parcel(history)) if missing else ():
        if outcome.result is None:
            why[outcome.address] = outcome.why or "no reason was told"
        else:
            store.keep(outcome.address, outcome.result)
            found[outcome.address] = result_of(outcome.result)
        say()
    return _collected(shards, found, why, reused)


def _collected(shards: Sequence[Shard], found: Mapping[str, Result], why: Mapping[str, str], reused: int) -> Collected:
    results: list[Result | None] = []
    failures = []
    for shard in shards:
        first = len(results)
        if shard.address in found:
            results += found[shard.address]["policies"]
            continue
        results += [None] * len(shard.candidates)
        failures.append(Failure(tuple(range(first, len(results))), why[shard.address]))
    seconds = sum(one["seconds"]["cpu"] for one in found.values())
    return Collected(tuple(results), tuple(failures), reused, seconds)
