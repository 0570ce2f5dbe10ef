"""A ledger that an earlier version wrote is gone on with as it is: intact, and the next day remembers what it had.

What a day that begins anew decides of it is by today's rules; one that a plan was committed for ends as it would have.
"""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import make_url

from app.ledger.engine import open_ledger
from tests.support.ledgers import Databases
from tests.support.world import conid
from tests.unit.ledger.builders import execute
from tests.unit.upgrades.stored import LEDGERS, loaded
from tests.unit.upgrades.stories import STORIES, TOMORROW, gone_on

REVISIONS = ("0004", "0005", "0006")
THEN = [
    (revision, name, then)
    for revision in REVISIONS
    for name, story in STORIES.items()
    for then in story.then
    # Stories that are younger than the revision.
    if (LEDGERS / revision / f"{name}.json").exists()
]

REMEMBERED = ("nav", "memory", "continuity")
DAY_BEFORE = date(2022, 3, 14)
# By story: when each account was first seen, and how much of one name it held then, at which price.
FIRST_SEEN = {
    "rotated": [(DAY_BEFORE, "170", "100")],
    "drawn_down": [(DAY_BEFORE, "170", "100")],
    "waiting": [(DAY_BEFORE, "170", "100")],
    "two_accounts": [(DAY_BEFORE, "170", "100"), (TOMORROW, "175", "102")],
    # Killed before it left anything: the next run takes it over.
    "interrupted": [],
}


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "name", "then"), THEN)
async def test_an_upgraded_ledger_is_intact_and_remembers_what_the_version_before_did(
    revision: str, name: str, then: str, empty: str
) -> None:
    kind = make_url(empty).get_backend_name()
    loaded(empty, (LEDGERS / revision / f"{name}.{kind}.sql.gz").read_bytes())
    upgraded = open_ledger(empty)
    assert upgraded.verify().problems == ()
    upgraded.dispose()
    stored = json.loads((LEDGERS / revision / f"{name}.json").read_text(encoding="utf-8"))
    told = await gone_on(empty, stored["broker"][kind], STORIES[name].then[then])
    expected = stored["told"][then]
    if "memory" in told and then.startswith("next_day"):
        # A sale that was mandatory counted for nothing then.
        expected["memory"].pop("sold")
        # Of the sales at a loss only those of a stop or a cut counted.
        lost, now_lost = expected["memory"].pop("sold_at_loss"), told["memory"]["sold_at_loss"]
        assert lost.items() <= json.loads(json.dumps(now_lost)).items()
        told["memory"] = {name: told["memory"][name] for name in expected["memory"]}
        told, expected = ({name: seen[name] for name in REMEMBERED} for seen in (told, expected))
    elif "memory" in told:
        told["memory"] = {name: told["memory"][name] for name in expected["memory"]}
    assert json.loads(json.dumps(told)) == expected
    gone_on_with = open_ledger(empty)
    assert gone_on_with.verify().problems == ()
    gone_on_with.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("revision", "name"),
    [(revision, name) for revision, name, _ in THEN if name in FIRST_SEEN and revision != "0005"],
)
def test_an_account_is_taken_over_as_of_its_first_run_and_never_as_of_the_upgrade(
    revision: str, name: str, empty: str
) -> None:
    loaded(empty, (LEDGERS / revision / f"{name}.{make_url(empty).get_backend_name()}.sql.gz").read_bytes())
    upgraded = open_ledger(empty)
    found = []
    for book in sorted(book.name for book in upgraded.books()):
        adoption = upgraded.account_record(book, TOMORROW).adoption
        if adoption is not None:
            held = adoption.holdings[conid("KO")]
            found.append((adoption.session_date, f"{held.quantity}", f"{held.price}"))
            assert adoption.mode is None
            assert adoption.nav > adoption.invested > 0
    assert found == FIRST_SEEN[name]
    assert upgraded.verify().problems == ()
    upgraded.dispose()


@pytest.mark.slow
def test_where_only_a_value_is_known_of_the_first_day_what_is_held_counts_at_the_brokers_cost(empty: str) -> None:
    loaded(empty, (LEDGERS / "0006" / f"rotated.{make_url(empty).get_backend_name()}.sql.gz").read_bytes())
    execute(empty, "DELETE FROM run_memory WHERE kind = 'account'")
    upgraded = open_ledger(empty)
    (book,) = upgraded.books()
    adoption = upgraded.account_record(book.name, TOMORROW).adoption
    assert adoption is not None
    assert (adoption.session_date, adoption.invested) == (DAY_BEFORE, Decimal(0))
    assert not adoption.holdings
    assert adoption.nav > Decimal(200_000)
    upgraded.dispose()
