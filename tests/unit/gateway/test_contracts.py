"""Which contract a symbol means: one in dollars on a US exchange, as its definition confirms; looked at daily."""

from decimal import Decimal
from pathlib import Path

import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.contracts import is_isin
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.records import Limit
from tests.unit.gateway.scripted import (
    ACCOUNT,
    MARKER,
    READY,
    RULES,
    ScriptedGateway,
    ok,
    portal_to,
    raw,
    ready_gateway,
)

STOCKS, DEFINITIONS, INFO = "GET /trsrv/stocks", "GET /trsrv/secdef", "GET /iserver/contract/265598/info"
AAPL, RENAMED, OTHER = 265598, 8314, 272093
PLACE = f"POST /iserver/account/{ACCOUNT}/orders"


def listed(symbol: str, conid: int, exchange: str = "NASDAQ") -> dict[str, object]:
    contracts = [{"conid": conid, "exchange": exchange, "isUS": True}, {"conid": 1, "exchange": "MEXI", "isUS": False}]
    return {symbol: [{"name": "A COMPANY", "assetClass": "STK", "contracts": contracts}]}


def definition(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "conid": AAPL,
        "ticker": "AAPL",
        "currency": "USD",
        "assetClass": "STK",
        "listingExchange": "NASDAQ",
        "type": "COMMON",
    }
    return {**row, **changes}


def defining(*rows: dict[str, object]) -> ScriptedGateway:
    gateway = ready_gateway(marker=MARKER).on(STOCKS, ok(listed("AAPL", AAPL)))
    return gateway.on(DEFINITIONS, ok({"secdef": list(rows)}))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (definition(currency="MXN"), "currency MXN, not USD"),
        (definition(currency=None), "currency unknown, not USD"),
        (definition(ticker="APPL"), "ticker APPL, not AAPL"),
        (definition(assetClass="OPT"), "assetClass OPT, not STK"),
        (definition(listingExchange="MEXI"), "listingExchange MEXI, not NASDAQ"),
        (definition(conid=99), "does not define"),
    ],
)
async def test_a_listing_that_its_definition_does_not_confirm_stays_unresolved(
    row: dict[str, object], reason: str
) -> None:
    contracts, (unresolved,) = await portal_to(defining(row)).contracts.resolve(["AAPL"], "STK")
    assert contracts == ()
    assert reason in unresolved.reason


async def test_a_definition_that_contradicts_itself_costs_its_own_name() -> None:
    other = definition(conid=OTHER, ticker="MSFT")
    gateway = defining(definition(), definition(currency="MXN"), {"conid": None}, other)
    gateway.on(STOCKS, ok({**listed("AAPL", AAPL), **listed("MSFT", OTHER), "KO": "none"}))
    contracts, unresolved = await portal_to(gateway).contracts.resolve(["AAPL", "MSFT", "KO"], "STK")
    assert [contract.symbol for contract in contracts] == ["MSFT"]
    assert {each.symbol for each in unresolved} == {"AAPL", "KO"}


async def test_a_segment_of_an_exchange_is_the_exchange_and_a_fund_is_told_from_a_share() -> None:
    gateway = defining(definition(listingExchange="NASDAQ.NMS", type="ETF"))
    (contract,), _ = await portal_to(gateway).contracts.resolve(["AAPL"], "STK")
    assert (contract.asset_class, contract.kind) == ("STK", "ETF")


def on_the_day_after(gateway: ScriptedGateway) -> ScriptedGateway:
    marker = {**MARKER, "now": "2022-12-29T15:00:00Z"}
    return gateway.on("POST /iserver/auth/status", ok({**READY, "simulator": marker}))


async def resolved(portal: ClientPortal) -> tuple[list[int], int]:
    contracts, unresolved = await portal.contracts.resolve(["AAPL"], "STK")
    return [contract.conid for contract in contracts], len(unresolved)


