"""The books that come as scenarios: each holds what its description says, at prices, and pays what it says."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from api_gateway.simulator import Options, StartError, World, build_world
from api_gateway.simulator.exchange.contracts import STOCKS
from api_gateway.simulator.scenario import SCENARIOS, load_scenario, scenario_file
from tests.unit.simulator.worlds import ACCOUNT, FakeTime, Gateway, world_of

SAMPLE = {one.symbol for one in STOCKS}


def book(name: str, time: FakeTime, instruments: int = 20) -> World:
    options = Options(pacing=0, data="synthetic", scenario=scenario_file(name), instruments=instruments)
    return world_of(options, time)


async def rows_of(world: World, time: FakeTime, pages: int = 1) -> list[dict[str, object]]:
    gateway = await Gateway(world, time).ready()
    await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")
    return [row for page in range(pages) for row in await gateway.rows(f"/portfolio/{ACCOUNT}/positions/{page}")]


def at_cost(world: World) -> dict[str, float]:
    """Percent of the capital that each holding was bought for."""
    capital = world.scenario.starting_capital
    return {
        one.contract.symbol: float(100 * one.quantity * one.average_cost / capital) for one in world.book.positions()
    }


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_scenario_is_called_as_its_file_is(file: Path) -> None:
    assert load_scenario(file).name.replace("-", "_") == file.stem


async def test_three_funds_are_three_funds_and_a_little_cash(time: FakeTime) -> None:
    world = book("three_funds", time)
    assert at_cost(world) == pytest.approx({"VTI": 58, "VXUS": 20, "BND": 18}, abs=0.1)
    assert {row["type"] for row in await rows_of(world, time)} == {"ETF"}


async def test_twelve_others_are_stocks_of_all_sectors_outside_the_sample(time: FakeTime) -> None:
    world = book("twelve_others", time)
    bought = at_cost(world)
    assert (len(bought), SAMPLE & bought.keys()) == (12, set())
    assert sum(bought.values()) == pytest.approx(90, abs=1)
    assert len({one.contract.moves_with for one in world.book.positions()}) == 11
    assert {row["type"] for row in await rows_of(world, time)} == {"COMMON"}


def test_the_sizes_are_nothing_invested_two_thousand_and_fifty_million(time: FakeTime) -> None:
    cash = book("all_cash", time)
    assert (cash.book.positions(), cash.book.cash("USD")) == ((), Decimal(100_000))
    small = book("small", time)
    assert small.scenario.starting_capital == 2000
    assert len(small.book.positions()) == 3
    large = book("large", time)
    assert large.scenario.holdings == book("default", time).scenario.holdings
    assert large.accounting.close_values(ACCOUNT, large.moment().completed)[0] == pytest.approx(5e7)


@pytest.mark.long
async def test_five_hundred_holdings_are_whole_stocks_with_prices(time: FakeTime) -> None:
    rows = await rows_of(book("five_hundred", time, 500), time, pages=6)
    assert len({row["conid"] for row in rows}) == len(rows) == 500
    assert {(row["assetClass"], row["type"]) for row in rows} == {("STK", "COMMON")}
    assert min(float(str(row["mktValue"])) for row in rows) > 1000


async def test_a_mixed_book_has_a_loan_dust_and_lines_of_every_kind(time: FakeTime) -> None:
    world = book("mixed", time)
    assert world.book.cash("USD") < -10_000
    valuation = world.accounting.valuation(ACCOUNT, world.look())
    assert valuation.excess_liquidity > 0
    rows = {str(row["contractDesc"]): row for row in await rows_of(world, time)}
    kinds = [(row["assetClass"], row["type"]) for row in rows.values() if row["conid"] not in world.universe.by_conid]
    assert kinds == [("OPT", "C"), ("OPT", "P"), ("BOND", ""), ("FUND", ""), ("STK", "COMMON")]
    assert (rows["SIVBQ"]["mktPrice"], rows["SIVBQ"]["sector"]) == (None, None)
    assert (rows["PG"]["position"], rows["PG"]["sector"]) == (0.4, "Consumer, Non-cyclical")


def test_borrowing_is_said_or_refused(tmp_path: Path) -> None:
    text = scenario_file("mixed").read_text(encoding="utf-8")
    for changed, most in (
        (text.replace("borrowed_pct: 15\n", ""), "100"),
        (text.replace("pct: 15\n", "pct: 14\n"), "114"),
    ):
        path = tmp_path / "scenario.yaml"
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(StartError, match=f"weights sum to 115 %, at most {most} %"):
            load_scenario(path)


def test_dividends_came_in_each_month_since_the_funds_were_bought(time: FakeTime) -> None:
    paying, silent = book("income", time), book("three_funds", time)
    for world in (paying, silent):
        world.look()
    got = paying.book.cash("USD") - silent.book.cash("USD")
    at_the_start = sum(
        float(one.quantity * one.average_cost) * float(payer.yield_pct) / 100
        for one, payer in zip(paying.book.positions(), paying.scenario.dividends, strict=True)
    )
    assert float(got) == pytest.approx(at_the_start, rel=0.35)


async def test_a_dividend_is_paid_once_when_its_session_opens_and_is_a_return(time: FakeTime) -> None:
    world = book("income", time)
    early = world_of(Options(pacing=0, data="synthetic", scenario=scenario_file("income"), as_of=_before(world)), time)
    gateway = await Gateway(early, time).ready()
    cash = [await _cash(gateway)]
    for _ in range(22):
        await gateway.post("/simulator/clock", {"next_session": True})
        cash += [await _cash(gateway), await _cash(gateway)]
    steps = [after - before for before, after in pairwise(cash) if after != before]
    assert len(steps) == 1
    session = early.look().session
    conids = [one.contract.conid for one in early.book.positions()]
    told = await gateway.post("/pa/transactions", {"acctIds": [ACCOUNT], "conids": conids, "days": 28})
    paid = [row for row in told["transactions"] if row["type"] == "Dividend Payment"]
    assert {row["conid"] for row in paid} == set(conids)
    assert sum(Decimal(str(row["amt"])) for row in paid) == steps[0]
    assert early.book.external_flows(early.rates, session).sum() == 0


def _before(world: World) -> date:
    return world.market.session_date(world.moment().session - 40)


async def _cash(gateway: Gateway) -> Decimal:
    return Decimal((await gateway.get("/simulator/state"))["cash"])


def test_a_dividend_of_a_name_that_is_not_there_refuses_the_start(tmp_path: Path, time: FakeTime) -> None:
    path = tmp_path / "scenario.yaml"
    text = scenario_file("all_cash").read_text(encoding="utf-8")
    path.write_text(f"{text}dividends: [{{symbol: QAAA, yield_pct: 1, every_sessions: 5}}]\n", encoding="utf-8")
    with pytest.raises(StartError, match="dividends: no QAAA among 20 instruments"):
        build_world(Options(data="synthetic", scenario=path), time)
    path.write_text(f"{text}dividends: [{{symbol: NOPE, yield_pct: 1, every_sessions: 5}}]\n", encoding="utf-8")
    with pytest.raises(StartError, match="unknown symbol NOPE"):
        load_scenario(path)
