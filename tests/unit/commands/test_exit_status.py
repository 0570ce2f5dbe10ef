"""A command's exit status tells outcomes apart: what came of a run, and which kind of error ended a command."""

import re
from pathlib import Path

import pytest

from app.commands.exit_status import ExitStatus, status_of, status_of_error
from app.desk.records import RunStatus
from app.domain import errors
from app.domain.errors import PortfolioError

RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbook.md"
OF_A_RUN = {
    RunStatus.DONE: 0,
    RunStatus.DRY_RUN: 0,
    RunStatus.SKIPPED: 0,
    RunStatus.RECONCILED: 0,
    RunStatus.FAILED: 1,
    RunStatus.NOT_READY: 1,
    RunStatus.RUNNING: 1,
    RunStatus.AWAITING_APPROVAL: 4,
    RunStatus.HALTED: 5,
    RunStatus.REJECTED: 6,
    RunStatus.MISSED: 6,
}
OF_AN_ERROR = {
    errors.UsageError: 2,
    errors.SettingsError: 2,
    errors.PolicyError: 2,
    errors.OutOfTime: 3,
    errors.Halted: 5,
    errors.NotAllowed: 6,
}


@pytest.mark.parametrize("status", RunStatus)
def test_every_status_of_a_run_has_its_exit_status(status: RunStatus) -> None:
    assert status_of({"status": status.value, "orders": []}) == OF_A_RUN[status]


def test_a_status_that_only_a_later_version_knows_is_not_taken_for_done() -> None:
    assert status_of({"status": "something_new"}) == ExitStatus.FAILED


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ((), 0),
        (("FILLED",), 0),
        (("FILLED", "NOT_SENT"), 0),
        (("NOT_SENT", "REJECTED"), 6),
        (("REFUSED",), 6),
        (("ACKED",), 0),
        (("CANCELLED",), 0),
        (("FILLED", "UNKNOWN"), 1),
    ],
)
def test_a_day_that_is_done_is_refused_where_no_order_was_taken_and_failed_where_one_is_uncertain(
    states: tuple[str, ...], wanted: int
) -> None:
    assert status_of({"status": "done", "orders": [{"state": state} for state in states]}) == wanted


@pytest.mark.parametrize("kind", [PortfolioError, *PortfolioError.__subclasses__()])
def test_every_kind_of_error_has_its_exit_status(kind: type[PortfolioError]) -> None:
    error = kind.__new__(kind)
    wanted = next((status for known, status in OF_AN_ERROR.items() if issubclass(kind, known)), 1)
    assert status_of_error(error) == wanted


def test_the_runbook_has_each_exit_status_in_its_table() -> None:
    part = RUNBOOK.read_text(encoding="utf-8").partition("## Exit status")[2].partition("\n## ")[0]
    assert {int(number) for number in re.findall(r"^\| (\d) \|", part, re.MULTILINE)} == set(ExitStatus)
