"""easyib, a small client that many scripts use, before the simulator: it reads an account and trades in it."""

import asyncio
from collections.abc import Callable
from typing import Any

import requests
from easyib import REST

from api_gateway.simulator import Options, create_app
from tests.support.serving import served
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, decimal, world_of


async def beside(work: Callable[[Any], None]) -> None:
    """Runs the work in a thread, for the client blocks, and the simulator on a socket meanwhile."""
    world = world_of(Options(pacing=0, data="synthetic"), FakeTime())

    async with served(create_app(world)) as address:
        await asyncio.to_thread(lambda: work(REST(url=address)))


async def test_the_account_its_cash_its_positions_and_bars_are_read() -> None:
    def work(client: Any) -> None:  # noqa: ANN401 it has no types
        assert client.id == ACCOUNT
        assert client.get_auth_status()["authenticated"] is True
        assert client.get_netvalue() > client.get_cash() > 0
        assert client.get_portfolio()["AAPL"] > 0
        assert client.get_conid("AAPL") == AAPL
        bars = client.get_bars("AAPL", period="1m", bar="1d")
        assert bars["points"] == len(bars["data"]) >= 19

    await beside(work)


async def test_before_the_accounts_were_asked_for_it_shows_the_gateways_refusal() -> None:
    def work(client: Any) -> None:  # noqa: ANN401
        assert "query /accounts first" in client.get_live_orders()["error"]

    await beside(work)


async def test_an_order_is_placed_through_its_questions_changed_and_cancelled() -> None:
    def work(client: Any) -> None:  # noqa: ANN401
        primed(client)
        price = float(decimal(client.get_bars("AAPL", period="1w", bar="1d")["data"][-1]["c"]))
        order = {"conid": AAPL, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1}
        far = [order | {"price": round(price * 1.2, 2)}]
        assert client.submit_orders(far, reply_yes=False)["messageIds"] == ["o163"]
        assert client.get_order(client.submit_orders(far)["order_id"])["order_status"] == "Filled"
        placed = client.submit_orders([order | {"price": round(price * 0.9, 2), "cOID": "one"}])
        number = placed["order_id"]
        assert client.get_order(number)["order_status"] == "Submitted"
        client.modify_order(number, order | {"price": round(price * 0.9, 2), "cOID": "one", "quantity": 2})
        listed = [client.get_live_orders() for _ in range(2)][-1]["orders"]
        assert {str(row["orderId"]): row["totalSize"] for row in listed}[number] == 2.0
        assert client.cancel_order(number)["msg"] == "Request was submitted"
        assert client.get_order(number)["order_status"] == "Cancelled"

    await beside(work)


def primed(client: Any) -> None:  # noqa: ANN401
    """What it leaves to its user."""
    requests.get(f"{client.url}iserver/accounts", timeout=20)
