"""Fixtures of a real ledger on a file of its own; a package's conftest takes them by importing them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.unit.ledger.builders import ManualTime


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "migrated.db"
    open_ledger(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def ledger_url(migrated: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'ledger.db')}"


@pytest.fixture
def lease_time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def ledger(ledger_url: str, lease_time: ManualTime) -> Iterator[SqlLedger]:
    opened = open_ledger(ledger_url, lease_seconds=120, now=lease_time)
    yield opened
    opened.dispose()
