"""Where a history comes from, by its name."""

from pathlib import Path

from app.backtest import sample
from app.backtest.data import store
from app.backtest.history import History
from app.backtest.recorded import NAME as RECORDED
from app.backtest.recorded import recorded
from app.backtest.synthetic.named import NAME as SYNTHETIC
from app.backtest.synthetic.named import synthetic
from app.domain.errors import UsageError
from app.domain.spelling import nearest
from app.settings import load_settings


def history_named(name: str, state: Path) -> History:
    """The sample, what was imported into `state` under that name, what the ledger there kept of an account's days, or
    a market that never was.

    `recorded:BOOK` names a book where the ledger has several. Raises: UsageError.
    """
    if name == sample.NAME:
        return sample.sample()
    kind, _, book = name.partition(":")
    if kind == RECORDED:
        return recorded(load_settings(state_dir=state), book or None)
    if kind == SYNTHETIC:
        return synthetic(name)
    imported = store.names(state)
    if name in imported:
        return store.load(name, state)
    near = nearest(name, (sample.NAME, RECORDED, SYNTHETIC, *imported))
    raise UsageError(
        f"there is no history {name[:60]}",
        f"Did you mean {near}?" if near else f"`portfolio history list` names those in {state}",
    )
