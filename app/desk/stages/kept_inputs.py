"""What a run decided on, as chunks to be committed with its plan, or with its close where it commits none."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import numpy as np

import app
from app.decision import Options
from app.desk.desk import Desk
from app.desk.records import Event
from app.desk.states import Decided, MarketRead
from app.domain.ruling import DayUse
from app.engine import Standing, standing_after
from app.record.capture import ByHand, Inputs, Told, chosen, keep, outcome_of
from app.record.chunks import KeptInputs
from app.record.pseudonyms import pseudonymiser
from app.risk import Today

# What a day is decided by, and kept.
_ROOMS = ("domain", "risk", "decision", "engine", "record")


def with_day_kept(desk: Desk, run: Decided, found: Options, use: DayUse) -> Decided:
    """Of a day that was measured, and chosen by the rules or whoever was asked."""

    def made() -> KeptInputs:
        evaluation = run.evaluation
        assert evaluation is not None  # noqa: S101 - no day is decided without
        exchange = run.model.exchange
        inputs = Inputs(
            today=today_of(desk, run),
            use=use,
            level=run.level.level,
            exchange=exchange,
            choice=run.choice if exchange is None and run.choice != found.default else None,
        )
        seen = run.oversight
        if seen is not None:
            # As it was found, where what was measured alone made of it what it is.
            before, day = Standing(seen.control.level, seen.control.causes), run.key.session_date
            if standing_after(before, evaluation, day, run.memory.acknowledged).level is run.level.level:
                inputs = replace(inputs, level=before.level, causes=before.causes)
        outcome = outcome_of(evaluation, run.level.level, found, run.choice, exchange)
        return keep(inputs, outcome, _told(run), _concealing(desk.pseudonym_key, run.key.account))

    return _with_kept(run, made)


def with_exit_kept(desk: Desk, run: Decided, asked: ByHand) -> Decided:
    """Of the one order that a person asked for."""

    def made() -> KeptInputs:
        inputs = Inputs(today_of(desk, run), level=run.level.level, by_hand=asked)
        outcome = chosen(run.plan, run.choice)
        return keep(inputs, outcome, _told(run), _concealing(desk.pseudonym_key, run.key.account))

    return _with_kept(run, made)


def today_of(desk: Desk, run: MarketRead) -> Today:
    """What the day is decided from; in doubt about the account's value nothing is concluded from its earlier ones."""
    return Today(desk.policy, run.portfolio, run.market, run.navs, run.memory, run.value_doubt)


def _with_kept(run: Decided, make: Callable[[], KeptInputs]) -> Decided:
    """A run goes on without: what is kept is for later, and an exit must not wait for it. It is told."""
    if run.claim is None:
        return run
    try:
        return replace(run, kept=make())
    except Exception as error:  # noqa: BLE001 - whatever cannot be kept, the orders that follow from it must go
        reason = type(error).__name__
        run.progress(f"what this run decided on cannot be kept, so that it cannot be replayed: {reason}")
        run.journal.add(Event("inputs_not_kept", {"error": reason}))
        return run


def _told(run: Decided) -> Told:
    key = run.key
    whose = {"run_id": run.run_id, "book": key.book, "session_date": key.session_date.isoformat(), "slot": key.slot}
    return Told(whose, code_version())


@cache
def code_version() -> Mapping[str, str]:
    """The release, and what decides a day in it: a hash over the source of its rooms, and numpy's version."""
    home, total = Path(app.__path__[0]), sha256()
    for room in _ROOMS:
        for path in sorted((home / room).rglob("*.py")):
            total.update(f"{path.relative_to(home).as_posix()}\0".encode() + path.read_bytes())
    return MappingProxyType(
        {"version": version("portfolio-manager"), "source": total.hexdigest(), "numpy": np.__version__}
    )


@lru_cache(maxsize=64)
def _concealing(key: str, account: str) -> Callable[[str], str]:
    return pseudonymiser(key, (account,))
