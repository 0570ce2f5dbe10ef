"""Events are read in the order of their commits while others write; who goes on after the last one misses none."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url

from app.desk.records import Event, StoredEvent
from app.ledger.engine import open_ledger
from app.ledger.sql_ledger import SqlLedger
from tests.support.ledgers import Databases
from tests.support.postgres import Server
from tests.unit.ledger.builders import AT, BOOK, claimed

pytestmark = pytest.mark.slow

Open = Callable[[], SqlLedger]
WRITERS, COMMITS = 4, 6
# Far more than it takes; whoever waits so long has missed it.
LONG = 30.0
LOOKS = 60
LISTENING = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


@pytest.fixture
def opened(databases: Databases) -> Iterator[Open]:
    """Opens the same new database as often as it is asked, each time as another process would."""
    url, ledgers = databases.empty(), list[SqlLedger]()

    def another() -> SqlLedger:
        ledgers.append(open_ledger(url))
        return ledgers[-1]

    yield another
    for ledger in ledgers:
        ledger.dispose()
    databases.drop(url)


def noted(ledger: SqlLedger, count: int = 1, book: str = BOOK, kind: str = "noted") -> None:
    ledger.observe(book, [Event(kind, {"at": str(number)}) for number in range(count)], AT)


def numbers(events: tuple[StoredEvent, ...]) -> list[int]:
    return [event.number for event in events]


def test_a_reader_beside_many_writers_misses_no_event_and_sees_each_once(opened: Open) -> None:
    writers, reader = [opened() for _ in range(WRITERS)], opened()
    first = reader.newest_event()
    total = first + WRITERS * COMMITS * 2

    def write(which: int) -> None:
        for commit in range(COMMITS):
            noted(writers[which], 2, f"DU{(which + commit) % 3}")

    seen: list[StoredEvent] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, which) for which in range(WRITERS)]
        last = first
        while last < total and reader.await_events(last, LONG) > last:
            seen += reader.events(last, limit=7)
            last = seen[-1].number
        for each in writing:
            each.result()
    assert numbers(tuple(seen)) == list(range(first + 1, total + 1))
    by_book: dict[str, list[int]] = {}
    for event in seen:
        by_book.setdefault(event.book, []).append(event.seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_book.values())
    assert reader.verify().ok


def test_events_come_whole_and_of_the_book_and_the_kinds_asked_for(opened: Open) -> None:
    ledger = opened()
    claim = claimed(ledger)
    start = ledger.newest_event()
    ledger.record(claim, [Event("seen", {"nav": "1.50"}), Event("told")], AT)
    noted(ledger, book="DU300")
    (seen,) = ledger.events(kinds=["seen"])
    assert seen == StoredEvent(start + 1, BOOK, seen.seq, claim.run_id, "seen", AT, {"nav": "1.50"})
    assert [event.kind for event in ledger.events(start, BOOK)] == ["seen", "told"]
    assert [event.kind for event in ledger.events(start, kinds=["told", "noted"])] == ["told", "noted"]
    assert numbers(ledger.events(start, limit=2)) == [start + 1, start + 2]
    assert ledger.events(ledger.newest_event()) == ()


def test_the_number_goes_on_in_another_process(opened: Open) -> None:
    first = opened()
    noted(first, 3)
    newest = first.newest_event()
    second = opened()
    assert second.newest_event() == newest
    noted(second)
    assert numbers(first.events(newest)) == [newest + 1]


def test_whoever_waits_is_woken_by_another_s_commit_and_not_before(opened: Open) -> None:
    reader, writer = opened(), opened()
    newest = reader.newest_event()
    assert reader.await_events(newest, 0.05) == newest
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.await_events, newest, LONG)
        noted(writer)
        assert waiting.result() == newest + 1
    # What was committed before the wait is there at once.
    assert reader.await_events(newest, LONG) == newest + 1


def test_whoever_watches_is_told_of_a_commit_and_need_not_look(opened: Open) -> None:
    reader, writer = opened(), opened()
    watch = reader.watch()
    watch.wait(LONG)
    noted(writer)
    # Each is over within a second, and only one that was told says so.
    assert any(watch.wait(LONG) for _ in range(LOOKS))
    watch.close()


# The driver leaves the socket of a connection that the server ended to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_listening_connection_that_breaks_is_made_anew(postgres: Server) -> None:
    url = postgres.create()
    reader, writer = open_ledger(url), open_ledger(url)
    newest = reader.newest_event()
    assert reader.await_events(newest, 0.1) == newest
    postgres.run(f"SELECT pg_terminate_backend(pid) {LISTENING} AND datname = '{make_url(url).database}'")
    noted(writer)
    assert reader.await_events(newest, LONG) == newest + 1
    noted(writer)
    assert reader.await_events(newest + 1, LONG) == newest + 2
    reader.dispose()
    writer.dispose()
    postgres.drop(url)
    gc.collect()