async def test_a_contract_is_kept_over_a_restart_and_looked_at_once_on_the_next_session_date(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    assert await resolved(portal_to(defining(definition()), memory=GatewayMemory(file))) == ([AAPL], 0)
    same_day = defining(definition())
    assert await resolved(portal_to(same_day, memory=GatewayMemory(file))) == ([AAPL], 0)
    assert (same_day.count(STOCKS), same_day.count(DEFINITIONS)) == (0, 0)
    next_day = on_the_day_after(defining(definition()))
    portal = portal_to(next_day, memory=GatewayMemory(file))
    for _ in range(3):
        assert await resolved(portal) == ([AAPL], 0)
    assert (next_day.count(STOCKS), next_day.count(DEFINITIONS)) == (0, 1)


async def test_a_ticker_that_went_to_another_contract_is_found_anew(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    assert await resolved(portal_to(defining(definition()), memory=GatewayMemory(file))) == ([AAPL], 0)
    renamed, successor = definition(ticker="OLDA"), definition(conid=RENAMED)
    gateway = on_the_day_after(ready_gateway()).on(STOCKS, ok(listed("AAPL", RENAMED)))
    gateway.on(DEFINITIONS, ok({"secdef": [renamed]}), ok({"secdef": [successor]}))
    assert await resolved(portal_to(gateway, memory=GatewayMemory(file))) == ([RENAMED], 0)


async def test_a_kept_contract_that_cannot_be_looked_at_is_not_handed_out(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    assert await resolved(portal_to(defining(definition()), memory=GatewayMemory(file))) == ([AAPL], 0)
    broken = on_the_day_after(defining(definition())).on(DEFINITIONS, raw("<html>"))
    with pytest.raises(Malformed):
        await resolved(portal_to(broken, memory=GatewayMemory(file)))


@pytest.mark.parametrize(
    ("info", "isin", "found"),
    [
        ({"isin": "US0378331005"}, "US0378331005", True),
        ({"cusip": "037833100"}, "US0378331005", True),
        ({"cusip": "594918104"}, "US0378331005", False),
        ({"isin": "US5949181045", "cusip": "037833100"}, "US0378331005", False),
        ({"cusip": None}, "US0378331005", False),
        ({"isin": "US0378331004"}, "US0378331004", False),
    ],
)
async def test_an_isin_that_is_given_must_be_the_one_that_the_broker_tells(
    info: dict[str, object], isin: str, found: bool
) -> None:
    gateway = defining(definition()).on(INFO, ok({"con_id": AAPL, "instrument_type": "STK", **info}))
    contracts, unresolved = await portal_to(gateway).contracts.resolve(["AAPL"], "STK", {"aapl": isin})
    assert (len(contracts), len(unresolved)) == ((1, 0) if found else (0, 1))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("US0378331005", True),
        ("IE00B4L5Y983", True),
        ("DE0007164600", True),
        ("US0378331050", False),
        ("us0378331005", False),
        ("US037833100", False),
        ("", False),
    ],
)
def test_the_check_digit_of_an_isin_is_checked(text: str, valid: bool) -> None:
    assert is_isin(text) is valid


def order(quantity: str, price: str) -> Limit:
    return Limit(
        account=ACCOUNT,
        conid=AAPL,
        side="BUY",
        quantity=Decimal(quantity),
        limit_price=Decimal(price),
        time_in_force="DAY",
    )


@pytest.mark.parametrize(
    ("quantity", "price", "refusal"),
    [
        ("10", "101.25", None),
        ("10", "0.9999", None),
        ("10", "1", None),
        ("10", "101.255", "price grid"),
        ("10", "1.0001", "price grid"),
        ("10", "0.99995", "price grid"),
        ("10.5", "101.25", "whole multiple"),
        ("0.5", "101.25", "whole multiple"),
    ],
)
async def test_an_order_off_the_exchanges_grid_does_not_leave(quantity: str, price: str, refusal: str | None) -> None:
    gateway = ready_gateway().on(PLACE, ok([{"order_id": "1", "order_status": "Submitted"}]))
    placed = await portal_to(gateway).orders.place_once(order(quantity, price))
    assert placed.outcome == ("accepted" if refusal is None else "not_sent")
    assert refusal is None or refusal in str(placed.message)
    assert gateway.count(PLACE) == (1 if refusal is None else 0)


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {**RULES, "incrementRules": None, "increment": None},
        {**RULES, "incrementRules": [], "increment": ""},
        {**RULES, "incrementRules": "none", "increment": None},
        {**RULES, "incrementRules": [{"lowerEdge": 0, "increment": 0}], "increment": 0},
        {**RULES, "incrementRules": [{"lowerEdge": 0, "increment": -1}], "increment": "n/a"},
    ],
)
async def test_an_order_without_rules_to_tell_by_does_not_leave(rules: dict[str, object]) -> None:
    gateway = ready_gateway().on("POST /iserver/contract/rules", ok(rules))
    assert (await portal_to(gateway).orders.place_once(order("10", "101.25"))).outcome == "not_sent"
    assert gateway.count(PLACE) == 0


async def test_only_the_logins_own_accounts_give_the_right_to_trade() -> None:
    gateway = ready_gateway().on("POST /iserver/contract/rules", ok({**RULES, "canTradeAcctIds": ["DU7654321", None]}))
    assert (await portal_to(gateway).contracts.rules(AAPL, "BUY")).can_trade is False
