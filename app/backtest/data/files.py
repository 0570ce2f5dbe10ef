"""A file as a header and rows, one at a time: CSV, gzipped or not, and Parquet."""

import csv
import gzip
import importlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from app.backtest.data.problems import Problems, shown
from app.backtest.data.values import Cell
from app.domain.errors import UsageError

MOST_ROWS = 20_000_000
_LONGEST_LINE = 2**20
_BATCH = 65_536
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MARK = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t|"
_READ_ERRORS = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Table:
    """`rows` with their places, as `problems` counts them; each is as long as `header`."""

    header: tuple[str, ...]
    rows: Iterator[tuple[int, Sequence[Cell]]]
    problems: Problems


@contextmanager
def opened(file: Path) -> Iterator[Table]:
    """Read while it is open. What is wrong with a row is added to its problems. Raises: UsageError."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", "Name a .csv, a .csv.gz or a .parquet")
    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        with file.open("rb") as stream:
            yield _parquet(file, stream)
    elif name.endswith((".csv", ".csv.gz", ".txt", ".tsv")):
        with gzip.open(file, "rb") if name.endswith(".gz") else file.open("rb") as stream:
            yield _text(file, cast(BinaryIO, stream))
    else:
        raise UsageError(f"{file.name} is of no kind that can be read", "Name a .csv, a .csv.gz or a .parquet")


def _text(file: Path, stream: BinaryIO) -> Table:
    problems = Problems(file)
    lines = _lines(stream, problems)
    above, first = _header_line(lines)
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        header = tuple(next(csv.reader([first], delimiter=delimiter, strict=True)))
    except csv.Error as error:
        problems.add(1, f"{error}: this is no header of a CSV file")
        header = ()
    problems.refuse()
    return Table(header, _bounded(_rows(lines, delimiter, (above, len(header)), problems), problems), problems)


def _header_line(lines: Iterator[str]) -> tuple[int, str]:
    """(its number, the first line that is not blank)."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            return number, line
    return 0, ""


def _rows(
    lines: Iterator[str], delimiter: str, shape: tuple[int, int], problems: Problems
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """`shape`: lines above, and fields of each."""
    above, width = shape
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if len(row) == width:
                yield above + reader.line_num, row
            elif any(cell.strip() for cell in row):
                problems.add(above + reader.line_num, f"{len(row)} fields, and the header has {width}")
    except csv.Error as error:
        problems.add(above + reader.line_num, f"{error}: look at its quotation marks; what follows was not read")


def _lines(stream: BinaryIO, problems: Problems) -> Iterator[str]:
    """Decoded; a line that cannot be is blank instead, so that their numbers stay right."""
    number = 0
    while True:
        number += 1
        try:
            raw = stream.readline(_LONGEST_LINE)
        except _READ_ERRORS as error:
            problems.add(number, f"it cannot be read on from here: {error}")
            return
        if not raw:
            return
        if number == 1:
            if raw[:2] in _UTF_16:
                problems.add(1, "it is in UTF-16: save it as UTF-8")
                return
            raw = raw.removeprefix(_MARK)
        if len(raw) == _LONGEST_LINE:
            problems.add(number, f"it is longer than {_LONGEST_LINE} bytes: this is no CSV file; the rest was not read")
            return
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            at, byte = error.start, raw[error.start]
            problems.add(number, f"byte {at + 1} is 0x{byte:02x}, which is no UTF-8: save the file as UTF-8")
            yield "\n"


def _bounded(rows: Iterator[tuple[int, Sequence[Cell]]], problems: Problems) -> Iterator[tuple[int, Sequence[Cell]]]:
    for count, row in enumerate(rows):
        if count == MOST_ROWS:
            problems.add(row[0], f"more than {MOST_ROWS:,} rows: leave names or years out")
            return
        yield row


def _parquet(file: Path, stream: BinaryIO) -> Table:
    try:
        # An extra, and slow to import.
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            f"{file.name} is Parquet, and what reads it is not installed",
            "Install the extra `parquet` (`uv sync --extra parquet`), or give the prices as CSV",
        ) from None
    problems = Problems(file, "row")
    try:
        table = parquet.ParquetFile(stream)
        columns = list(table.schema_arrow)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file.name} is no Parquet file: {shown(error)}", "Export it again, or as CSV") from None
    for column in columns:
        if arrow.types.is_nested(column.type):
            problems.add(0, f"column {shown(column.name)} holds lists or structures: leave it out")
    problems.refuse()
    header = tuple(column.name for column in columns)
    return Table(header, _bounded(_batches(table, problems), problems), problems)


def _batches(table: Any, problems: Problems) -> Iterator[tuple[int, Sequence[Cell]]]:  # noqa: ANN401 - an extra's
    place = 0
    try:
        for batch in table.iter_batches(_BATCH):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                place += 1
                yield place, row
    except (OSError, ValueError) as error:
        problems.add(place + 1, f"it cannot be read on from here: {shown(error)}")
