"""Parquet is read like CSV, its rows counted from one; where what reads it is not installed, that is said."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.backtest.data.importing import Wanted, read_history
from app.backtest.data.problems import FileRefused
from app.backtest.history import Adjustment, History
from app.domain.errors import UsageError

DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6)]


def history_of(folder: Path, columns: dict[str, Any]) -> History:
    file = folder / "prices.parquet"
    parquet.write_table(pa.table(columns), file)
    return read_history(Wanted(file, "mine", Adjustment.NONE))


def test_a_parquet_file_is_the_same_history_as_its_csv(tmp_path: Path) -> None:
    closes = [300.35, 297.43, 299.8]
    text = "date,symbol,close,volume\n" + "".join(
        f"{day},AAPL,{close},{volume}\n" for day, close, volume in zip(DAYS, closes, ("", 5, 7), strict=True)
    )
    (tmp_path / "prices.csv").write_text(text)
    expected = read_history(Wanted(tmp_path / "prices.csv", "mine", Adjustment.NONE))
    volumes = pa.array([None, 5, 7], pa.int64())
    for days in (
        pa.array(DAYS),
        pa.array([day.isoformat() for day in DAYS]),
        pa.array([datetime(day.year, day.month, day.day, tzinfo=UTC) for day in DAYS], pa.timestamp("us", "UTC")),
    ):
        symbols = pa.array(["AAPL"] * 3).dictionary_encode()
        found = history_of(tmp_path, {"date": days, "symbol": symbols, "close": closes, "volume": volumes})
        assert found.digest == expected.digest


def test_a_wide_parquet_file_is_read_and_nothing_is_no_price(tmp_path: Path) -> None:
    found = history_of(tmp_path, {"date": DAYS, "AAPL": [300, 297, 299], "MSFT": [None, float("nan"), 159.5]})
    assert found.closes[2].tolist() == [299, 159.5]
    assert found.closes[:2, 0].tolist() == [300, 297]


def test_a_row_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        history_of(tmp_path, {"date": [*DAYS], "symbol": ["AAPL", None, "MSFT"], "close": [1.0, 1.0, float("nan")]})
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["row 2", "row 3"]


def test_a_time_of_day_is_no_date(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="row 1: date '2020-01-02 16:00:00' has a time of day: give dates alone"):
        history_of(tmp_path, {"date": [datetime(2020, 1, 2, 16)], "symbol": ["AAPL"], "close": [1.0]})  # noqa: DTZ001


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="column 'symbol' holds lists or structures: leave it out"):
        history_of(tmp_path, {"date": DAYS, "symbol": [["AAPL"], [], []], "close": [1.0, 1.0, 1.0]})


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "prices.parquet").write_bytes(b"date,symbol,close\n")
    with pytest.raises(UsageError, match=r"prices\.parquet is no Parquet file"):
        read_history(Wanted(tmp_path / "prices.parquet", "mine", Adjustment.NONE))


def test_where_the_extra_is_missing_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prices.parquet"
    parquet.write_table(pa.table({"date": DAYS}), file)
    # A process of its own, in which no such package can be imported.
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from app.backtest.data.files import opened\n"
        "from app.domain.errors import UsageError\n"
        "try:\n"
        "    opened(Path(sys.argv[1])).__enter__()\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(
        "prices.parquet is Parquet, and what reads it is not installed. Install the extra `parquet`"
    )
