"""Fixtures of real ledgers, each in a database of its own; a package's conftest takes them by importing them.

`ledger` is on SQLite. Where `databases` is taken too, everything runs on SQLite and on PostgreSQL.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest
from sqlalchemy import Dialect, Engine

from app.desk.records import Claim, RunKey, TakenOver
from app.domain.adoption import Adoption
from app.ledger import adoptions
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.sql_ledger import SqlLedger
from app.ledger.transactions import writing
from tests.support.postgres import Server, server
from tests.support.world import ACCOUNT, WORLD
from tests.unit.ledger.builders import AT, ManualTime

NO_SERVER = (
    "no PostgreSQL to test with: set TEST_DATABASE_URL, install PostgreSQL's server, or use a platform for which "
    "the pgserver wheel exists"
)


class Databases(Protocol):
    """Makes databases of one kind."""

    def empty(self) -> str:
        """The URL of one without tables."""
        ...

    def copy(self, url: str) -> str:
        """A copy of one that nobody has open."""
        ...

    def drop(self, url: str) -> None:
        """It is not needed any more."""
        ...


@dataclass(frozen=True)
class SqliteDatabases:
    """A file each."""

    folder: Path
    made: list[Path] = field(default_factory=list)

    def empty(self) -> str:
        self.made.append(self.folder / f"{len(self.made)}.db")
        return f"sqlite:///{self.made[-1]}"

    def copy(self, url: str) -> str:
        copied = self.empty()
        shutil.copy(url.removeprefix("sqlite:///"), copied.removeprefix("sqlite:///"))
        return copied

    def drop(self, url: str) -> None:
        Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)


@dataclass(frozen=True)
class PostgresDatabases:
    """All in one server."""

    server: Server

    def empty(self) -> str:
        return self.server.create()

    def copy(self, url: str) -> str:
        return self.server.create(template=url)

    def drop(self, url: str) -> None:
        self.server.drop(url)


def on_postgresql(items: Iterable[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """Those of the folder that run on a server, where others do the same on SQLite."""
    for item in items:
        case = getattr(item, "callspec", None)
        if item.path.is_relative_to(folder) and case is not None and case.params.get("databases") == "postgresql":
            yield item


def no_server() -> NoReturn:
    """Without a server a test is skipped; where CI must have one it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(NO_SERVER)
    pytest.skip(NO_SERVER)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole session, whose workers' folders lie beside each other."""
    mine = tmp_path_factory.getbasetemp()
    with server(mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) as found:
        if found is None:
            no_server()
        else:
            yield found


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    if request.param == "sqlite":
        return SqliteDatabases(tmp_path_factory.mktemp("databases"))
    return PostgresDatabases(request.getfixturevalue("postgres"))


LONG_AGO = date(2021, 11, 1)


def take_over(engine: Engine, *books: str) -> None:
    """As if the program had run these accounts before it knew any of their holdings, whose gains count at cost."""
    found = TakenOver(Adoption(LONG_AGO, Decimal(250_000), {}, Decimal(0)), {})
    for book in books:
        key = RunKey(book, book.partition("@")[0], LONG_AGO, "daily")
        with writing(engine) as connection:
            adoptions.add(connection, Claim("run_long_ago", key, "nobody", 1), found, AT)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ledger to copy: the schema is made once, and the world's account was taken over long ago."""
    url = SqliteDatabases(tmp_path_factory.mktemp("ledger")).empty()
    open_ledger(url).dispose()
    engine = create_ledger_engine(url)
    take_over(engine, ACCOUNT, f"{ACCOUNT}@{WORLD}")
    engine.dispose()
    return url


@pytest.fixture
def ledger_url(migrated: str, tmp_path: Path) -> str:
    return SqliteDatabases(tmp_path).copy(migrated)


@pytest.fixture
def lease_time() -> ManualTime:
    return ManualTime()


# By the dialect's name: it, and what was compiled for it.
_compiled: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def sharing_statements(engine: Engine) -> Engine:
    """What was compiled for one ledger serves the next: to compile it anew takes longer than most tests."""
    engine.dialect, compiled = _compiled.setdefault(engine.dialect.name, (engine.dialect, {}))
    engine.update_execution_options(compiled_cache=compiled)
    return engine


@pytest.fixture
def ledger(ledger_url: str, lease_time: ManualTime) -> Iterator[SqlLedger]:
    opened = SqlLedger(sharing_statements(create_ledger_engine(ledger_url)), lease_seconds=120, now=lease_time)
    yield opened
    opened.dispose()
