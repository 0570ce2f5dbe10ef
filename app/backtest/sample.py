"""The sample: twenty large companies and the index from 1990 to 2022, read out of the installed wheel."""

import csv
import gzip
import importlib.metadata
import io
from datetime import date
from pathlib import Path

import numpy as np

from app.backtest.history import Adjustment, History
from app.domain.errors import UsageError
from app.domain.instrument import Instrument
from app.market.sectors import sector_of

NAME = "sample"
_FIRST_CONID = 1000
_NOTES = (
    "the sample is twenty survivors, chosen with hindsight: every result on it flatters itself",
    "its closes are adjusted for dividends, so dividends are in the price and never cash; its index has none",
    "shares and commissions are counted at adjusted prices, which nobody paid: early ones are smaller than real ones",
    "its volumes and market values are not known: every name is assumed to be large and liquid enough to buy",
)


def sample() -> History:
    """Raises: UsageError where the wheel is not installed."""
    head, *rows = _table("sp500_dataset.csv.gz")
    _, *index = _table("sp500_index.csv.gz")
    return History(
        name=NAME,
        source="sample",
        adjustment=Adjustment.TOTAL,
        instruments=tuple(
            Instrument(_FIRST_CONID + n, symbol, "USD", sector=sector_of(symbol)) for n, symbol in enumerate(head[1:])
        ),
        dates=tuple(date.fromisoformat(row[0]) for row in rows),
        closes=np.array([row[1:] for row in rows], dtype=np.float64),
        index=np.array([row[1] for row in index], dtype=np.float64),
        notes=_NOTES,
    )


def _table(name: str) -> list[list[str]]:
    try:
        wheel = importlib.metadata.distribution("skfolio")
        packed = Path(str(wheel.locate_file(f"skfolio/datasets/data/{name}"))).read_bytes()
    except (importlib.metadata.PackageNotFoundError, OSError) as error:
        raise UsageError(
            "the sample's prices are not installed",
            "`portfolio docs data` shows how to; else --data synthetic:sideways, or `portfolio history import` yours",
        ) from error
    return list(csv.reader(io.StringIO(gzip.decompress(packed).decode())))
