"""Names beside the twenty: which there are, how every endpoint classes them, and that their prices are plausible."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from api_gateway.simulator import Options
from api_gateway.simulator.exchange.contracts import STOCKS, Contract
from api_gateway.simulator.exchange.listings import listings
from api_gateway.simulator.exchange.market import Market
from api_gateway.simulator.exchange.prices import Floats
from api_gateway.simulator.exchange.universe import universe_of
from tests.unit.simulator.worlds import ACCOUNT, FakeTime, Gateway, require_sample, synthetic_world, world_of

FUNDS = tuple(one for one in listings() if one.type == "ETF")
OTHERS = tuple(one for one in listings() if one.type != "ETF")
# Of the broker's top level; Diversified, Funds and Government exist and none of these names has them.
LEVELS = {
    "Basic Materials",
    "Communications",
    "Consumer, Cyclical",
    "Consumer, Non-cyclical",
    "Energy",
    "Financial",
    "Industrial",
    "Technology",
    "Utilities",
}


def contract(symbol: str) -> Contract:
    found = universe_of().stock(symbol)
    assert found is not None
    return found


def test_three_hundred_stocks_of_all_eleven_sectors_and_two_score_funds_are_listed() -> None:
    assert len(OTHERS) >= 300
    assert len(FUNDS) >= 40
    of_sector = Counter(one.moves_with for one in OTHERS)
    assert len(of_sector) == 11
    assert min(of_sector.values()) >= 15
    assert {one.type for one in OTHERS} == {"COMMON", "ADR", "PUBLIC", "MISC."}
    assert {one.sector for one in OTHERS} == LEVELS


def test_every_ticker_and_contract_id_is_had_once_whatever_else_the_world_lists() -> None:
    every = universe_of(5000).by_conid.values()
    assert len({one.symbol for one in listings()} | {one.symbol for one in STOCKS}) == len(listings()) + len(STOCKS)
    assert len([one for one in every if one.tradable]) == 5000 + len(listings())
    assert len(every) == 2 * (5000 + len(listings())) + 2


def test_levels_are_one_tree_so_that_a_group_has_one_top_level() -> None:
    tops: dict[str | None, set[str | None]] = {}
    for one in (*OTHERS, *STOCKS):
        tops.setdefault(one.industry, set()).add(one.sector)
    assert {group: top for group, top in tops.items() if len(top) > 1} == {}


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    return await Gateway(synthetic_world(time, pacing=0), time).ready()


async def _definitions(gateway: Gateway, names: tuple[Contract, ...]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(names), 100):
        conids = ",".join(str(one.conid) for one in names[start : start + 100])
        rows = (await gateway.get(f"/trsrv/secdef?conids={conids}"))["secdef"]
        found |= {row["conid"]: row for row in rows}
    return found


async def test_a_definition_and_the_contract_page_shift_the_levels_of_every_name_alike(gateway: Gateway) -> None:
    defined = await _definitions(gateway, (*STOCKS, *listings()))
    assert len(defined) == len(STOCKS) + len(listings())
    for conid, row in defined.items():
        page = await gateway.get(f"/iserver/contract/{conid}/info")
        assert (page["instrument_type"], row["assetClass"]) == ("STK", "STK")
        if row["type"] == "ETF":
            assert (row["sector"], row["group"], row["sectorGroup"]) == (None, None, None)
            assert page.keys().isdisjoint({"industry", "category"})
        else:
            assert (page["industry"], page["category"]) == (row["group"], row["sectorGroup"])
            assert row["sector"] in LEVELS


async def test_ibm_and_a_fund_are_worded_as_in_recorded_answers(gateway: Gateway) -> None:
    defined = await _definitions(gateway, (contract("IBM"), contract("VTI")))
    words = [[row[name] for name in ("type", "sector", "group", "sectorGroup")] for row in defined.values()]
    assert words == [["COMMON", "Technology", "Computers", "Computer Services"], ["ETF", None, None, None]]


async def test_a_quote_of_a_fund_has_neither_industry_nor_category(gateway: Gateway) -> None:
    fund, stock = contract("BND").conid, contract("IBM").conid
    path = f"/iserver/marketdata/snapshot?conids={fund},{stock}&fields=55,7280,7281"
    for _ in range(2):
        rows = await gateway.rows(path)
    by_symbol = {row["55"]: row for row in rows}
    assert by_symbol["BND"].keys().isdisjoint({"7280", "7281"})
    assert (by_symbol["IBM"]["7280"], by_symbol["IBM"]["7281"]) == ("Computers", "Computer Services")


async def test_what_was_bought_is_classed_in_both_lists_of_positions_as_in_its_definition(gateway: Gateway) -> None:
    names = [contract(symbol) for symbol in ("VTI", "TSM", "BAC PRL", "EPD", "PLD", "AAPL")]
    for one in names:
        await gateway.post("/simulator/external-order", {"symbol": one.symbol, "side": "BUY", "quantity": 3})
    defined = await _definitions(gateway, tuple(names))
    levels = ("type", "sector", "group", "sectorGroup", "assetClass", "listingExchange", "name", "multiplier")
    for _ in range(2):
        page = {row["conid"]: row for row in await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")}
    near = {row["conid"]: row for row in await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")}
    for conid, row in defined.items():
        assert {name: page[conid][name] for name in levels} == {name: row[name] for name in levels}
        now = near[str(conid)]
        assert (now["sector"], now["group"], now["secType"]) == (row["sector"], row["group"], "STK")
    assert {row["type"] for row in defined.values()} == {"ETF", "ADR", "PUBLIC", "MISC.", "COMMON"}


async def test_funds_are_others_in_the_allocation_and_shares_as_to_their_class(gateway: Gateway) -> None:
    before = await gateway.get(f"/portfolio/{ACCOUNT}/allocation")
    assert "Others" not in before["sector"]["long"]
    for symbol in ("VTI", "BND"):
        await gateway.post("/simulator/external-order", {"symbol": symbol, "side": "BUY", "quantity": 5})
    after = await gateway.get(f"/portfolio/{ACCOUNT}/allocation")
    for _ in range(2):
        rows = await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")
    funds = sum(row["mktValue"] for row in rows if row["type"] == "ETF")
    assert after["sector"]["long"]["Others"] == after["group"]["long"]["Others"] == pytest.approx(funds)
    assert after["assetClass"]["long"].keys() == {"STK", "CASH"}
    assert after["assetClass"]["long"]["STK"] == pytest.approx(sum(row["mktValue"] for row in rows))


async def test_the_first_page_can_be_without_definitions_at_every_read(gateway: Gateway) -> None:
    whole = {"name", "ticker", "type", "sector", "group", "sectorGroup", "listingExchange"}
    for set_so in (True, False):
        await gateway.post("/simulator/broker", {"bare_first_page": set_so})
        for _ in range(3):
            row = (await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0"))[0]
        assert row.keys().isdisjoint(whole) if set_so else whole < row.keys()
        assert (row["multiplier"], row["strike"]) == ((None, 0.0) if set_so else (0.0, "0"))


async def test_a_ticker_has_its_foreign_listing_without_prices_here_too(gateway: Gateway) -> None:
    (listed,) = (await gateway.get("/trsrv/stocks?symbols=VTI")).values()
    venues = {venue["exchange"]: venue for row in listed for venue in row["contracts"]}
    assert {name: venue["isUS"] for name, venue in venues.items()} == {"MEXI": False, "ARCA": True}
    refused = await gateway.submit(conid=venues["MEXI"]["conid"])
    assert "No trading permissions" in refused.text


def _moves(market: Market, symbol: str) -> Floats:
    closes = market.closes(contract(symbol).conid)
    return np.diff(np.log(closes))


def _together(market: Market, one: str, other: str) -> float:
    return float(np.corrcoef(_moves(market, one), _moves(market, other))[0, 1])


def _a_year(market: Market, symbol: str) -> float:
    return float(_moves(market, symbol).std() * np.sqrt(252))


def _check_plausible(market: Market) -> None:
    assert _a_year(market, "BIL") < 0.02 < _a_year(market, "BND") < 0.07 < _a_year(market, "TLT") < 0.2
    index = float(np.diff(np.log(market.history.index)).std() * np.sqrt(252))
    assert _a_year(market, "SPY") == pytest.approx(index, rel=0.05)
    assert _a_year(market, "DUK") < _a_year(market, "NVDA") < 0.6
    assert _together(market, "VTI", "SPY") > 0.97
    assert abs(_together(market, "BND", "SPY")) < 0.1
    assert _together(market, "BND", "TLT") > 0.9
    assert _together(market, "NVDA", "XLK") > _together(market, "NVDA", "XLU") > 0.2
    assert _together(market, "VXUS", "VEA") > _together(market, "VXUS", "SPY") > 0.6


def test_invented_prices_have_the_volatilities_and_correlations_of_their_kind(time: FakeTime) -> None:
    _check_plausible(synthetic_world(time).market)


def test_an_invented_series_stays_a_price_from_the_first_session_to_the_last(time: FakeTime) -> None:
    market = synthetic_world(time).market
    closes = np.column_stack([market.closes(one.conid) for one in listings()[::6]])
    assert closes.min() > 0.1
    assert closes.max() < 20_000
    volatility = np.diff(np.log(closes), axis=0).std(axis=0) * np.sqrt(252)
    assert 0.1 < np.median(volatility) < 0.45


def test_invented_prices_depend_on_seed_and_name_alone(time: FakeTime) -> None:
    def closes(seed: int, *first: str) -> list[float]:
        market = world_of(Options(data="synthetic", seed=seed), time).market
        for symbol in first:
            market.closes(contract(symbol).conid)
        kept: list[float] = market.closes(contract("VTI").conid).tolist()
        return kept

    assert closes(7) == closes(7, "BND", "NVDA")
    assert closes(7) != closes(8)


@pytest.mark.real_prices
def test_beside_recorded_prices_the_invented_follow_the_recorded_index_and_say_what_they_are(time: FakeTime) -> None:
    require_sample()
    market = world_of(Options(), time).market
    _check_plausible(market)
    assert (market.origin(contract("AAPL")), market.origin(contract("VTI"))) == ("sample", "synthetic")
    assert _together(market, "SPY", "JPM") > 0.5


@pytest.mark.real_prices
async def test_history_and_quote_of_an_invented_name_are_marked_synthetic_beside_recorded_ones(time: FakeTime) -> None:
    require_sample()
    gateway = await Gateway(world_of(Options(pacing=0), time), time).ready()
    for symbol, origin in (("AAPL", "sample"), ("BND", "synthetic")):
        path = f"/iserver/marketdata/history?conid={contract(symbol).conid}&period=1m&bar=1d"
        assert (await gateway.get(path))["simulator"]["origin"] == origin
        quoted = (await gateway.quote(contract(symbol).conid))["simulator"]
        assert quoted.get("synthetic") == (["31", "7741", "84", "86"] if origin == "synthetic" else None)
