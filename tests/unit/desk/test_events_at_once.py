"""What a run says can be read while it happens, in its order, and what it sends waits for none of it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from app.desk.desk import Desk
from app.desk.journal import Call, Journal, record_call
from app.desk.records import Claim, Event, Intent, RunStatus, TakenOver
from app.desk.run.attempt import RunRequest, RunResult
from app.desk.run.daily import run_daily
from app.domain.errors import Fenced, LedgerError, LedgerUnavailable
from app.domain.market import PriceSeries
from app.ledger.engine import create_ledger_engine
from app.ledger.sql_ledger import SqlLedger
from app.record.chunks import KeptInputs
from tests.support.eventually import eventually
from tests.support.fakes import FakeMarketData, Office
from tests.support.ledgers import SqliteDatabases
from tests.unit.ledger.builders import ManualTime, rows

DAY = RunRequest()
PAYLOADS = "SELECT payload FROM events"
ONE, TWO, THREE = Event("one"), Event("two"), Event("three")


class SlowMarket(FakeMarketData):
    """Its histories come when `go_on` is set; `asked` says that one was asked for, `waiting` how many were."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.world)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.waiting = 0

    async def history(self, conid: int, before: date) -> PriceSeries:
        record_call(Call("asked", 0.5, "ok"))
        self.waiting += 1
        self.asked.set()
        await self.go_on.wait()
        return await super().history(conid, before)


class Heard(SqlLedger):
    """Remembers in which order writes began, and refuses those beside a run while `broken` says why."""

    writes: list[str]
    broken: Exception | None = None

    def record(self, claim: Claim, events: Sequence[Event], at: datetime, *, patient: bool = True) -> None:
        self.writes.append("run" if patient else "beside")
        if self.broken is not None and not patient:
            raise self.broken
        super().record(claim, events, at, patient=patient)

    def commit_plan(
        self,
        claim: Claim,
        plan: Mapping[str, Any],
        intents: Sequence[Intent],
        at: datetime,
        events: Sequence[Event] = (),
        inputs: KeptInputs | None = None,
        taken_over: TakenOver | None = None,
    ) -> None:
        self.writes.append("plan")
        super().commit_plan(claim, plan, intents, at, events, inputs, taken_over)


@pytest.fixture
def heard_url(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return SqliteDatabases(tmp_path_factory.mktemp("heard")).copy(migrated)


@pytest.fixture
def heard(heard_url: str, lease_time: ManualTime) -> Iterator[Heard]:
    opened = Heard(create_ledger_engine(heard_url), now=lease_time)
    opened.writes = []
    yield opened
    opened.dispose()


def at_once(office: Office) -> Desk:
    return replace(office.desk(), events_at_once=True)


def kinds(url: str) -> list[str]:
    return [kind for (kind,) in rows(url, "SELECT kind FROM events ORDER BY seq")]


def trail(url: str) -> list[tuple[str, str]]:
    """What was said, without how long it took."""
    told = rows(url, "SELECT kind, payload FROM events ORDER BY seq")
    return [(kind, payload if kind == "progress" else "") for kind, payload in told]


async def reading(office: Office, url: str) -> tuple[SlowMarket, asyncio.Task[RunResult]]:
    """A run that waits for the market, with all that it has said on record."""
    office.market_data = market = SlowMarket(office)
    run = asyncio.create_task(run_daily(at_once(office), DAY))
    await market.asked.wait()

    async def said() -> int:
        return sum('"asked"' in payload for (payload,) in await asyncio.to_thread(rows, url, PAYLOADS))

    assert await eventually(said, market.waiting) == market.waiting
    return market, run


async def test_what_a_run_says_is_on_record_while_it_still_reads(office: Office, ledger_url: str) -> None:
    market, run = await reading(office, ledger_url)
    assert {"progress", "stage"} <= set(kinds(ledger_url))
    assert not run.done()
    market.go_on.set()
    assert (await run).status is RunStatus.DONE


async def test_without_it_what_a_run_says_waits_for_its_plan(office: Office, ledger_url: str) -> None:
    office.market_data = market = SlowMarket(office)
    run = asyncio.create_task(run_daily(office.desk(), DAY))
    await market.asked.wait()
    assert "stage" not in kinds(ledger_url)
    market.go_on.set()
    assert (await run).status is RunStatus.DONE


async def test_a_run_that_is_killed_before_its_plan_leaves_what_it_said(office: Office, ledger_url: str) -> None:
    _, run = await reading(office, ledger_url)
    left = kinds(ledger_url)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert kinds(ledger_url)[: len(left)] == left
    office.market_data = FakeMarketData(office.world)
    assert (await run_daily(at_once(office), DAY)).status is RunStatus.DONE


@pytest.mark.parametrize("broken", [None, LedgerUnavailable("it is locked"), LedgerError("it has no form")])
async def test_events_stand_once_and_in_their_order_whatever_becomes_of_those_written_beside(
    broken: Exception | None, office: Office, ledger_url: str, heard: Heard, heard_url: str, lease_time: ManualTime
) -> None:
    await run_daily(office.desk(), DAY)
    heard.broken = broken
    result = await run_daily(at_once(Office(heard, now=lease_time)), DAY)
    assert result.status is RunStatus.DONE
    assert "beside" in heard.writes
    assert trail(heard_url) == trail(ledger_url)
    assert heard.verify().ok


async def test_from_the_plan_on_nothing_is_written_beside_a_run(heard: Heard, lease_time: ManualTime) -> None:
    office = Office(heard, now=lease_time)
    await run_daily(at_once(office), DAY)
    assert len(office.broker.placed) > 1
    after = heard.writes[heard.writes.index("plan") :]
    assert "beside" not in after


async def test_a_run_that_was_taken_over_says_nothing_more(
    office: Office, ledger_url: str, lease_time: ManualTime
) -> None:
    market, run = await reading(office, ledger_url)
    lease_time.advance(121)
    office.market_data = FakeMarketData(office.world)
    assert (await run_daily(office.desk("two"), DAY)).status is RunStatus.DONE
    over = trail(ledger_url)
    market.go_on.set()
    with pytest.raises(Fenced):
        await run
    assert trail(ledger_url) == over


async def test_a_commit_waits_for_the_one_under_way_and_takes_along_what_came_meanwhile() -> None:
    began, go_on, batches = asyncio.Event(), asyncio.Event(), list[Sequence[Event]]()

    async def beside(events: Sequence[Event]) -> None:
        began.set()
        await go_on.wait()
        batches.append(events)

    async def take(events: Sequence[Event]) -> None:
        batches.append(events)

    journal = Journal(take, beside)
    journal.add(ONE)
    await began.wait()
    journal.add(TWO)
    plan = asyncio.create_task(journal.flush_with(take))
    await asyncio.sleep(0)
    journal.add(THREE)
    journal.keep_to_the_run()
    go_on.set()
    await plan
    assert batches == [(ONE,), (TWO, THREE)]
    assert await journal.drain() == ()
