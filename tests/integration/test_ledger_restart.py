"""PostgreSQL killed in the middle of work: what was acknowledged is there, and the ledger goes on by itself."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Condition
from threading import Event as Signal

import pytest
from sqlalchemy import select

from app.desk.records import Claim, Event, Intent, RunKey, RunStatus, SendBudget
from app.domain.errors import LedgerError
from app.domain.instrument import Instrument
from app.domain.order import Order, OrderState, Side, client_order_id
from app.ledger.engine import create_ledger_engine, open_ledger
from app.ledger.schema import chain
from app.ledger.sql_ledger import SqlLedger
from tests.support.ledgers import no_server
from tests.support.postgres import OwnServer, own_server

AT = datetime(2022, 3, 14, 14, 0, tzinfo=UTC)
KEY = RunKey("DU100", "DU100", date(2022, 3, 14), "daily")
ORDER = Order(Instrument(1, "ONE", "USD"), Side.SELL, Decimal(10), Decimal(150), "stop_loss", exit=True)
INTENT = Intent(client_order_id(KEY.book, KEY.session_date, KEY.slot, 1, Side.SELL, 1), ORDER)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
BUDGET = SendBudget(Decimal(1490), exit=True, max_orders=20, max_turnover=Decimal(100_000))

# The driver leaves the socket of a connection that died in its first bytes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def own() -> Iterator[OwnServer]:
    """A server for this test alone: no other test's connections die with it."""
    with own_server() as server:
        if server is None:
            no_server()
        else:
            yield server
            gc.collect()


@pytest.fixture
def url(own: OwnServer) -> str:
    return own.create()


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    opened = open_ledger(url)
    yield opened
    opened.dispose()


def test_every_acknowledged_commit_survives_and_nothing_else_is_there(own: OwnServer, ledger: SqlLedger) -> None:
    asked: list[int] = []
    acknowledged: list[int] = []
    refused: list[LedgerError] = []
    told, stop = Condition(), Signal()

    def work() -> None:
        while not stop.is_set():
            asked.append(len(asked))
            try:
                ledger.observe(KEY.book, [Event("noted", {"number": asked[-1]})], AT)
            except LedgerError as error:
                refused.append(error)
            else:
                acknowledged.append(asked[-1])
            with told:
                told.notify()

    def until(reached: Callable[[], bool]) -> None:
        with told:
            assert told.wait_for(lambda: worker.done() or reached(), 60)
        assert not worker.done()

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            until(lambda: len(acknowledged) >= 50)
            own.kill()
            until(lambda: len(refused) >= 3)
            own.start()
            before = len(acknowledged)
            until(lambda: len(acknowledged) >= before + 20)
        finally:
            stop.set()
        worker.result()
    assert all(error.remedy and "DATABASE_URL" in error.remedy for error in refused)
    verification = ledger.verify()
    assert verification.ok
    # One call at most was cut off between its commit and the answer; it may be there or not.
    assert len(acknowledged) <= verification.events <= len(acknowledged) + 1
    assert len(asked) == len(acknowledged) + len(refused)


def test_a_commit_that_was_not_acknowledged_is_not_there(own: OwnServer, url: str, ledger: SqlLedger) -> None:
    claim = ledger.claim(KEY, "one", "policy-1", AT)
    assert isinstance(claim, Claim)
    ledger.commit_plan(claim, {"action": "CUT_LOSERS"}, [INTENT], AT)
    engine = create_ledger_engine(url)
    with engine.connect() as blocker, ThreadPoolExecutor(1) as pool:
        # Holds the chain, so that the call below has done everything but its event when the server dies.
        row = select(chain).where(chain.c.book == KEY.book)
        blocker.execute(row.with_for_update()).one()
        sending = pool.submit(ledger.sending, claim, INTENT.coid, Decimal(10), Decimal(149), AT, BUDGET)
        while not blocker.exec_driver_sql(WAITING).scalar_one():
            assert not sending.done()
        own.kill()
        with pytest.raises(LedgerError) as caught:
            sending.result()
        blocker.invalidate()
    assert caught.value.remedy
    engine.dispose()
    with pytest.raises(LedgerError) as down:
        ledger.renew(claim)
    assert down.value.remedy
    own.start()
    (record,) = ledger.intents(claim.run_id)
    assert (record.state, record.sends) == (OrderState.PLANNED, 0)
    # The same claim goes on where it was.
    assert ledger.sending(claim, INTENT.coid, Decimal(10), Decimal(149), AT, BUDGET) is None
    own.kill()
    own.start()
    (record,) = ledger.intents(claim.run_id)
    assert (record.state, record.sends) == (OrderState.SENDING, 1)
    ledger.settle(claim, INTENT.coid, OrderState.ACKED, AT)
    ledger.close(claim, RunStatus.DONE, {}, [], AT)
    assert ledger.verify().ok


def test_a_ledger_whose_every_pooled_connection_died_answers_at_once(own: OwnServer, ledger: SqlLedger) -> None:
    def claim(number: int) -> Claim:
        key = replace(KEY, book=f"DU{number}")
        answer = ledger.claim(key, "one", "policy-1", AT)
        assert isinstance(answer, Claim)
        return answer

    with ThreadPoolExecutor(8) as pool:
        before = list(pool.map(claim, range(8)))
        own.kill()
        own.start()
        after = list(pool.map(claim, range(8, 16)))
    assert len({each.run_id for each in (*before, *after)}) == 16
    assert ledger.verify().ok
