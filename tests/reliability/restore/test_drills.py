"""A few of the restore drills, on both databases; `make restore-drills` runs all of them."""

import pytest

from app.ledger.engine import open_ledger
from tests.reliability.restore.drill import drill
from tests.support.ledgers import Databases, databases, postgres
from tests.support.thinning import thin

__all__ = ["databases", "postgres"]


@pytest.fixture(scope="module")
def ready(databases: Databases) -> str:
    """A migrated ledger on each database."""
    url = databases.empty()
    open_ledger(url).dispose()
    return url


@pytest.mark.parametrize("seed", thin(range(12), 12, first=2))
def test_an_older_copy_that_is_restored_costs_no_order_twice_and_no_fill(
    databases: Databases, ready: str, seed: int
) -> None:
    assert drill(seed, databases, ready, "either").violations == []
