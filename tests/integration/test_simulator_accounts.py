"""Many instruments and several accounts behind one login."""

from datetime import date

import pytest

from api_gateway.simulator import Options, StartError
from api_gateway.simulator.exchange.listings import listings
from api_gateway.simulator.exchange.universe import catalogue, stock, universe_of
from api_gateway.simulator.scenario import scenario_file
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, error_of, order, world_of

OTHER = "DU7654322"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def two(time: FakeTime) -> Gateway:
    world = world_of(Options(pacing=0, data="synthetic", scenario=scenario_file("two_accounts")), time)
    return await Gateway(world, time).ready()


def large(time: FakeTime) -> Gateway:
    scenario = scenario_file("five_hundred")
    return Gateway(world_of(Options(pacing=0, data="synthetic", scenario=scenario, instruments=500), time), time)


async def test_five_hundred_positions_come_in_five_pages_and_then_none(time: FakeTime) -> None:
    gateway = await large(time).ready()
    pages = [await gateway.rows(f"/portfolio/{ACCOUNT}/positions/{page}") for page in range(7)]
    assert [len(page) for page in pages] == [100, 100, 100, 100, 100, 0, 0]
    assert len({row["conid"] for page in pages for row in page}) == 500
    near = await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")
    assert [row["conid"] for row in near] == [str(row["conid"]) for page in pages for row in page]


async def test_a_generated_instrument_has_quotes_definitions_and_a_year_of_history(time: FakeTime) -> None:
    gateway = await large(time).ready()
    chosen = stock("QAAB")
    assert chosen is not None
    quote = await gateway.quote(chosen.conid)
    assert float(quote["84"]) < float(quote["86"])
    assert (await gateway.rows("/trsrv/stocks?symbols=QAAB")) != []
    history = await gateway.get(f"/iserver/marketdata/history?conid={chosen.conid}&period=1y&bar=1d")
    assert 250 <= len(history["data"]) <= 254
    assert len({bar["c"] for bar in history["data"]}) > 200
    limit = float(quote["86"])
    placed = await gateway.place(conid=chosen.conid, price=limit, quantity=1)
    assert placed["order_status"] == "Submitted"


def test_contracts_of_the_catalogue_are_all_different() -> None:
    contracts = catalogue()
    assert len(contracts) == 5000
    assert len({one.symbol for one in contracts}) == len({one.conid for one in contracts}) == 5000
    # Each has a listing abroad, as have the names beside them, and there are two indices.
    assert len(universe_of(5000).by_conid) == 2 * (5000 + len(listings())) + 2
    assert len({one.sector for one in contracts[20:]}) == len({one.sector for one in contracts[:20]})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (Options(instruments=600), "--data synthetic"),
        (Options(instruments=19, data="synthetic"), "20 to 5000"),
        (Options(instruments=5001, data="synthetic"), "20 to 5000"),
        (Options(data="synthetic", scenario=scenario_file("five_hundred")), "500 names"),
    ],
)
def test_a_universe_that_cannot_be_refuses_the_start(options: Options, named: str) -> None:
    with pytest.raises(StartError, match=named):
        world_of(options)


async def test_every_account_is_listed_with_books_of_its_own(two: Gateway) -> None:
    assert [row["id"] for row in await two.rows("/portfolio/accounts")] == [ACCOUNT, OTHER]
    listed = await two.get("/iserver/accounts")
    assert (listed["accounts"], listed["selectedAccount"]) == ([ACCOUNT, OTHER], ACCOUNT)
    held = await two.get(f"/portfolio/positions/{AAPL}")
    quantities = {account: rows[0]["position"] for account, rows in held.items()}
    assert set(quantities) == {ACCOUNT, OTHER}
    assert quantities[ACCOUNT] > quantities[OTHER] > 0
    values = []
    for account in (ACCOUNT, OTHER):
        allocation = await two.get(f"/portfolio/{account}/allocation")
        ledger = await two.get(f"/portfolio/{account}/ledger")
        assert allocation["assetClass"]["long"]["CASH"] == ledger["USD"]["cashbalance"]
        values.append(allocation["assetClass"]["long"]["STK"])
    both = await two.post("/portfolio/allocation", {"acctIds": [ACCOUNT, OTHER]})
    assert both["assetClass"]["long"]["STK"] == pytest.approx(sum(values))


