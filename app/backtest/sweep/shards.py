"""A sweep in parts that any process can carry out: what it is told and what it answers are JSON of plain values."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from pydantic import TypeAdapter

import app
from app.backtest.assumptions import Assumptions
from app.backtest.history import History
from app.backtest.judge import way_of
from app.backtest.reader import Reader
from app.backtest.replay import Replayed, replay
from app.backtest.statistics.figures import figures
from app.backtest.sweep.candidates import Candidate
from app.backtest.sweep.parcel import unpacked
from app.backtest.sweep.walk_forward import month_ends
from app.broker.paper.book import PaperBook
from app.desk.stages.kept_inputs import code_version
from app.domain.errors import UsageError
from app.domain.policy import Policy

# The days' work that policies share pays from here on.
BATCH = 50
# Beside what decides a day: what leads it through history, fills its orders, and adds up what came of them.
_CODE = (
    "backtest/*.py", "backtest/statistics/*.py", "backtest/sweep/shards.py", "broker/paper/*.py", "market/calendar.py",
)  # fmt: skip
_ASSUMPTIONS = TypeAdapter(Assumptions)


@dataclass(frozen=True)
class Ground:
    """What all policies of a sweep share. `seed`: what the choice among random combinations was drawn with."""

    history: History = field(repr=False)
    book: PaperBook = field(repr=False)
    assumptions: Assumptions
    first: date
    last: date
    seed: int = 0

    def told(self) -> dict[str, Any]:
        """As a task carries it; the history goes apart."""
        return {
            "data": self.history.digest,
            "book": self.book.model_dump(mode="json"),
            "assumptions": _ASSUMPTIONS.dump_python(self.assumptions, mode="json"),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "seed": self.seed,
            "code": replay_version(),
        }


@dataclass(frozen=True, slots=True)
class Shard:
    """`address` is the same for the same policies, data, book, assumptions, days, code and seed."""

    address: str
    candidates: tuple[Candidate, ...]
    task: str = field(repr=False)


def shards(ground: Ground, candidates: Sequence[Candidate], batch: int = BATCH) -> tuple[Shard, ...]:
    """Alike in size and at least `batch` policies each; two where they are fewer, for two processes to work."""
    count = min(len(candidates), max(2, len(candidates) // batch))
    size, told = -(-len(candidates) // count), ground.told()
    return tuple(_shard(told, tuple(candidates[n : n + size])) for n in range(0, len(candidates), size))


def address_of(value: object) -> str:
    """Of a plain value, whatever the order of its names."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@cache
def replay_version() -> str:
    """Of all code that a replay's figures come from."""
    home, total = Path(app.__path__[0]), hashlib.sha256(json.dumps(dict(code_version()), sort_keys=True).encode())
    for part in _CODE:
        for path in sorted(home.glob(part)):
            total.update(f"{path.relative_to(home).as_posix()}\0".encode() + path.read_bytes())
    return total.hexdigest()


def carry_out(task: str, parcel: bytes | str) -> str:
    """The shard's result. `parcel`: the history's bytes, or the file that has them. Raises: UsageError, DataError."""
    began, used = perf_counter(), process_time()
    told = json.loads(task)
    if told["code"] != replay_version():
        raise UsageError("a worker has another version of this program", "Install the same on every worker")
    reader = _reader(parcel, told["data"])
    ways = replay(
        [Policy.model_validate(values) for values in told["policies"]],
        reader.history,
        PaperBook.model_validate(told["book"]),
        _ASSUMPTIONS.validate_python(told["assumptions"]),
        date.fromisoformat(told["first"]),
        date.fromisoformat(told["last"]),
        reader=reader,
    )
    seconds = {"wall": round(perf_counter() - began, 3), "cpu": round(process_time() - used, 3)}
    return json.dumps({"seconds": seconds, "policies": [_result(way) for way in ways]}, allow_nan=False)


def _shard(ground: dict[str, Any], candidates: tuple[Candidate, ...]) -> Shard:
    address = address_of({**ground, "policies": [one.policy.hash for one in candidates]})
    task = json.dumps({**ground, "policies": [_without_secrets(one.values) for one in candidates]})
    return Shard(address, candidates, task)


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses of notifications may hold passwords, and no replay reads them."""
    return {name: section for name, section in values.items() if name != "notifications"}


@lru_cache(maxsize=1)
def _reader(parcel: bytes | str, digest: str) -> Reader:
    history = unpacked(Path(parcel).read_bytes() if isinstance(parcel, str) else parcel)
    if history.digest != digest:
        raise UsageError(f"the copy of {history.name} is of other data", "Start the sweep again")
    return Reader(history)


def _result(way: Replayed) -> dict[str, Any]:
    """`nav` to the hundredth of a cent; `exposure` at the last session of each month that ended.

    `cost`: of each unit of value bought or sold, commission and slippage together; None where nothing was.
    """
    value = sum(one.quantity * one.price for one in way.done)
    costs = sum(one.commission + one.quantity * abs(one.paid - one.price) for one in way.done)
    return {
        "statistics": figures(way_of(way)),
        "nav": np.round(way.nav, 4).tolist(),
        "exposure": np.round(way.exposure[month_ends(way.dates)], 4).tolist(),
        "cost": float(costs / value) if value else None,
        "orders": len(way.done),
        "marks": list(way.marks),
        "decisions_digest": way.decisions_digest,
    }
