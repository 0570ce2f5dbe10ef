"""A sample of the fault days: each way to run a day, and faults of each kind at moments that can be seen."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest

from tests.reliability.fault_days.events import HISTORY, PREVIEW, SEND, SUMMARY, Day, Moment, Strike
from tests.reliability.fault_days.judging import Logs, Verdict, judge
from tests.reliability.fault_days.machine import Machine
from tests.reliability.fault_days.playing import Player
from tests.reliability.fault_days.suite import ground
from tests.support.ledgers import no_server
from tests.support.postgres import found

pytestmark = pytest.mark.long

BEGINS = date(2022, 1, 3)
MONTH = 30 * 86_400.0
ON_SQLITE = (
    Day(
        1,
        "served",
        (
            Strike("clock", "parent", Moment(HISTORY, 2), seconds=1, amount=MONTH),
            Strike("kill", "service", Moment(PREVIEW, 1), then=("runs", "--json")),
        ),
    ),
    Day(
        2,
        "served",
        (
            Strike("disk full", "database", Moment(SEND, 1), seconds=1),
            Strike("locked", "database", Moment(SUMMARY, 1), seconds=1),
            Strike("database away", "database", Moment(SUMMARY, 1), seconds=1, then=("level",)),
        ),
        bought="PFE",
    ),
    Day(
        3,
        "served",
        (
            Strike("broker", "gateway", script="accepted, connection cut"),
            Strike("freeze and kill the parent", "mcp", Moment(SUMMARY, 1)),
        ),
        bought="KO",
    ),
    Day(4, "alone", (Strike("kill", "parent", Moment(SEND, 1)),), bought="MSFT"),
    Day(5, "up", (Strike("HUP", "parent", Moment(SEND, 1)),)),
)
ON_POSTGRESQL = (
    Day(
        1,
        "served",
        (
            Strike("kill", "mcp", Moment(SEND, 1)),
            Strike("database restarts", "database", Moment(SUMMARY, 1), seconds=1),
        ),
    ),
)


@dataclass
class Bench:
    """One machine, on which days follow each other."""

    machine: Machine
    logs: Logs
    played: list[Day] = field(default_factory=list)

    def play(self, day: Day) -> Verdict:
        """The day, judged."""
        record = Player(self.machine, day, fresh=not self.played).play()
        self.played.append(day)
        return judge(self.machine, record, self.logs.traces())


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Bench]:
    with ground("sqlite", BEGINS) as machine:
        yield Bench(machine, Logs(machine))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Bench]:
    if next(found(), None) is None:
        no_server()
    with ground("postgresql", BEGINS) as machine:
        yield Bench(machine, Logs(machine))


@pytest.mark.parametrize(
    "day",
    ON_SQLITE,
    ids=lambda day: "; ".join(f"{each.kind} {each.part}" for each in day.strikes),
)
def test_after_a_day_of_faults_nothing_is_doubled_orphaned_left_running_or_untrue(sqlite: Bench, day: Day) -> None:
    _is_right(sqlite.play(day), day)


@pytest.mark.parametrize("day", ON_POSTGRESQL, ids=lambda day: "; ".join(each.kind for each in day.strikes))
def test_nor_on_postgresql(postgresql: Bench, day: Day) -> None:
    _is_right(postgresql.play(day), day)


def _is_right(verdict: Verdict, day: Day) -> None:
    assert verdict.violations == ()
    assert verdict.record.ended == "done"
    # The book of `up` is gone with it, and what was in it.
    assert verdict.orders > 0 or day.way == "up"
    assert [words for words in verdict.record.struck if "nothing to strike" in words] == []
    assert len(verdict.record.struck) == len(day.strikes)
