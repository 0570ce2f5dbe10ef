"""Positions are never fewer than the account holds: an empty list and a list as long as pages are need a witness."""

import json
from decimal import Decimal

import httpx2
import pytest

from api_gateway.clientportal.errors import Incomplete, Malformed
from tests.unit.gateway.scripted import ACCOUNT, ScriptedGateway, ok, portal_to, ready_gateway

NEAR = f"GET /portfolio2/{ACCOUNT}/positions"
LEDGER = f"GET /portfolio/{ACCOUNT}/ledger"
INVALIDATE = f"POST /portfolio/{ACCOUNT}/positions/invalidate"


def near_row(conid: int) -> dict[str, object]:
    return {
        "conid": str(conid),
        "description": f"S{conid}",
        "secType": "STK",
        "currency": "USD",
        "position": 10.0,
        "marketPrice": 2.0,
        "marketValue": 20.0,
        "avgCost": 1.5,
        "unrealizedPnl": 5.0,
        "realizedPnl": 0.0,
    }


def page_row(conid: int) -> dict[str, object]:
    row = {**near_row(conid), "acctId": ACCOUNT, "conid": conid, "contractDesc": f"S{conid}", "assetClass": "STK"}
    row |= {"mktPrice": row.pop("marketPrice"), "mktValue": row.pop("marketValue")}
    return {key: value for key, value in row.items() if key not in ("description", "secType")}


def ledger(invested: float) -> httpx2.Response:
    row = {"cashbalance": 100.5, "settledcash": 100.5, "exchangerate": 1, "unrealizedpnl": 0, "realizedpnl": 0}
    return ok({"USD": row, "BASE": {**row, "stockmarketvalue": invested}})


def gateway_of(near: int, paged: int, *, stale: int | None = None) -> ScriptedGateway:
    """`stale` is how many the pages show until they are told to forget."""
    gateway = ready_gateway().on(NEAR, ok([near_row(conid) for conid in range(1, near + 1)]))
    gateway.on(INVALIDATE, ok({"message": "success"})).on(LEDGER, ledger(1.0 if paged else 0.0))

    def page(request: httpx2.Request) -> httpx2.Response:
        count = stale if stale is not None and not gateway.count(INVALIDATE) else paged
        first = int(request.url.path.rsplit("/", 1)[1]) * 100 + 1
        return ok([page_row(conid) for conid in range(first, min(first + 100, count + 1))])

    for number in range(8):
        gateway.on(f"GET /portfolio/{ACCOUNT}/positions/{number}", page)
    return gateway


def pages_read(gateway: ScriptedGateway) -> int:
    return sum(call.startswith(f"GET /portfolio/{ACCOUNT}/positions/") for call in gateway.calls)


async def held(gateway: ScriptedGateway) -> int:
    return len(await portal_to(gateway).portfolio.positions(ACCOUNT))


@pytest.mark.parametrize(("near", "paged"), [(1, 1), (99, 99)])
async def test_a_short_list_needs_no_witness(near: int, paged: int) -> None:
    gateway = gateway_of(near, paged)
    assert await held(gateway) == near
    assert pages_read(gateway) == 0


async def test_an_empty_list_is_believed_when_the_ledger_says_so_too() -> None:
    gateway = gateway_of(0, 0)
    assert await held(gateway) == 0
    assert pages_read(gateway) == 0


async def test_an_empty_list_that_the_ledger_contradicts_is_read_from_the_pages_or_is_incomplete() -> None:
    assert await held(gateway_of(0, 3)) == 3
    with pytest.raises(Incomplete):
        await held(gateway_of(0, 0).on(LEDGER, ledger(1_000.0)))


@pytest.mark.parametrize("count", [100, 101, 250, 500])
async def test_a_long_list_is_held_against_the_pages(count: int) -> None:
    gateway = gateway_of(count, count)
    assert await held(gateway) == count
    assert pages_read(gateway) == count // 100 + 1
    assert gateway.count(INVALIDATE) == 0


@pytest.mark.parametrize("paged", [101, 250, 500])
async def test_a_list_that_is_cut_at_a_page_is_read_from_the_pages(paged: int) -> None:
    assert await held(gateway_of(100, paged)) == paged


async def test_what_was_just_sold_may_still_stand_on_the_pages_until_they_are_told() -> None:
    gateway = gateway_of(120, 120, stale=130)
    assert await held(gateway) == 120
    assert gateway.count(INVALIDATE) == 1


