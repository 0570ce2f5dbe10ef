"""What a contract is, in the broker's words: told by several answers, shifted, of a fund without any level."""

from pathlib import Path
from typing import Any

import pytest

from api_gateway.clientportal.errors import GatewayRefused
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.records import Classification
from tests.unit.gateway.scripted import ACCOUNT, MARKER, READY, ScriptedGateway, ok, portal_to, ready_gateway

AAPL, VTI = 265598, 12340041
POSITIONS = f"GET /portfolio2/{ACCOUNT}/positions"
DEFINITIONS, STOCKS, INFO = "GET /trsrv/secdef", "GET /trsrv/stocks", f"GET /iserver/contract/{AAPL}/info"
WORDS = ("COMMON", "Technology", "Computers", "Computer Services")


def held(conid: int, ticker: str, **changes: object) -> dict[str, Any]:
    """As the uncached endpoint has it."""
    return {
        "conid": str(conid), "description": ticker, "secType": "STK", "assetClass": "STK", "currency": "USD",
        "position": 10.0, "marketPrice": 126.0, "marketValue": 1260.0, "avgCost": 178.0, "unrealizedPnl": -520.0,
        "realizedPnl": 0.0,
    } | changes  # fmt: skip


def definition(conid: int = AAPL, ticker: str = "AAPL", **changes: object) -> dict[str, Any]:
    return {
        "conid": conid, "ticker": ticker, "currency": "USD", "assetClass": "STK", "listingExchange": "NASDAQ",
        "type": WORDS[0], "sector": WORDS[1], "group": WORDS[2], "sectorGroup": WORDS[3],
    } | changes  # fmt: skip


def fund() -> dict[str, Any]:
    return definition(VTI, "VTI", type="ETF", sector=None, group=None, sectorGroup=None)


def defining(*rows: dict[str, Any]) -> ScriptedGateway:
    return ready_gateway(marker=MARKER).on(DEFINITIONS, ok({"secdef": list(rows)}))


def words(told: Classification) -> tuple[str | None, ...]:
    return told.type, told.sector, told.industry, told.category


async def test_positions_that_name_nothing_are_told_by_their_definitions() -> None:
    gateway = defining(definition(), fund()).on(POSITIONS, ok([held(AAPL, "AAPL"), held(VTI, "VTI")]))
    share, etf = (await portal_to(gateway).portfolio.classified(ACCOUNT)).positions
    assert words(share) == WORDS
    assert words(etf) == ("ETF", None, None, None)
    assert gateway.count(DEFINITIONS) == 1


async def test_positions_that_name_everything_are_not_asked_about() -> None:
    full = held(AAPL, "AAPL", type=WORDS[0], sector=WORDS[1], group=WORDS[2], sectorGroup=WORDS[3])
    gateway = ready_gateway().on(POSITIONS, ok([full, held(7, "OLD 30JUN26 90 C", secType="OPT", assetClass="OPT")]))
    share, option = (await portal_to(gateway).portfolio.classified(ACCOUNT)).positions
    assert words(share) == WORDS
    assert words(option) == (None, None, None, None)


async def test_what_a_definition_leaves_out_stands_on_the_contracts_own_page() -> None:
    gateway = defining(definition(sector=None, group=None, sectorGroup=" ")).on(POSITIONS, ok([held(AAPL, "AAPL")]))
    gateway.on(INFO, ok({"con_id": AAPL, "industry": "Computers", "category": "Computer  Services"}))
    portal = portal_to(gateway)
    for _ in range(2):
        (share,) = (await portal.portfolio.classified(ACCOUNT)).positions
        assert words(share) == ("COMMON", None, "Computers", "Computer Services")
    assert gateway.count(INFO) == 1


async def test_what_no_answer_tells_stays_untold() -> None:
    gateway = defining(definition(type=None, group=7)).on(POSITIONS, ok([held(AAPL, "AAPL"), held(VTI, "VTI")]))
    share, unknown = (await portal_to(gateway).portfolio.classified(ACCOUNT)).positions
    assert words(share) == (None, "Technology", None, "Computer Services")
    assert words(unknown) == (None, None, None, None)


async def test_a_sale_waits_for_no_definition_and_the_portfolio_does() -> None:
    gateway = ready_gateway().on(DEFINITIONS, ok({"error": "no"}, 500)).on(POSITIONS, ok([held(AAPL, "AAPL")]))
    portfolio = portal_to(gateway).portfolio
    assert len(await portfolio.positions(ACCOUNT)) == 1
    with pytest.raises(GatewayRefused):
        await portfolio.classified(ACCOUNT)


async def test_yesterdays_words_serve_while_there_are_none_of_today() -> None:
    gateway = defining(definition()).on(POSITIONS, ok([held(AAPL, "AAPL")]))
    portal = portal_to(gateway)
    await portal.portfolio.classified(ACCOUNT)
    next_day = {**MARKER, "now": "2022-12-29T15:00:00Z"}
    gateway.on("POST /iserver/auth/status", ok({**READY, "simulator": next_day}))
    await portal.session.health(max_age=0)
    gateway.on(DEFINITIONS, ok({"error": "no"}, 500))
    (share,) = (await portal.portfolio.classified(ACCOUNT)).positions
    assert words(share) == WORDS


def listed() -> ScriptedGateway:
    contracts = [{"conid": AAPL, "exchange": "NASDAQ", "isUS": True}]
    return defining(definition()).on(
        STOCKS, ok({"AAPL": [{"name": "A COMPANY", "assetClass": "STK", "contracts": contracts}]})
    )


async def test_a_resolved_contract_has_them_too_and_its_kind_by_the_former_name() -> None:
    (contract,), _ = await portal_to(listed()).contracts.resolve(["AAPL"], "STK")
    assert words(contract) == WORDS
    assert contract.kind == "COMMON"


async def test_a_contract_kept_by_an_earlier_version_is_looked_at_again(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    await portal_to(listed(), memory=GatewayMemory(file)).contracts.resolve(["AAPL"], "STK")
    older = file.read_text().replace('"type":"COMMON"', '"type":null')
    assert older != file.read_text()
    file.write_text(older)
    (contract,), _ = await portal_to(listed(), memory=GatewayMemory(file)).contracts.resolve(["AAPL"], "STK")
    assert words(contract) == WORDS