async def test_switching_the_account_changes_what_the_lists_show(two: Gateway) -> None:
    assert await two.post("/iserver/account", {"acctId": ACCOUNT}) == {"success": "Account already set"}
    unknown = await two.send("POST", "/iserver/account", {"acctId": "DU0000001"})
    assert (unknown.status_code, error_of(unknown)) == (500, "Invalid account ID")
    await two.quote()
    body = {"orders": [order(orderType="MKT", quantity=1)]}
    placed = await two.answered("POST", f"/iserver/account/{OTHER}/orders", body)
    order_id = int(placed.json()[0]["order_id"])
    assert (await two.get("/iserver/account/orders"))["orders"] == []
    assert await two.rows("/iserver/account/trades") == []
    assert len((await two.get(f"/iserver/account/orders?accountId={OTHER}"))["orders"]) == 1
    assert await two.post("/iserver/account", {"acctId": OTHER}) == {"set": True, "acctId": OTHER}
    listed = (await two.get("/iserver/account/orders"))["orders"]
    assert [(row["orderId"], row["acct"]) for row in listed] == [(order_id, OTHER)]
    assert [row["account"] for row in await two.rows("/iserver/account/trades")] == [OTHER]
    assert list((await two.get("/iserver/account/pnl/partitioned"))["upnl"]) in ([], [f"{OTHER}.Core"])


async def test_an_order_spends_the_cash_of_its_own_account_and_ends_only_there(two: Gateway) -> None:
    before = (await two.get(f"/simulator/state?account={ACCOUNT}"))["cash"]
    await two.quote()
    body = {"orders": [order(orderType="LMT", price=1.0, quantity=1, cOID="far")]}
    asked = (await two.answered("POST", f"/iserver/account/{OTHER}/orders", body)).json()[0]
    placed = await two.answered("POST", f"/iserver/reply/{asked['id']}", {"confirmed": True})
    order_id = placed.json()[0]["order_id"]
    wrong = await two.send("DELETE", f"/iserver/account/{ACCOUNT}/order/{order_id}")
    assert error_of(wrong) == f"OrderID {order_id} doesn't exist"
    await two.answered("DELETE", f"/iserver/account/{OTHER}/order/{order_id}")
    assert (await two.get(f"/simulator/state?account={ACCOUNT}"))["cash"] == before


async def test_what_one_account_has_promised_does_not_bind_the_other(two: Gateway) -> None:
    limit = await two.marketable_limit()
    power = (await two.get(f"/portfolio/{ACCOUNT}/summary"))["buyingpower"]["amount"]
    await two.post("/iserver/questions/suppress", {"messageIds": ["o383", "o451"]})
    large = order(price=round(0.98 * limit, 2), quantity=int(0.9 * power / limit), cOID="large")
    await two.answered("POST", f"/iserver/account/{ACCOUNT}/orders", {"orders": [large]})
    small = order(price=round(0.98 * limit, 2), quantity=10, cOID="small")
    placed = await two.answered("POST", f"/iserver/account/{OTHER}/orders", {"orders": [small]})
    assert "order_id" in placed.json()[0]


async def test_the_status_of_an_order_needs_its_account_selected(two: Gateway) -> None:
    await two.quote()
    body = {"orders": [order(orderType="MKT", quantity=1)]}
    placed = (await two.answered("POST", f"/iserver/account/{OTHER}/orders", body)).json()[0]
    address = f"/iserver/account/order/status/{placed['order_id']}"
    assert (await two.send("GET", address)).status_code == 503
    await two.post("/iserver/account", {"acctId": OTHER})
    assert (await two.get(address))["account"] == OTHER


async def test_splits_and_dividends_reach_every_account(time: FakeTime) -> None:
    scenario = scenario_file("two_accounts")
    options = Options(pacing=0, data="synthetic", scenario=scenario, as_of=date(2021, 6, 1))
    gateway = await Gateway(world_of(options, time), time).ready()

    async def state(account: str) -> tuple[int, float]:
        found = await gateway.get(f"/simulator/state?account={account}")
        row = next(one for one in found["positions"] if one["symbol"] == "AAPL")
        return int(row["quantity"]), float(found["cash"])

    before = {account: await state(account) for account in (ACCOUNT, OTHER)}
    await gateway.post("/simulator/dividend", {"symbol": "AAPL", "amount": "0.5"})
    await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "4"})
    await gateway.post("/simulator/clock", {"next_session": True})
    for account, (shares, cash) in before.items():
        assert await state(account) == (4 * shares, cash + 0.5 * shares)


async def test_performance_of_several_accounts_has_a_row_for_each(two: Gateway) -> None:
    found = await two.post("/pa/performance", {"acctIds": [OTHER, ACCOUNT], "period": "1M"})
    assert [row["id"] for row in found["nav"]["data"]] == found["included"] == [OTHER, ACCOUNT]
    assert [len(row["navs"]) for row in found["nav"]["data"]] == [len(found["nav"]["dates"])] * 2
