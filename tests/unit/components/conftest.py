"""An office of fakes around a real ledger, for agents to work in."""

import pytest

from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.ledgers import lease_time, ledger, ledger_url, migrated

__all__ = ["lease_time", "ledger", "ledger_url", "migrated"]


@pytest.fixture
def office(ledger: SqlLedger) -> Office:
    return Office(ledger)
