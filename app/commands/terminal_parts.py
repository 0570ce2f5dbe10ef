"""What the terminal's pages are made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

_ANY_WIDTH = 10_000


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a person writes it."""
    return "unknown" if value is None else f"{value:.{digits}%}"


def money(amount: str | None) -> str:
    """A decimal string with thousands separated."""
    return "–" if amount is None else f"{Decimal(amount):,.2f}"


def action_of(row: Mapping[str, Any]) -> str:
    """The action as people read it; earlier versions tell only its own name."""
    return str(row.get("shown_as") or row["action"] or "–")


def heading(text: str) -> RenderableType:
    """Over a part of what is printed."""
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


class WholeWords(Table):
    """A table whose columns are as wide as their longest words at least; too narrow for that, one paragraph a row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        sizes = [_size(console, options, column) for column in self.columns]
        gaps = sum(self.padding[1] for _ in self.columns[1:])
        left = options.max_width - gaps - sum(size.minimum for size in sizes)
        if left < 0:
            yield _names(self.columns)
            yield from (_paragraph(self.columns, row) for row in range(self.row_count))
            return
        for column, size in zip(self.columns, sizes, strict=True):
            more = min(left, size.maximum - size.minimum)
            column.width = size.minimum + more
            left -= more
        yield from super().__rich_console__(console, options)


def _size(console: Console, options: ConsoleOptions, column: Column) -> Measurement:
    wide = options.update(max_width=_ANY_WIDTH)
    found = [Measurement.get(console, wide, cell) for cell in (column.header, *column.cells)]
    return Measurement(max(one.minimum for one in found), max(one.maximum for one in found))


def _names(columns: Sequence[Column]) -> Text:
    """What each paragraph tells, once: the first name stands over what begins it."""
    first, *others = [str(column.header) for column in columns if column.header]
    return Text(f"{first}: {', '.join(others)}" if others else first, "dim")


def _paragraph(columns: Sequence[Column], row: int) -> Text:
    """The first cells up to one with a heading, and the others with theirs."""
    told = [(str(column.header), str(list(column.cells)[row]).strip()) for column in columns]
    first = next((place for place, (header, _) in enumerate(told) if header), 0)
    head = " ".join(value for _, value in told[: first + 1] if value)
    rest = ", ".join(f"{header} {value}".strip() for header, value in told[first + 1 :] if value)
    return Text(f"{head}: {rest}" if rest else head)


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Without lines; the columns in `right` are set right."""
    table = WholeWords(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
