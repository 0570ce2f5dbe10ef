"""Offices for policies: each with a ledger of its own, so that none sees what another did."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.policy import Policy
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.ledgers import SqliteDatabases, migrated
from tests.unit.ledger.builders import ManualTime

__all__ = ["migrated"]


@pytest.fixture
def office_of(migrated: str, tmp_path: Path) -> Iterator[Callable[[Policy], Office]]:
    databases, opened = SqliteDatabases(tmp_path), list[SqlLedger]()

    def make(policy: Policy) -> Office:
        lease_time = ManualTime()
        opened.append(open_ledger(databases.copy(migrated), lease_seconds=120, now=lease_time))
        return Office(opened[-1], policy=policy, now=lease_time)

    yield make
    for ledger in opened:
        ledger.dispose()
