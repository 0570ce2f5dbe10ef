"""The report is written and shown, and nobody decides by it: without it the days go on as they would have."""

from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from tests.support.fakes import Office
from tests.support.ledgers import SqliteDatabases
from tests.unit.ledger.builders import ManualTime, execute
from tests.unit.upgrades.stories import STORIES, broker_of, gone_on

THEN = [(name, then) for name, story in STORIES.items() for then in story.then]


@pytest.mark.parametrize(("name", "then"), [pair for pair in THEN if pair[0] != "interrupted"])
async def test_memory_plans_and_choice_are_the_same_without_any_report(name: str, then: str, tmp_path: Path) -> None:
    databases = SqliteDatabases(tmp_path)
    url = databases.empty()
    ledger = open_ledger(url, now=ManualTime())
    office = Office(ledger)
    await STORIES[name].until(office)
    ledger.dispose()
    broker, unread = broker_of(office), databases.copy(url)
    execute(unread, "UPDATE runs SET report = '{\"renamed\": 1}' WHERE report IS NOT NULL")
    go_on = STORIES[name].then[then]
    assert await gone_on(unread, broker, go_on) == await gone_on(url, broker, go_on)