async def test_lists_that_contradict_each_other_are_incomplete() -> None:
    gateway = gateway_of(150, 150)
    rows = [page_row(conid) for conid in range(101, 160)]
    gateway.on(f"GET /portfolio/{ACCOUNT}/positions/0", ok(rows))
    with pytest.raises(Incomplete, match="agree"):
        await held(gateway)


async def test_a_list_once_shown_to_be_whole_is_believed_until_its_length_is_a_pages() -> None:
    gateway = gateway_of(150, 150)
    portfolio = portal_to(gateway).portfolio
    for _ in range(3):
        await portfolio.positions(ACCOUNT)
    assert pages_read(gateway) == 2
    gateway.on(NEAR, ok([near_row(conid) for conid in range(1, 101)]))
    assert len(await portfolio.positions(ACCOUNT)) == 150


async def test_a_row_that_is_another_accounts_spoils_the_answer() -> None:
    with pytest.raises(Malformed, match="another account"):
        await held(gateway_of(1, 1).on(NEAR, ok([near_row(1), {**near_row(2), "acctId": "DU7654321"}])))


async def test_a_row_that_is_there_twice_counts_once() -> None:
    assert await held(gateway_of(1, 1).on(NEAR, ok([near_row(1), json.loads(json.dumps(near_row(1)))]))) == 1


def in_euros(rate: object = 0.9, worth: float = 45_000.0, **row: object) -> dict[str, dict[str, object]]:
    """1,000 euros, no dollar in cash, and shares for 50,000 dollars."""
    amounts = {"settledcash": 0.0, "unrealizedpnl": 0, "realizedpnl": 0}
    euros: dict[str, object] = {**amounts, "cashbalance": 1_000.0, "netliquidationvalue": 1_000.0, "exchangerate": 1}
    dollars = {**amounts, "cashbalance": 0.0, "netliquidationvalue": 50_000.0, "exchangerate": rate}
    base: dict[str, object] = {**euros, "netliquidationvalue": 1_000.0 + worth}
    return {"EUR": euros, "USD": {**dollars, **row}, "BASE": base}


async def test_a_rate_that_no_cash_shows_to_be_wrong_is_shown_by_the_shares() -> None:
    portal = portal_to(ready_gateway().on(LEDGER, ok(in_euros()), ok(in_euros(rate=1)), ok(in_euros(worth=46_000.0))))
    assert [each.exchange_rate for each in (await portal.portfolio.ledger(ACCOUNT)).cash] == [1, Decimal("0.9")]
    for _ in range(2):
        with pytest.raises(Incomplete, match="netliquidationvalue"):
            await portal.portfolio.ledger(ACCOUNT)


@pytest.mark.parametrize("rate", [None, 0, -0.9, "n/a"])
async def test_a_currency_without_a_rate_has_none_and_is_never_worth_one(rate: object) -> None:
    ledger = await portal_to(ready_gateway().on(LEDGER, ok(in_euros(rate=rate)))).portfolio.ledger(ACCOUNT)
    assert [(each.currency, each.exchange_rate) for each in ledger.cash] == [("EUR", 1), ("USD", None)]
    (strange,) = ledger.strange
    assert (strange.what, strange.symbol) == ("ledger", "USD")
    assert "exchangerate" in strange.reason


async def test_a_rate_of_the_day_before_yesterday_is_none() -> None:
    portal = portal_to(ready_gateway())
    now = int(portal.session.market_now().timestamp())
    hours_ago = {hours: ok(in_euros(timestamp=now - 3600 * hours)) for hours in (1, 23, 25)}
    portal = portal_to(ready_gateway().on(LEDGER, *hours_ago.values()))
    for _ in range(2):
        assert (await portal.portfolio.ledger(ACCOUNT)).cash[1].exchange_rate == Decimal("0.9")
    ledger = await portal.portfolio.ledger(ACCOUNT)
    assert ledger.cash[1].exchange_rate is None
    assert "ledger USD: exchangerate is from" in ledger.strange[0].reason


async def test_a_ledger_that_lacks_a_currency_is_incomplete() -> None:
    row = {"cashbalance": 100.0, "settledcash": 100.0, "exchangerate": 1, "unrealizedpnl": 0, "realizedpnl": 0}
    whole = {"USD": row, "EUR": {**row, "exchangerate": 1.1}, "BASE": {**row, "cashbalance": 210.0}}
    lacking = {name: each for name, each in whole.items() if name != "EUR"}
    portal = portal_to(ready_gateway().on(LEDGER, ok(whole), ok(lacking), ok({"BASE": row})))
    assert len((await portal.portfolio.ledger(ACCOUNT)).cash) == 2
    for _ in range(2):
        with pytest.raises(Incomplete):
            await portal.portfolio.ledger(ACCOUNT)
