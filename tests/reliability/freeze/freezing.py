"""A process is stopped at a point, the world goes on without it, and then it wakes up."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.reliability.crash.cases import Case, Laboratory, ended, fork, frozen
from tests.reliability.crash.judging import Judgement
from tests.reliability.crash.life import LATER, Fate, Memoir, Setting, memoir

SCRIPT = "nothing goes wrong"


@dataclass(frozen=True)
class Thawed:
    """How it ended. `orders` are what reached the broker, by symbol; `sleeper` is the frozen process's own account."""

    judgement: Judgement
    orders: Mapping[str, Mapping[str, Any]]
    sleeper: Memoir


def freeze(bench: Laboratory, label: str, meanwhile: Callable[[Setting], None], lag: int = 0, nth: int = 1) -> Thawed:
    """The first process is frozen where it comes to the label for the `nth` time; it wakes after `meanwhile`."""
    at = [at for at, found in enumerate(bench.points(SCRIPT, lag), start=1) if found == label][nth - 1]
    opening = bench.reset(Case(SCRIPT, lag))
    setting = bench.setting()
    sleeper = fork(setting, bench.server, 0, Fate(at, signal.SIGSTOP))
    with frozen(sleeper):
        meanwhile(setting)
    orders = bench.http.get("/simulator/orders").json()["orders"]
    thawed = Thawed(
        bench.judged(opening, setting),
        {str(row.get("symbol")): row for row in orders},
        memoir(setting.memoir(0)),
    )
    bench.clear(setting)
    return thawed


def takeover(bench: Laboratory) -> Callable[[Setting], None]:
    """The lease lapses, and another process does the daily run."""

    def take_over(setting: Setting) -> None:
        setting.times.later(LATER)
        bench.http.post("/simulator/clock", json={"advance_seconds": LATER})
        ended(fork(setting, bench.server, 1, Fate(only_daily=True)))

    return take_over
