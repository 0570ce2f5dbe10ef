"""The report is written and shown, and nobody decides by it: without it the days go on as they would have."""

from pathlib import Path

import pytest

from app.ledger.engine import create_ledger_engine, open_ledger
from tests.support.fakes import Office
from tests.support.ledgers import SqliteDatabases, take_over
from tests.support.world import ACCOUNT, WORLD
from tests.unit.ledger.builders import ManualTime, execute
from tests.unit.upgrades.stories import STORIES, broker_of, gone_on

# Of a run that was killed there is no report.
REPORTED = ("rotated", "profit_taken", "cooling_down", "drawn_down", "waiting")
THEN = [(name, then) for name in REPORTED for then in STORIES[name].then]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "then"), THEN)
async def test_memory_plans_and_choice_are_the_same_without_any_report(name: str, then: str, tmp_path: Path) -> None:
    databases = SqliteDatabases(tmp_path)
    url = databases.empty()
    ledger = open_ledger(url, now=ManualTime())
    # What is stopped out, cut or sold at a profit is so at cost.
    engine = create_ledger_engine(url)
    take_over(engine, f"{ACCOUNT}@{WORLD}")
    engine.dispose()
    office = Office(ledger)
    await STORIES[name].until(office)
    ledger.dispose()
    broker, unread = broker_of(office), databases.copy(url)
    assert execute(unread, "UPDATE runs SET report = '{\"renamed\": 1}' WHERE report IS NOT NULL") > 0
    go_on = STORIES[name].then[then]
    assert await gone_on(unread, broker, go_on) == await gone_on(url, broker, go_on)
