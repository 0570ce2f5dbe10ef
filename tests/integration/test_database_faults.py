"""The database fails under a service that runs: every call says so with what to do, nothing is sent, and it goes on by
itself when the fault is over.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.ledgers import no_server
from tests.support.postgres import own_server
from tests.support.stack import Stack, running, service

# The driver leaves the socket of a connection that died in its first bytes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
WHY = {"reason": "a test", "actor": "test"}
# Every call that needs the ledger; those that only read, and those of a person.
READS = ("/runs", "/runs/run_1", "/level")
CALLS = (
    ("/run/daily", None),
    ("/run/daily?slot=close", None),
    ("/run/daily?dry_run=true", None),
    ("/reconcile", None),
    ("/halt", WHY),
    ("/reduce", WHY),
    ("/resume", WHY),
    ("/exit/KO", {"actor": "test", "confirm": True}),
    ("/flows", {"actor": "test", "amount": "5000", "note": "a test"}),
    ("/release/KO", WHY),
    ("/runs/run_1/approve", {"actor": "test"}),
    ("/runs/run_1/reject", WHY),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as found:
        yield found


@dataclass(frozen=True)
class Fault:
    """One that begins and ends."""

    words: str
    begin: Callable[[], object]
    end: Callable[[], object]
    # SQLite's readers go on beside whoever has the lock.
    spares_reads: bool = False


@asynccontextmanager
async def at_work(stack: Stack, state: Path, url: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that has done a day, with the next one before it."""
    # Today's orders of another test are none of this ledger's.
    stack.post("clock", {"next_session": True})
    async with service(stack.settings(state, database_url=url)) as http:
        done = await http.post("/run/daily")
        assert done.json()["status"] == "done", done.text
        stack.post("clock", {"next_session": True})
        yield http


async def told(http: httpx2.AsyncClient, stack: Stack, fault: Fault) -> None:
    """While the fault lasts; afterwards the day runs."""
    sent = len(stack.orders())
    fault.begin()
    answers = [await http.get(path) for path in ("/ready", *(() if fault.spares_reads else READS))]
    calls = CALLS[:1] if fault.spares_reads else CALLS
    answers += [await http.post(path, json=body) for path, body in calls]
    for answer in answers:
        assert answer.status_code == 503, (answer.request.url, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["title"] == "LedgerUnavailable", problem
        assert fault.words in problem["detail"]
        assert problem["remedy"]
    assert (await http.get("/health")).status_code == 200
    assert len(stack.orders()) == sent
    fault.end()
    assert (await http.get("/ready")).status_code == 200
    assert (await http.post("/run/daily")).json()["status"] == "done"
    assert {order["arrivals"] for order in stack.orders()} == {1}
    assert (await http.get("/level")).json()["level"] == "ACTIVE"


async def test_a_file_that_is_taken_away_is_told_by_every_call_and_used_again_when_it_is_back(
    stack: Stack, tmp_path: Path
) -> None:
    file, away = tmp_path / "portfolio.db", tmp_path / "away"
    async with at_work(stack, tmp_path) as http:
        fault = Fault("not there any more", lambda: file.rename(away), lambda: away.rename(file))
        await told(http, stack, fault)
    assert file.exists()


async def test_a_damaged_file_is_told_before_a_run_although_every_page_of_it_is_remembered(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "portfolio.db"
    async with at_work(stack, tmp_path) as http:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = file.read_bytes()
        fault = Fault(
            "its pages are damaged",
            lambda: file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096)),
            lambda: file.write_bytes(content),
            spares_reads=True,
        )
        await told(http, stack, fault)


async def test_a_server_that_stops_is_told_by_every_call_and_used_again_when_it_is_back(
    stack: Stack, tmp_path: Path
) -> None:
    with own_server() as server:
        if server is None:
            no_server()
        async with at_work(stack, tmp_path, server.create()) as http:
            await told(http, stack, Fault("its server cannot be reached", server.kill, server.start))
