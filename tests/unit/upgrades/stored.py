"""Whole databases as compressed SQL, of SQLite and of PostgreSQL."""

import gzip
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from app.ledger.engine import create_ledger_engine
from tests.support.postgres import found

LEDGERS = Path(__file__).parent / "ledgers"


def dumped(url: str) -> bytes:
    """Tables and rows of a database that nobody has open."""
    where = make_url(url)
    lines = _sqlite(str(where.database)) if where.get_backend_name() == "sqlite" else _postgresql(url)
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def loaded(url: str, dump: bytes) -> None:
    """Into an empty database of the same kind."""
    script = gzip.decompress(dump).decode()
    where = make_url(url)
    if where.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(where.database))) as connection:
            connection.executescript(script)
        return
    engine = create_ledger_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(script)
    engine.dispose()


def _sqlite(path: str) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.iterdump()


def _postgresql(url: str) -> Iterator[str]:
    where = make_url(url)
    told = subprocess.run(
        [next(found()) / "pg_dump", "--inserts", "--no-owner", "--no-privileges",
         "-h", str(where.host), "-p", str(where.port), "-U", str(where.username), str(where.database)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for line in told.splitlines():
        # What psql is told of the dump, and comments.
        if line and not line.startswith(("\\", "--")):
            yield line
