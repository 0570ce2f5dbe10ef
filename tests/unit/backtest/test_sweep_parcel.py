"""A history that is sent to another process arrives as it was, or is refused."""

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from app.backtest.history import Adjustment, Dividend, Ending, History, Split
from app.backtest.sweep.parcel import packed, unpacked
from app.domain.errors import DataError
from app.domain.instrument import AssetClass, Instrument


def history() -> History:
    return History(
        name="two",
        source="made",
        adjustment=Adjustment.NONE,
        instruments=(
            Instrument(1, "<b>A", "USD"),
            Instrument(2, "BRK B", "USD", AssetClass.ETF, "Energy"),
            Instrument(3, "C", "USD"),
        ),
        dates=(date(2020, 1, 2), date(2020, 1, 3)),
        closes=np.array([[1.1, np.nan, 5.0], [1.2, 7.0, np.nan]]),
        vix=np.array([20.0, np.nan]),
        happenings=(
            Split(1, date(2020, 1, 3), date(2020, 1, 2), Decimal("2")),
            Dividend(2, date(2020, 1, 3), date(2020, 1, 2), Decimal("0.35")),
            Ending(1, date(2020, 1, 6), date(2020, 1, 2), Decimal("3"), 2, Decimal("0.5")),
        ),
        notes=("a note",),
        late={"vix": 1},
        adjustments={"index": Adjustment.SPLIT},
    )


def test_a_history_arrives_as_it_was_sent() -> None:
    sent = history()
    arrived = unpacked(packed(sent))

    assert arrived.digest == sent.digest
    assert arrived.happenings == sent.happenings
    assert (arrived.name, arrived.notes, arrived.instruments) == (sent.name, sent.notes, sent.instruments)
    assert (arrived.late, arrived.adjustments) == (sent.late, sent.adjustments)
    assert arrived.opens is None
    np.testing.assert_array_equal(arrived.closes, sent.closes)


def test_a_copy_that_was_cut_or_is_of_other_prices_is_refused() -> None:
    one = packed(history())
    other = packed(replace(history(), closes=np.array([[1.1, np.nan, 5.0], [1.2, 7.5, np.nan]])))

    with pytest.raises(DataError):
        unpacked(one[:-40])
    with pytest.raises(DataError, match="not what was copied"):
        unpacked(with_prices_of(one, other))


def with_prices_of(one: bytes, other: bytes) -> bytes:
    """The head of the one with the prices of the other."""
    with np.load(io.BytesIO(one)) as first, np.load(io.BytesIO(other)) as second:
        into = io.BytesIO()
        np.savez(into, head=first["head"], closes=second["closes"], vix=second["vix"])
    return into.getvalue()
