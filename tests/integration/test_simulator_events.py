"""What happens to the simulated account from outside, and starting over: every effect is seen through the gateway."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from api_gateway.simulator import StartError
from api_gateway.simulator.command import load_faults
from api_gateway.simulator.world import renewed
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, decimal, error_of, synthetic_world


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    gateway = Gateway(synthetic_world(time, pacing=0, as_of=date(2021, 6, 1)), time)
    return await gateway.ready()


async def held(gateway: Gateway, symbol: str = "AAPL") -> dict[str, Any]:
    rows = await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")
    return next(row for row in rows if row["description"] == symbol)


async def ledger(gateway: Gateway) -> dict[str, Any]:
    usd: dict[str, Any] = (await gateway.get(f"/portfolio/{ACCOUNT}/ledger"))["USD"]
    return usd


async def performance(gateway: Gateway) -> dict[str, Any]:
    return await gateway.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "7D"})


async def buy(gateway: Gateway, **changes: object) -> dict[str, Any]:
    await gateway.quote()
    return await gateway.place(orderType="MKT", **changes)


async def test_a_reset_is_the_world_as_at_the_start(gateway: Gateway) -> None:
    before = await gateway.get("/simulator/state")
    await buy(gateway)
    await gateway.post("/simulator/cash", {"amount": "100"})
    await gateway.post("/simulator/broker", {"dedupe": False})
    await gateway.post("/simulator/faults", {"kind": "lag", "reads": 3})
    await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "4"})
    await gateway.post("/simulator/clock", {"next_session": True})
    await gateway.post("/simulator/reset")
    after = await gateway.get("/simulator/state")
    assert {**after, "simulator": None} == {**before, "simulator": None}
    assert after["simulator"]["now"].startswith("2021-06-01T14:00")
    assert await gateway.arrivals() == []
    assert (await gateway.get("/simulator/faults"))["faults"] == []
    assert (await gateway.get("/simulator/broker"))["dedupe"] is True
    assert error_of(await gateway.send("GET", "/iserver/account/orders")) == "Please query /accounts first"


async def test_a_reset_may_change_the_day_the_account_the_broker_and_the_faults(gateway: Gateway) -> None:
    answer = await gateway.post(
        "/simulator/reset",
        {
            "as_of": "2020-03-16",
            "scenario": {"account_type": "cash", "starting_capital": "100000", "holdings": []},
            "broker": {"dedupe": False},
            "faults": [{"kind": "reject"}],
        },
    )
    assert answer["simulator"]["as_of"] == "2020-03-16"
    broker = answer["broker"]
    assert (broker["dedupe"], broker["account_type"], broker["halted"], broker["closed"]) == (False, "cash", [], False)
    state = await gateway.get("/simulator/state")
    assert decimal(state["cash"]) == 100_000
    assert state["positions"] == []
    await gateway.post("/simulator/reset")
    assert (await gateway.get("/simulator/state"))["simulator"]["as_of"] == "2021-06-01"


@pytest.mark.parametrize(
    ("body", "status"),
    [({"as_of": "2020-03-15"}, 400), ({"seed": -1}, 400), ({"scenario": {"colour": 1}}, 422), ({"pace": 1}, 422)],
)
async def test_a_reset_that_makes_no_sense_changes_nothing(
    gateway: Gateway, body: dict[str, object], status: int
) -> None:
    await buy(gateway)
    assert (await gateway.send("POST", "/simulator/reset", body)).status_code == status
    assert len(await gateway.arrivals()) == 1


async def test_a_seed_gives_other_quotes_and_the_first_one_gives_the_first_again(gateway: Gateway) -> None:
    async def quote(**change: object) -> str:
        await gateway.post("/simulator/reset", change)
        await gateway.ready()
        return str((await gateway.quote())["86"])

    first = await quote()
    assert await quote(seed=8) != first
    assert await quote() == first


async def test_pacing_is_switched_at_run_time_and_announced(time: FakeTime) -> None:
    gateway = Gateway(synthetic_world(time, pacing=1.0), time)
    await gateway.rows("/portfolio/accounts")
    assert (await gateway.send("GET", "/portfolio/accounts")).status_code == 429
    await gateway.post("/simulator/pacing", {"scale": 0})
    for _ in range(20):
        await gateway.rows("/portfolio/accounts")
    assert (await gateway.get("/iserver/auth/status"))["simulator"]["pacing"] == 0
    await gateway.post("/simulator/reset")
    assert (await gateway.get("/iserver/auth/status"))["simulator"]["pacing"] == 0
    await gateway.post("/simulator/reset", {"pacing": 1})
    await gateway.rows("/portfolio/accounts")
    assert (await gateway.send("GET", "/portfolio/accounts")).status_code == 429


async def test_a_session_lost_after_some_calls_needs_a_login(gateway: Gateway) -> None:
    await gateway.post("/simulator/faults", {"path": "/**", "kind": "session_lost", "after": 2})
    answers = [(await gateway.send("GET", f"/portfolio/{ACCOUNT}/ledger")).status_code for _ in range(4)]
    assert answers == [200, 200, 401, 401]
    assert (await gateway.get("/iserver/auth/status"))["authenticated"] is False
    await gateway.post("/simulator/login")
    assert error_of(await gateway.send("GET", "/iserver/account/orders")) == "Please query /accounts first"
    await gateway.ready()
    assert (await ledger(gateway))["cashbalance"] > 0


async def test_a_restart_of_the_gateway_loses_the_session_and_keeps_the_book(gateway: Gateway) -> None:
    accepted = await buy(gateway)
    question = await gateway.place(price=1.0, cOID="two")
    await gateway.post("/simulator/restart")
    assert (await gateway.send("GET", "/iserver/accounts")).status_code == 401
    await gateway.post("/simulator/login")
    await gateway.get("/iserver/accounts")
    reply = await gateway.send("POST", f"/iserver/reply/{question['id']}", {"confirmed": True})
    assert "reply id not found" in error_of(reply)
    assert (await gateway.get("/iserver/account/orders"))["snapshot"] is False
    rows = (await gateway.get("/iserver/account/orders"))["orders"]
    assert [str(row["orderId"]) for row in rows] == [accepted["order_id"]]
    assert "31" not in (await gateway.rows(f"/iserver/marketdata/snapshot?conids={AAPL}&fields=31"))[0]


async def test_a_restart_may_come_with_a_login(gateway: Gateway) -> None:
    assert (await gateway.post("/simulator/restart", {"login": True})) == {"loggedIn": True}
    await gateway.get("/iserver/accounts")


async def test_the_owners_order_in_another_program_is_an_order_without_our_reference(gateway: Gateway) -> None:
    before = await held(gateway)
    bought = await gateway.post("/simulator/external-order", {"symbol": "AAPL", "side": "BUY", "quantity": 7})
    assert (bought["state"], bought["filledQuantity"]) == ("Filled", 7)
    await gateway.post(
        "/simulator/external-order", {"symbol": "KO", "side": "SELL", "quantity": 1, "order_ref": "phone"}
    )
    rows = (await gateway.get("/iserver/account/orders"))["orders"]
    assert [row.get("order_ref") for row in rows] == [None, "phone"]
    assert [row["order_ref"] for row in await gateway.rows("/iserver/account/trades")] == ["phone", None]
    assert (await held(gateway))["position"] - before["position"] == 7
    records = await gateway.get("/simulator/orders")
    assert records["orders"] == []
    assert [row["symbol"] for row in records["external"]] == ["AAPL", "KO"]


async def test_an_order_elsewhere_obeys_the_broker_too(gateway: Gateway) -> None:
    order = {"symbol": "AAPL", "side": "SELL", "quantity": 1_000_000}
    assert "sell short" in error_of(await gateway.send("POST", "/simulator/external-order", order))
    unknown = await gateway.send("POST", "/simulator/external-order", {**order, "symbol": "NONE"})
    assert (unknown.status_code, error_of(unknown)) == (400, "unknown symbol NONE")


async def test_a_deposit_and_a_withdrawal_move_cash_and_are_no_return(gateway: Gateway) -> None:
    before = await ledger(gateway)
    await gateway.post("/simulator/cash", {"amount": "50000"})
    await gateway.post("/simulator/cash", {"amount": "-20000"})
    after = await ledger(gateway)
    assert after["cashbalance"] - before["cashbalance"] == pytest.approx(30_000)
    assert after["settledcash"] - before["settledcash"] == pytest.approx(30_000)
    await gateway.post("/simulator/clock", {"next_session": True})
    after_deposit = await performance(gateway)
    await gateway.post("/simulator/reset")
    await gateway.ready()
    await gateway.post("/simulator/clock", {"next_session": True})
    without = await performance(gateway)
    navs, plain = (found["nav"]["data"][0]["navs"] for found in (after_deposit, without))
    assert navs[-1] - plain[-1] == pytest.approx(30_000)
    assert navs[:-1] == plain[:-1]
    returns = [found["cps"]["data"][0]["returns"][-1] for found in (after_deposit, without)]
    assert returns[0] == pytest.approx(returns[1], abs=1e-5)


async def test_a_dividend_is_cash_and_is_a_return(gateway: Gateway) -> None:
    quantity = decimal((await held(gateway))["position"])
    paid = await gateway.post("/simulator/dividend", {"symbol": "AAPL", "amount": "0.5"})
    assert decimal(paid["paid"]) == quantity / 2
    before = await ledger(gateway)
    await gateway.post("/simulator/clock", {"next_session": True})
    assert (await ledger(gateway))["cashbalance"] == before["cashbalance"]


async def _listed(gateway: Gateway) -> list[tuple[str, float]]:
    body = {"acctIds": [ACCOUNT], "conids": [AAPL], "days": 10}
    rows = (await gateway.post("/pa/transactions", body))["transactions"]
    return [(row["type"], row["amt"]) for row in rows]


async def test_cash_is_listed_among_the_transactions_as_late_and_as_often_as_it_is_told(gateway: Gateway) -> None:
    quantity = float(decimal((await held(gateway))["position"]))
    await gateway.post("/simulator/dividend", {"symbol": "AAPL", "amount": "0.5"})
    await gateway.post("/simulator/dividend", {"symbol": "KO", "amount": "0.5"})
    for row in ({}, {"late": 1}, {"late": None}, {"times": 2}):
        await gateway.post("/simulator/cash", {"amount": "-7.5", "kind": "fee", "row": row})
    before = await ledger(gateway)
    await gateway.post("/simulator/cash", {"amount": "900", "moves": False})
    assert (await ledger(gateway))["cashbalance"] == before["cashbalance"]
    fee = ("Other Fees", -7.5)
    told = [("Dividend Payment", quantity / 2), fee, fee, fee]
    assert await _listed(gateway) == [*told, ("Deposit", 900.0)]
    await gateway.post("/simulator/clock", {"next_session": True})
    assert sorted(await _listed(gateway)) == sorted([*told, fee, ("Deposit", 900.0)])


async def _history(gateway: Gateway) -> list[float]:
    chart = await gateway.get(f"/iserver/marketdata/history?conid={AAPL}&period=1m&bar=1d")
    return [bar["c"] for bar in chart["data"]]


async def test_a_split_takes_effect_over_night_on_everything(gateway: Gateway) -> None:
    await buy(gateway)
    await gateway.rows(f"/portfolio2/{ACCOUNT}/positions")
    plan = await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "4"})
    assert plan["session"] == "2021-06-02"
    before, bars, other = await held(gateway), await _history(gateway), await held(gateway, "KO")
    await gateway.post("/simulator/clock", {"next_session": True})
    after, new_bars = await held(gateway), await _history(gateway)
    assert after["position"] == 4 * before["position"]
    assert after["avgCost"] == pytest.approx(before["avgCost"] / 4)
    assert after["marketPrice"] == pytest.approx(before["marketPrice"] / 4, rel=0.15)
    # The last bar of the day before was still forming; it is left out of the comparison.
    assert new_bars[-20:-2] == pytest.approx([close / 4 for close in bars[-19:-1]], abs=1e-3)
    assert (await held(gateway, "KO"))["position"] == other["position"]
    assert len(await gateway.rows("/iserver/account/trades?days=7")) == 1


async def test_the_history_of_net_asset_values_knows_no_split(gateway: Gateway) -> None:
    async def navs(split: bool) -> list[float]:
        await gateway.post("/simulator/reset")
        await gateway.ready()
        await buy(gateway)
        if split:
            await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "4"})
        await gateway.post("/simulator/clock", {"next_session": True})
        return [float(nav) for nav in (await performance(gateway))["nav"]["data"][0]["navs"]]

    assert await navs(split=True) == pytest.approx(await navs(split=False))


async def test_a_reverse_split_pays_fractions_in_cash(gateway: Gateway) -> None:
    before, cash = await held(gateway), (await ledger(gateway))["cashbalance"]
    await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "0.1"})
    await gateway.post("/simulator/clock", {"next_session": True})
    after = await held(gateway)
    assert after["position"] == before["position"] // 10
    fraction = before["position"] / 10 - after["position"]
    paid = (await ledger(gateway))["cashbalance"] - cash
    assert fraction > 0
    assert paid == pytest.approx(fraction * after["marketPrice"], rel=0.15)


async def test_a_split_ends_what_still_works_for_the_symbol(gateway: Gateway) -> None:
    await gateway.post("/iserver/questions/suppress", {"messageIds": ["o163", "o354"]})
    await gateway.place(price=1.0, tif="GTC")
    await gateway.post("/simulator/split", {"symbol": "AAPL", "ratio": "2"})
    await gateway.post("/simulator/clock", {"next_session": True})
    assert [(row["state"], row["text"]) for row in await gateway.arrivals()] == [("Cancelled", "corporate action")]


async def test_in_a_cash_account_todays_proceeds_buy_nothing_before_they_settle(gateway: Gateway) -> None:
    await gateway.post("/simulator/broker", {"account_type": "cash"})
    spendable = (await ledger(gateway))["settledcash"]
    quantity = int((await held(gateway))["position"])
    await buy(gateway, side="SELL", quantity=quantity)
    after = await ledger(gateway)
    assert after["settledcash"] == pytest.approx(spendable)
    assert after["cashbalance"] > spendable
    summary = await gateway.get(f"/portfolio/{ACCOUNT}/summary")
    assert summary["tradingtype-s"]["value"] == "STKCASH"
    assert summary["buyingpower"]["amount"] == summary["availablefunds"]["amount"] == pytest.approx(spendable, abs=0.01)
    price = float((await gateway.quote())["86"])
    too_many = int(spendable / price) + 1
    assert "SETTLED CASH" in error_of(await gateway.submit(price=price, quantity=too_many, cOID="two"))
    await gateway.post("/simulator/clock", {"next_session": True})
    assert (await ledger(gateway))["settledcash"] == pytest.approx(after["cashbalance"])


async def test_settled_cash_is_spent_once(gateway: Gateway) -> None:
    await gateway.post("/simulator/broker", {"account_type": "cash"})
    price = float((await gateway.quote())["86"])
    most = int((await ledger(gateway))["settledcash"] * 0.9 / price)
    assert "order_id" in await buy(gateway, quantity=most, cOID="one")
    assert "SETTLED CASH" in error_of(await gateway.submit(price=price, quantity=most, cOID="two"))


async def test_a_reset_draws_no_prices_again(gateway: Gateway) -> None:
    market = gateway.world.market
    path = market.path(AAPL, 100)
    answer = await gateway.post("/simulator/reset")
    assert answer["simulator"]["seed"] == 7
    assert market.path(AAPL, 100) is path
    assert renewed(gateway.world, gateway.world.options, gateway.world.scenario).market is market


def test_faults_of_a_file_are_in_force_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- {kind: lag, reads: 2}\n- {path: /tickle, kind: cut_before, after: 1}\n")
    assert [rule.after for rule in load_faults(file)] == [0, 1]


@pytest.mark.parametrize("content", ["- {kind: explode}", "kind: lag", "- {kind: lag, reads: -1}", "[", "- {path: /x}"])
def test_a_wrong_file_of_faults_refuses_the_start_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(content)
    with pytest.raises(StartError, match=r"faults.*faults\.yaml") as refusal:
        load_faults(file)
    assert "\n" not in str(refusal.value)
