"""A restart of the simulator goes on with accounts, orders and market time, also after a kill; a new world is said."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from api_gateway.simulator import Options
from api_gateway.simulator.kept_book import KeptBook
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, world_of

DAY = date(2022, 3, 14)


class Restarting:
    """Simulators one after the other, all on one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.book = KeptBook(directory)

    async def start(self, as_of: date | None = DAY, seed: int = 7) -> Gateway:
        """The one before it was killed: it got to say nothing."""
        time = FakeTime()
        self.book = KeptBook(self.directory, lambda options: world_of(options, time))
        world = self.book.begin(Options(as_of=as_of, seed=seed, pacing=0, data="synthetic"))
        return await Gateway(world, time, self.book).ready()

    @property
    def files(self) -> list[Path]:
        return sorted(self.directory.iterdir())


@pytest.fixture
def restarting(tmp_path: Path) -> Restarting:
    return Restarting(tmp_path / "simulator")


async def seen(gateway: Gateway) -> dict[str, Any]:
    """All that a client is told of account and orders."""
    state = await gateway.get("/simulator/state")
    orders = await gateway.get("/simulator/orders")
    for row in orders["orders"]:
        del row["stamps"]
    performance = await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1M"})
    return {
        "cash": state["cash"],
        "held": [(p["symbol"], p["quantity"], p["average_cost"]) for p in state["positions"]],
        "orders": orders,
        "trades": await gateway.rows("/iserver/account/trades"),
        "nav": performance["nav"]["data"][0]["navs"],
    }


async def test_after_a_kill_it_goes_on_with_what_anybody_was_told(restarting: Restarting) -> None:
    first = await restarting.start()
    await first.post("/simulator/clock", {"advance_seconds": 3600})
    await first.place(price=await first.marketable_limit())
    await first.place(cOID="low", price=round(await first.marketable_limit() * 0.98, 2))
    before, held = await seen(first), first.world.book.held(AAPL)
    second = await restarting.start()
    assert restarting.book.text.startswith(
        "the simulator goes on with the book of 2022-03-14, market time 2022-03-14 15:00"
    )
    assert await seen(second) == before
    assert second.world.book.held(AAPL) == held
    assert second.world.clock.now() >= first.world.clock.now()
    assert second.world.clock.now() - first.world.clock.now() < timedelta(minutes=1)
    await second.place(cOID="another", price=await second.marketable_limit())
    await second.arrivals()
    ids = [order.order_id for order in second.world.desk.orders()]
    assert (len(ids), len(set(ids)), second.world.book.held(AAPL)) == (3, 3, held + 10)
    refused = await second.submit(cOID="low", price=100)
    assert "already registered" in refused.text


async def test_market_time_stands_still_while_nobody_runs_it_and_never_goes_back(restarting: Restarting) -> None:
    first = await restarting.start()
    await first.post("/simulator/clock", {"next_session": True})
    stopped = first.world.clock.now()
    restarting.book.close()
    second = await restarting.start()
    assert timedelta(0) <= second.world.clock.now() - stopped < timedelta(seconds=1)
    second.time.advance(45)
    told = (await second.get("/simulator/clock"))["now"]
    third = await restarting.start()
    assert (await third.get("/simulator/clock"))["now"] >= told


async def test_without_a_day_it_goes_on_with_the_one_of_last_time_and_another_day_begins_anew_and_says_so(
    restarting: Restarting,
) -> None:
    first = await restarting.start()
    await first.place(price=await first.marketable_limit())
    await first.arrivals()
    held = first.world.book.held(AAPL)
    again = await restarting.start(as_of=None)
    assert (again.world.as_of, again.world.book.held(AAPL)) == (DAY, held)
    other = await restarting.start(as_of=date(2021, 3, 15))
    assert restarting.book.text == (
        "the simulator begins anew, on 2021-03-15; the book of 2022-03-14 is kept and goes on with --as-of 2022-03-14"
    )
    assert other.world.desk.orders() == ()
    back = await restarting.start()
    assert back.world.book.held(AAPL) == held
    await restarting.start(seed=8)
    assert restarting.book.text == "the simulator begins anew, on 2022-03-14"


async def test_a_world_that_was_reset_is_kept_as_a_world_of_its_own(restarting: Restarting) -> None:
    first = await restarting.start()
    await first.place(price=await first.marketable_limit())
    await first.post("/simulator/reset", {"as_of": "2021-03-15"})
    assert [file.name[:10] for file in restarting.files] == ["2021-03-15", "2022-03-14"]
    second = await restarting.start(as_of=date(2021, 3, 15))
    assert second.world.desk.orders() == ()
    assert restarting.book.text.startswith("the simulator goes on with the book of 2021-03-15")


async def test_deposits_splits_and_what_waits_are_kept(restarting: Restarting) -> None:
    first = await restarting.start()
    await first.post("/simulator/cash", {"amount": 5000})
    await first.post("/simulator/split", {"symbol": "AAPL", "ratio": 4})
    await first.post("/simulator/faults", [{"kind": "partial_fill", "fraction": "0.3"}])
    await first.place(cOID="part", price=await first.marketable_limit())
    await first.post("/simulator/clock", {"next_session": True})
    before = await seen(first)
    second = await restarting.start()
    assert await seen(second) == before
    assert second.world.market.closes(AAPL)[-1] == first.world.market.closes(AAPL)[-1]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"form": 1}', "[" * 100_000, "\0", '{"form": 99}', b"\xff\xfe"]
)
async def test_a_file_that_cannot_be_used_is_put_aside_and_it_is_said_that_it_begins_anew(
    restarting: Restarting, content: str | bytes
) -> None:
    await restarting.start()
    (file,) = restarting.files
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    second = await restarting.start()
    assert restarting.book.text.startswith("the simulator begins anew: the kept book cannot be used")
    assert "another --state" in restarting.book.text
    assert "\n" not in restarting.book.text
    assert second.world.as_of == DAY
    assert sorted(one.suffix for one in restarting.files) == [".broken", ".json"]


async def test_what_is_kept_is_written_only_when_something_changed(restarting: Restarting) -> None:
    gateway = await restarting.start()
    (file,) = restarting.files
    before = json.loads(file.read_text())
    file.write_text("untouched")
    await gateway.get("/simulator/state")
    assert file.read_text() == "untouched"
    await gateway.place(price=await gateway.marketable_limit())
    assert len(json.loads(file.read_text())["desk"]["orders"]) == len(before["desk"]["orders"]) + 1
