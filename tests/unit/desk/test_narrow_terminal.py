"""A report on a narrow screen breaks no word."""

import io

import pytest
from rich.console import Console

from app.commands.terminal import show_report
from app.commands.terminal_parts import plain_table
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from tests.support.fakes import Office, policy
from tests.support.worlds import changed

WIDTHS = (50, 57, 64, 72, 80, 100)


def words_on(width: int, report: object) -> list[str]:
    out = io.StringIO()
    show_report(Console(file=out, width=width, color_system=None), report)  # type: ignore[arg-type]  # as JSON has it
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return out.getvalue().split()


def bare(words: list[str]) -> set[str]:
    """Without the marks that stand between cells of a row that is told as a paragraph."""
    return {stripped for word in words if (stripped := word.strip(",;:."))}


async def test_every_word_of_a_narrow_report_stands_whole_in_a_wide_one(office: Office) -> None:
    office.policy = changed(policy(), "allocation.selection.names", 1)
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    assert report["targets"]["names"]
    wide = bare(words_on(2000, report))
    for width in WIDTHS:
        # What is longer than a narrow screen is wide cannot be whole on it.
        broken = {word for word in bare(words_on(width, report)) - wide if len(word) < width}
        assert not broken, width


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, ["   name     value  because", "→  AAPL  1,234.00  over its limit of", "                   15.0%"]),
        (20, ["→ AAPL: value", "1,234.00, because", "over its limit of", "15.0%"]),
    ],
)
def test_a_table_that_is_too_wide_is_told_row_by_row(width: int, shown: list[str]) -> None:
    table = plain_table("", "name", "value", "because", right=("value",))
    table.add_row("→", "AAPL", "1,234.00", "over its limit of 15.0%")
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == shown
