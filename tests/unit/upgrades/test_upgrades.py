"""A ledger that an earlier version wrote is taken over as it is: intact, and the next day decides what it had."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from app.ledger.engine import open_ledger
from tests.support.ledgers import Databases
from tests.unit.upgrades.stored import LEDGERS, loaded
from tests.unit.upgrades.stories import STORIES, gone_on

REVISIONS = ("0004", "0005")
THEN = [(name, then) for name, story in STORIES.items() for then in story.then]


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.mark.slow
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("name", "then"), THEN)
async def test_an_upgraded_ledger_is_intact_and_its_next_day_is_the_one_of_the_version_before(
    revision: str, name: str, then: str, empty: str
) -> None:
    kind = make_url(empty).get_backend_name()
    loaded(empty, (LEDGERS / revision / f"{name}.{kind}.sql.gz").read_bytes())
    upgraded = open_ledger(empty)
    assert upgraded.verify().problems == ()
    upgraded.dispose()
    stored = json.loads((LEDGERS / revision / f"{name}.json").read_text(encoding="utf-8"))
    told = await gone_on(empty, stored["broker"][kind], STORIES[name].then[then])
    assert json.loads(json.dumps(told)) == stored["told"][then]
    gone_on_with = open_ledger(empty)
    assert gone_on_with.verify().problems == ()
    gone_on_with.dispose()
