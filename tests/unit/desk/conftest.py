"""An office of fakes around a real ledger and the real policy."""

import pytest

from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.ledgers import lease_time, ledger, ledger_url, migrated
from tests.unit.ledger.builders import ManualTime

__all__ = ["lease_time", "ledger", "ledger_url", "migrated"]


@pytest.fixture
def office(ledger: SqlLedger, lease_time: ManualTime) -> Office:
    return Office(ledger, now=lease_time)
