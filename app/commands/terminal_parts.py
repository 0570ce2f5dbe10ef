"""What the terminal's pages are made of."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


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


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Without lines; the columns in `right` are set right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
