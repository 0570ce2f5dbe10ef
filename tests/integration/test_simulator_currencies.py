"""A simulated account in euros that holds shares in dollars."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from api_gateway.simulator import Options
from api_gateway.simulator.exchange.currencies import CURRENCIES, ExchangeRates
from api_gateway.simulator.scenario import scenario_file
from tests.unit.simulator.worlds import AAPL, FakeTime, Gateway, error_of, order, world_of

ACCOUNT = "DU7654323"
AS_OF = date(2022, 3, 14)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def opened(time: FakeTime, scenario: str = "euro", seed: int = 7) -> Gateway:
    options = Options(AS_OF, seed, 0, data="synthetic", scenario=scenario_file(scenario))
    return Gateway(world_of(options, time), time)


@pytest.fixture
async def euro(time: FakeTime) -> Gateway:
    return await opened(time).ready()


async def ledger(gateway: Gateway) -> dict[str, Any]:
    return await gateway.get(f"/portfolio/{ACCOUNT}/ledger")


async def test_the_ledger_has_a_row_for_each_currency_and_their_sum_in_base(euro: Gateway) -> None:
    rows = await ledger(euro)
    assert list(rows) == ["EUR", "USD", "BASE"]
    rate = rows["USD"]["exchangerate"]
    assert 0.5 < rate < 1.5
    assert rate != 1
    assert (rows["EUR"]["exchangerate"], rows["BASE"]["exchangerate"]) == (1, 1)
    assert rows["EUR"]["stockmarketvalue"] == 0 < rows["USD"]["stockmarketvalue"]
    for name in ("cashbalance", "settledcash", "stockmarketvalue", "netliquidationvalue", "unrealizedpnl"):
        assert rows["BASE"][name] == pytest.approx(rows["EUR"][name] + rate * rows["USD"][name])


async def test_the_summary_is_in_base_and_agrees_with_the_ledger(euro: Gateway) -> None:
    total, summary = (await ledger(euro))["BASE"], await euro.get(f"/portfolio/{ACCOUNT}/summary")
    assert summary["netliquidation"]["currency"] == "EUR"
    assert summary["netliquidation"]["amount"] == pytest.approx(total["netliquidationvalue"], abs=0.005)
    assert summary["totalcashvalue"]["amount"] == pytest.approx(total["cashbalance"], abs=0.005)
    assert (await euro.rows("/portfolio/accounts"))[0]["currency"] == "EUR"
    balances = (await euro.get(f"/iserver/account/{ACCOUNT}/summary"))["cashBalances"]
    assert [row["currency"] for row in balances] == ["EUR", "USD", "Total (in EUR)"]
    assert list(await euro.get(f"/iserver/account/{ACCOUNT}/summary/market_value")) == ["EUR", "USD"]
    assert (await euro.get(f"/iserver/account/{ACCOUNT}/summary/margins"))["total"]["RegT Margin"].endswith(" EUR")


async def test_positions_are_in_dollars_and_have_every_amount_in_base_too(euro: Gateway) -> None:
    rate = (await ledger(euro))["USD"]["exchangerate"]
    await euro.rows(f"/portfolio/{ACCOUNT}/positions/0")
    rows = await euro.rows(f"/portfolio/{ACCOUNT}/positions/0")
    assert len(rows) == 6
    for row in rows:
        assert row["currency"] == "USD"
        for name in ("MktValue", "MktPrice", "AvgCost", "AvgPrice", "UnrealizedPnl"):
            assert row[f"base{name}"] == pytest.approx(rate * row[f"{name[0].lower()}{name[1:]}"])
    allocation = await euro.get(f"/portfolio/{ACCOUNT}/allocation")
    assert allocation["assetClass"]["long"]["STK"] == pytest.approx(sum(row["baseMktValue"] for row in rows))


async def test_the_rate_is_told_in_both_directions_and_is_the_ledgers(euro: Gateway) -> None:
    told = await euro.get("/iserver/exchangerate?source=USD&target=EUR")
    assert told == {"rate": (await ledger(euro))["USD"]["exchangerate"], "simulator": {"fictional": ["rate"]}}
    back = await euro.get("/iserver/exchangerate?source=EUR&target=USD")
    assert back["rate"] * told["rate"] == pytest.approx(1, abs=1e-5)
    unknown = await euro.send("GET", "/iserver/exchangerate?source=JPY&target=EUR")
    assert (unknown.status_code, "JPY to EUR" in error_of(unknown)) == (500, True)


async def test_invented_rates_are_said_to_be_and_an_account_in_dollars_has_none(time: FakeTime, euro: Gateway) -> None:
    assert (await ledger(euro))["USD"]["simulator"] == {"fictional": ["exchangerate"]}
    assert (await euro.get("/simulator/state"))["simulator"]["fictional"] == ["exchange_rates"]
    dollars = await opened(time, "default").ready()
    state = await dollars.get("/simulator/state")
    assert not {"fictional"} & state["simulator"].keys()
    assert "currencies" not in state
    assert (await dollars.send("GET", "/iserver/exchangerate?source=USD&target=EUR")).status_code == 500
    assert (await dollars.send("POST", "/simulator/cash", {"amount": "1", "currency": "EUR"})).status_code == 400


async def buy(gateway: Gateway, quantity: int) -> dict[str, Any]:
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o383", "o451"]})
    limit = await gateway.marketable_limit()
    body = {"orders": [order(price=limit, quantity=quantity)]}
    answer = (await gateway.answered("POST", f"/iserver/account/{ACCOUNT}/orders", body)).json()
    return answer if isinstance(answer, dict) else dict(answer[0])


async def test_a_margin_account_without_enough_dollars_is_lent_them(euro: Gateway) -> None:
    before = await ledger(euro)
    quantity = int(1.2 * before["USD"]["cashbalance"] / await euro.marketable_limit())
    assert "order_id" in await buy(euro, quantity)
    after = await ledger(euro)
    assert after["USD"]["cashbalance"] < 0
    assert after["EUR"]["cashbalance"] == before["EUR"]["cashbalance"]
    power = (await euro.get(f"/portfolio/{ACCOUNT}/summary"))["buyingpower"]["amount"]
    limit, rate = await euro.marketable_limit(), after["USD"]["exchangerate"]
    await euro.post("/iserver/questions/suppress", {"messageIds": ["o383", "o451"]})
    body = {"orders": [order(price=limit, quantity=int(1.05 * power / rate / limit), cOID="too much")]}
    refused = await euro.answered("POST", f"/iserver/account/{ACCOUNT}/orders", body)
    assert f"BUYING POWER [{power:.2f} EUR]" in refused.json()["error"]


async def test_a_cash_account_spends_the_dollars_that_it_has_and_no_euro(euro: Gateway) -> None:
    await euro.post("/simulator/broker", {"account_type": "cash"})
    rows = await ledger(euro)
    price = await euro.marketable_limit()
    affordable = int(rows["USD"]["settledcash"] / price)
    refused = await buy(euro, affordable + 1)
    assert f"ONLY SETTLED CASH [{rows['USD']['settledcash']:.2f} USD]" in refused["error"]
    assert "order_id" in await buy(euro, affordable - 1)
    assert (await ledger(euro))["USD"]["cashbalance"] >= 0


async def test_a_preview_costs_dollars_and_weighs_on_the_margin_in_euros(euro: Gateway) -> None:
    rate = Decimal(str((await ledger(euro))["USD"]["exchangerate"]))
    body = {"orders": [order(price=100.0, quantity=10)]}
    found = await euro.post(f"/iserver/account/{ACCOUNT}/orders/whatif", body)
    assert found["amount"] == {"amount": "1,000 USD (10 Shares)", "commission": "1 USD", "total": "1,001 USD"}
    assert found["initial"]["change"] == f"{500 * rate:.2f} EUR"
    assert found["equity"]["change"] == f"{-rate:.2f} EUR"


async def test_performance_is_in_base_and_moves_with_the_rate(euro: Gateway) -> None:
    world = euro.world
    found = await euro.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1Y"})
    navs = found["nav"]["data"][0]
    assert navs["baseCurrency"] == "EUR"
    row = world.moment().completed
    marks = {one.contract.conid: Decimal(str(world.market.closes(one.contract.conid)[row])) for one in positions(euro)}
    balances = world.book.balances(marks, row)
    rate = world.rates.at_close("USD", row)
    worth = balances["EUR"].net_liquidation + rate * balances["USD"].net_liquidation
    assert navs["navs"][-1] == pytest.approx(float(worth), abs=0.01)
    bought = await euro.post("/pa/transactions", {"acctIds": [ACCOUNT], "conids": [AAPL], "days": 400})
    assert [one["cur"] for one in bought["transactions"]] == ["USD"]
    assert bought["transactions"][0]["fxRate"] == float(world.rates.at_close("USD", world.book.since))


def positions(gateway: Gateway) -> tuple[Any, ...]:
    return gateway.world.book.positions()


async def test_money_from_outside_arrives_in_its_own_currency(euro: Gateway) -> None:
    before = await ledger(euro)
    await euro.post("/simulator/cash", {"amount": "1000"})
    await euro.post("/simulator/cash", {"amount": "500", "currency": "USD"})
    await euro.post("/simulator/cash", {"amount": "70", "currency": "GBP"})
    paid = await euro.post("/simulator/dividend", {"symbol": "AAPL", "amount": "1"})
    after = await ledger(euro)
    assert after["EUR"]["cashbalance"] - before["EUR"]["cashbalance"] == pytest.approx(1000)
    assert after["USD"]["cashbalance"] - before["USD"]["cashbalance"] == pytest.approx(500 + float(paid["paid"]))
    assert after["GBP"]["cashbalance"] == 70
    earlier = await euro.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "7D"})
    await euro.post("/simulator/clock", {"next_session": True})
    later = await euro.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "7D"})
    assert later["nav"]["data"][0]["navs"][-2] == earlier["nav"]["data"][0]["navs"][-1]


def test_rates_are_the_same_for_a_seed_follow_no_price_and_end_each_session_at_its_close(time: FakeTime) -> None:
    world, again, other = (opened(time, seed=seed).world for seed in (7, 7, 8))
    closes = world.rates.closes("USD")
    assert np.array_equal(closes, again.rates.closes("USD"))
    assert not np.array_equal(closes, other.rates.closes("USD"))
    assert 0.003 < float(np.diff(np.log(closes)).std()) < 0.007
    assert 0.5 < closes.min() < closes.max() < 1.5
    calendar, row = world.market.calendar, world.moment().session
    evening = calendar.moment(calendar.closing(row))
    assert world.rates.rate("USD", evening) == world.rates.at_close("USD", row)
    opening = calendar.moment(calendar.opening(row))
    assert world.rates.rate("USD", opening) == world.rates.at_close("USD", row - 1)
    assert world.rates.rate("USD", world.moment()) not in (
        world.rates.at_close("USD", row),
        world.rates.at_close("USD", row - 1),
    )


def test_rates_between_any_two_currencies_do_not_contradict_each_other(time: FakeTime) -> None:
    world = opened(time).world
    moment = world.moment()
    for base in CURRENCIES[1:]:
        rates = ExchangeRates(base, world.market)
        for one in CURRENCIES:
            assert rates.cross(one, one, moment) == 1
            for other in CURRENCIES:
                through = rates.cross(one, "USD", moment) * rates.cross("USD", other, moment)
                assert float(rates.cross(one, other, moment)) == pytest.approx(float(through), abs=3e-6)
