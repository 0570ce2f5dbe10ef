"""Every test of the ledger runs on SQLite and on PostgreSQL. The schema is migrated once, and each test gets a copy.

Of a test with many cases every run puts a few to PostgreSQL, spread over all of them; the others are long.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from tests.support.ledgers import Databases, databases, lease_time, ledger, on_postgresql, postgres

__all__ = ["databases", "lease_time", "ledger", "postgres"]


CASES_ON_POSTGRESQL = 4


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before the marks are looked at."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in on_postgresql(items, Path(__file__).parent):
        item.add_marker(pytest.mark.slow)
        cases[item.nodeid.partition("[")[0]].append(item)
    for same in cases.values():
        always = {place * len(same) // CASES_ON_POSTGRESQL for place in range(CASES_ON_POSTGRESQL)}
        for place in set(range(len(same))) - always:
            same[place].add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    url = databases.empty()
    open_ledger(url).dispose()
    return url


@pytest.fixture
def ledger_url(databases: Databases, migrated: str) -> Iterator[str]:
    url = databases.copy(migrated)
    yield url
    databases.drop(url)
