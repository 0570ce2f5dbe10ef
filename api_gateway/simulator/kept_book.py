"""The books of the simulated broker in files, so that a restart goes on where it stopped: one file for each world.

Kept are accounts, orders and market time. Faults, logins and open questions are not: a restart of the gateway loses
those, too. Written before an answer leaves, so that nobody was told what is not kept.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from api_gateway.simulator.accounts.account_book import BookRecord
from api_gateway.simulator.orders.order_desk import DeskRecord
from api_gateway.simulator.world import Options, Split, World, build_world, renewed

FORM = 1
# Market time is kept so far ahead: after a kill it goes on later than anybody has seen it, and never earlier.
_AHEAD = timedelta(seconds=30)


@dataclass(frozen=True)
class Kept:
    """A world's state. `form` changes with the meaning of what is kept."""

    form: int
    as_of: date
    now: datetime
    books: dict[str, BookRecord]
    desk: DeskRecord
    dividends_paid: int
    splits: tuple[Split, ...]
    carried_out: tuple[Split, ...]


_ADAPTER = TypeAdapter(Kept)


@dataclass
class KeptBook:
    """In that directory, which is made when something is first kept. `text` says how the world began."""

    directory: Path
    build: Callable[[Options], World] = build_world
    text: str = field(default="", init=False)
    _written: tuple[Any, ...] = field(default=(), init=False)
    _until: datetime | None = field(default=None, init=False)
    _world: World | None = field(default=None, init=False)

    def begin(self, options: Options) -> World:
        """The world as it was left, or a new one. Raises: what `build_world` raises."""
        self._world = self._begun(options)
        return self._world

    def _begun(self, options: Options) -> World:
        world = self.build(options)
        kept_days = self._days(world)
        if options.as_of is None and kept_days and kept_days[0] != world.as_of:
            world = renewed(world, replace(options, as_of=kept_days[0]), world.scenario)
        file = self._file(world)
        if not file.exists():
            self.text = _anew(world, [day for day in kept_days if day != world.as_of])
            return world
        try:
            kept = _ADAPTER.validate_python(json.loads(file.read_text(encoding="utf-8")))
            if (kept.form, kept.as_of) != (FORM, world.as_of) or kept.books.keys() != world.books.keys():
                raise ValueError("it is of another version or world")
        except (OSError, ValueError, RecursionError) as error:
            self.text = self._broken(file, error)
            return world
        _restore(world, kept)
        self.text = f"the simulator goes on with the book of {world.as_of}, market time {kept.now:%Y-%m-%d %H:%M} UTC"
        return world

    def keep(self, world: World) -> None:
        """Before an answer leaves; nothing is written where nothing changed."""
        self._world = world
        state, now = _changing(world), world.clock.now()
        if state == self._written and self._until is not None and now < self._until:
            return
        self._until = min(now + _AHEAD, world.market.calendar.end)
        self._write(world, self._until)
        self._written = state

    def close(self) -> None:
        """At an end in order: market time goes on where it stands."""
        if self._world is not None:
            self._write(self._world, self._world.clock.now())

    def _write(self, world: World, now: datetime) -> None:
        file = self._file(world)
        mine = file.with_suffix(f".{os.getpid()}")
        text = json.dumps(_ADAPTER.dump_python(_kept(world, now), mode="json"))
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            mine.write_text(text, encoding="utf-8")
            mine.replace(file)
        finally:
            with suppress(FileNotFoundError):
                mine.unlink()

    def _file(self, world: World) -> Path:
        return self.directory / f"{world.as_of}-{_identity(world)}.json"

    def _days(self, world: World) -> list[date]:
        """Of which a book of a world like this one is kept, the one that was written last first."""
        files = sorted(self.directory.glob(f"*-{_identity(world)}.json"), key=lambda file: -file.stat().st_mtime_ns)
        days = []
        for file in files:
            with suppress(ValueError):
                days.append(date.fromisoformat(file.name[:10]))
        return days

    def _broken(self, file: Path, error: Exception) -> str:
        aside = file.with_suffix(".broken")
        with suppress(OSError):
            file.replace(aside)
        why = str(error).splitlines()[0]
        return (
            f"the simulator begins anew: the kept book cannot be used ({why}) and is now {aside}; "
            "runs on record of this state do not fit it, another --state does"
        )


def _identity(world: World) -> str:
    """Of everything but the day that makes one world another."""
    options = world.options
    scenario = hashlib.sha256(world.scenario.model_dump_json().encode()).hexdigest()[:8]
    return f"{world.market.kind}-{options.seed}-{options.instruments}-{scenario}"


def _anew(world: World, others: Sequence[date]) -> str:
    if not others:
        return f"the simulator begins anew, on {world.as_of}"
    return (
        f"the simulator begins anew, on {world.as_of}; the book of {others[0]} is kept and goes on with "
        f"--as-of {others[0]}"
    )


def _changing(world: World) -> tuple[Any, ...]:
    """What is compared to see a change; all but the clock."""
    books = tuple((book.executions, book.movements) for book in world.books.values())
    return (world.as_of, books, world.desk.orders(), world.desk.arrivals.rows(), tuple(world.splits))


def _kept(world: World, now: datetime) -> Kept:
    return Kept(
        form=FORM,
        as_of=world.as_of,
        now=now,
        books={account: book.record() for account, book in world.books.items()},
        desk=world.desk.record(),
        dividends_paid=world.dividends.paid,
        splits=tuple(world.splits),
        carried_out=tuple(world.carried_out),
    )


def _restore(world: World, kept: Kept) -> None:
    for split in kept.carried_out:
        world.market.split(split.conid, float(split.ratio))
    for account, record in kept.books.items():
        world.books[account].restore(record)
    world.desk.restore(kept.desk)
    world.dividends.paid = kept.dividends_paid
    world.splits[:] = kept.splits
    world.carried_out[:] = kept.carried_out
    world.clock.move_to(max(kept.now, world.clock.now()))
