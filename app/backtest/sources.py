"""Where a history comes from, by its name."""

from pathlib import Path

from app.backtest import sample
from app.backtest.history import History
from app.domain.errors import UsageError


def history_named(name: str, state: Path) -> History:
    """The sample, or what was imported under that name into `state`. Raises: UsageError."""
    if name == sample.NAME:
        return sample.sample()
    raise UsageError(f"there is no history {name}", f"`portfolio history list` names those in {state}")
