"""Every test of the ledger runs on SQLite and on PostgreSQL. The schema is migrated once, and each test gets a copy."""

from collections.abc import Iterator

import pytest

from app.ledger.engine import open_ledger
from tests.support.ledgers import Databases, databases, lease_time, ledger, postgres

__all__ = ["databases", "lease_time", "ledger", "postgres"]


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
