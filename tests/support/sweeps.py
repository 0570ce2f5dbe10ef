"""A small sweep of real parts: policies around the shipped one, over a seeded history of its names."""

import os
import signal
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from app.backtest.assumptions import Assumptions
from app.backtest.books import even_book
from app.backtest.history import Adjustment, History
from app.backtest.replay import WARM_UP
from app.backtest.sweep.candidates import Candidates, candidates, varied
from app.backtest.sweep.shards import Ground, Shard, carry_out, shards
from app.domain.instrument import Instrument
from app.market.sectors import sector_of
from app.settings import policy_values, shipped_policy
from tests.support.histories import sessions

DAYS = 12
BASE = policy_values(shipped_policy())
# So that a stop is what it is called.
BASE["exits"]["volatility_multiple"] = 0


def walk(days: int = DAYS) -> History:
    """Every name of the shipped policy, and an index, on a random walk of its own."""
    names = BASE["universe"]["symbols"]
    steps = np.random.default_rng(11).normal(0.0003, 0.02, (WARM_UP + days, len(names)))
    closes = np.round(40 * np.exp(np.cumsum(steps, axis=0)), 2)
    return History(
        name="walk",
        source="test",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(Instrument(100 + n, name, "USD", sector=sector_of(name)) for n, name in enumerate(names)),
        dates=sessions(WARM_UP + days),
        closes=closes,
        index=closes.mean(axis=1),
    )


def around(*fields: str) -> Candidates:
    """Policies as `--vary` names them."""
    return candidates(BASE, [varied(one) for one in fields], None, 0)


def ground(history: History) -> Ground:
    """All days after the warm-up, from a book of every name."""
    book = even_book(history, WARM_UP - 1, Decimal(250_000))
    return Ground(history, book, Assumptions(), history.dates[WARM_UP], history.dates[-1])


def parts(history: History, found: Candidates, batch: int) -> Sequence[Shard]:
    """The shards of it."""
    return shards(ground(history), found.valid, batch)


def fatal(task: str, parcel: bytes | str) -> str:
    """Ends its process, as a machine without memory does, wherever a stop loss of 13 % is tried."""
    if '"stop_loss_pct": 13' in task:
        os.kill(os.getpid(), signal.SIGKILL)
    return carry_out(task, parcel)
