"""A ledger that an earlier version wrote is gone on with as it is: intact, and the next day remembers what it had.

What a day that begins anew decides of it is by today's rules; one that a plan was committed for ends as it would have.
"""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import make_url

from app.domain.ruling import KillLevel
from app.ledger.engine import open_ledger
from tests.support.fakes import Office
from tests.support.ledgers import Databases
from tests.support.world import conid
from tests.unit.ledger.builders import execute
from tests.unit.upgrades.stored import LEDGERS, loaded
from tests.unit.upgrades.stories import STORIES, TOMORROW, Told, gone_on, next_day

REVISIONS = ("0004", "0005", "0006", "0008")
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
    # Killed before it left anything: the next run takes it over. From 0007 on the plan's commit does.
    "interrupted": [],
}
PLAN_TAKES_OVER = ("0008",)


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
    sorted({(revision, name) for revision, name, _ in THEN if name in FIRST_SEEN and revision != "0005"}),
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
    assert found == (FIRST_SEEN[name] or [(DAY_BEFORE, "170", "100")] * (revision in PLAN_TAKES_OVER))
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


@pytest.mark.slow
async def test_a_level_of_a_version_that_kept_no_causes_stays_until_a_person_resumes_and_the_way_back_goes_on(
    empty: str,
) -> None:
    kind = make_url(empty).get_backend_name()
    loaded(empty, (LEDGERS / "0008" / f"drawn_down.{kind}.sql.gz").read_bytes())
    stored = json.loads((LEDGERS / "0008" / "drawn_down.json").read_text(encoding="utf-8"))
    fell = date(2022, 3, 16)
    days: list[Told] = []

    async def two_days(office: Office) -> Told:
        # The broker tells of no closes, so that no day loses anything.
        office.world.performance = ()
        days.append(await next_day(office))
        (book,) = office.ledger.books()
        days.append({"level": office.ledger.level(book.name).level})
        office.ledger.set_level(book.name, KillLevel.ACTIVE, "looked at", "owner", office.world.now())
        days.append(await next_day(office))
        days.append({"level": office.ledger.level(book.name).level})
        return {}

    await gone_on(empty, stored["broker"][kind], two_days)
    first, held_down, second, resumed = days
    assert (held_down["level"], resumed["level"]) == (KillLevel.REDUCING, KillLevel.ACTIVE)
    for day in (first, second):
        assert day["memory"]["recovery"]["began"] == fell.isoformat()
    assert (first["memory"]["since_acted"], second["memory"]["since_acted"]) == (1, 2)
    gone_on_with = open_ledger(empty)
    assert gone_on_with.verify().problems == ()
    gone_on_with.dispose()
