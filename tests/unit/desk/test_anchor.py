"""After each closed run the ledger's newest head is put down elsewhere, at no run's cost."""

import logging
from dataclasses import dataclass, field, replace

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.notify import deliver
from app.domain.errors import AnchorError
from app.domain.ruling import KillLevel
from app.ledger.sql_ledger import SqlLedger
from app.record.anchors import anchors_of
from tests.support.fakes import Office
from tests.unit.desk.test_notify import Post, telling
from tests.unit.ledger.builders import AT, rows

DAY = RunRequest()


@dataclass
class Place:
    """Keeps lines; `works` False takes none."""

    works: bool = True
    lines: list[str] = field(default_factory=list)

    async def put(self, line: str) -> None:
        if not self.works:
            raise AnchorError("the object store answered 403", "Give it an address that may still be written to")
        self.lines.append(line)


async def test_a_closed_run_is_below_the_head_that_is_put_down_after_it(office: Office, ledger: SqlLedger) -> None:
    place = Place()
    await run_daily(replace(office.desk(), anchor_place=place), DAY)
    (anchor,) = anchors_of(place.lines[0])
    assert anchor.head == ledger.head()
    assert ledger.verify([anchor]).problems == ()


async def test_a_run_that_was_halted_is_below_one_too(office: Office, ledger: SqlLedger) -> None:
    place = Place()
    ledger.set_level(None, KillLevel.HALTED, "of the test", "a person", AT)
    result = await run_daily(replace(office.desk(), anchor_place=place), DAY)
    assert result.status is RunStatus.HALTED
    (anchor,) = anchors_of(place.lines[0])
    assert anchor.head == ledger.head()


async def test_a_place_that_takes_nothing_is_told_of_and_fails_nothing(
    office: Office, ledger: SqlLedger, ledger_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post()
    telling(office, ())
    desk = replace(office.desk(), anchor_place=Place(works=False), notifier=post)
    with caplog.at_level(logging.ERROR):
        result = await run_daily(desk, DAY)
    assert result.status is RunStatus.DONE
    assert "could not be put down elsewhere: the object store answered 403" in caplog.text
    await deliver(desk)
    ((title, text),) = post.sent
    assert "could not be put down elsewhere" in title
    assert "the object store answered 403" in text
    assert len(rows(ledger_url, "SELECT key FROM notices")) == 1
    assert ledger.verify().problems == ()
