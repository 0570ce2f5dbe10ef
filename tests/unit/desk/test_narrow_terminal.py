"""A report on a narrow screen breaks no word."""

import io
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from app.commands.terminal import show_report, show_runs, show_standing
from app.commands.terminal_parts import plain_table
from app.desk.controls.level import set_level
from app.desk.report.standing import overview, standing_of
from app.desk.run.approvals import reject
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import BrokerUnavailable
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import TODAY
from tests.support.worlds import changed

WIDTHS = (50, 57, 60, 64, 72, 80, 100, 120)


def words_on(width: int, report: Mapping[str, Any]) -> list[str]:
    return words_of(width, show_report if "timings_ms" in report else show_standing, report)


def words_of(width: int, show: Callable[[Console, Any], None], told: object) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, width=width, color_system=None), told)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return out.getvalue().split()


def bare(words: list[str]) -> set[str]:
    """Without the marks that stand between cells of a row that is told as a paragraph."""
    return {stripped for word in words if (stripped := word.strip(",;:."))}


async def kinds(office: Office) -> AsyncIterator[Mapping[str, Any]]:
    """A report of every kind of day, one of a run that left none among them."""
    ledger = office.ledger
    office.policy = changed(policy({"mode": Mode.APPROVE}), "allocation.selection.names", 1)
    office.world.missing_quotes["GE"] = "halted by the exchange"
    dry = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    waiting = (await run_daily(office.desk(), RunRequest())).report
    assert dry
    assert waiting
    assert dry["targets"]["names"]
    yield dry
    yield waiting
    yield (await reject(office.desk(), waiting["run_id"], "owner", "the-reason-of-a-person: none")).report or {}
    office.policy = changed(policy(), "allocation.selection.names", 1)
    office.world.next_day(TODAY + timedelta(days=1))
    office.broker.fates.update(AAPL=Fate.FILLS_HALF, MSFT=Fate.IS_ASKED_ABOUT)
    yield (await run_daily(office.desk(), RunRequest())).report or {}
    office.world.next_day(TODAY + timedelta(days=2))
    office.broker.unreachable.add("portfolio")
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), RunRequest())
    yield standing_of(ledger, ledger.runs(1)[0])
    office.broker.unreachable.clear()
    set_level(ledger, KillLevel.HALTED, "I want to think", "owner", office.now())
    office.world.next_day(TODAY + timedelta(days=3))
    yield (await run_daily(office.desk(), RunRequest())).report or {}


async def test_every_word_of_a_narrow_report_stands_whole_in_a_wide_one(office: Office) -> None:
    seen = set()
    async for report in kinds(office):
        seen.add(report["status"])
        wide = bare(words_on(2000, report))
        for width in WIDTHS:
            narrow = bare(words_on(width, report))
            # What is longer than a narrow screen is wide cannot be whole on it.
            assert not {word for word in narrow - wide if len(word) < width}, width
            assert not {word for word in wide - narrow if len(word) < width}, width
    assert seen == {"dry_run", "awaiting_approval", "rejected", "done", "failed", "halted"}


async def test_a_list_of_runs_breaks_no_word_either(office: Office) -> None:
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    rows = [overview(record) for record in office.ledger.runs()]
    wide = bare(words_of(2000, show_runs, rows))
    for width in WIDTHS:
        assert bare(words_of(width, show_runs, rows)) >= {word for word in wide if len(word) < width}, width


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, ["   name     value  because", "→  AAPL  1,234.00  over its limit of", "                   15.0%"]),
        (20, ["name: value, because", "→ AAPL: value", "1,234.00, because", "over its limit of", "15.0%"]),
    ],
)
def test_a_table_that_is_too_wide_is_told_row_by_row(width: int, shown: list[str]) -> None:
    table = plain_table("", "name", "value", "because", right=("value",))
    table.add_row("→", "AAPL", "1,234.00", "over its limit of 15.0%")
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    assert [line.rstrip() for line in out.getvalue().splitlines()] == shown
