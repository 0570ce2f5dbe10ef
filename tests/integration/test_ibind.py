"""Another client of the gateway does before the simulator what a desk does: it reads an account and trades in it.

ibind was written against the real gateway by others, so that a misreading of it that simulator and client of this
project share would show here.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from api_gateway.simulator import Options, create_app
from tests.integration.ibind_library import loaded
from tests.support.serving import served
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, world_of

FIELDS: Final = ["31", "84", "86", "7741", "55", "6509", "7762"]


@pytest.fixture
def ibind() -> Any:  # noqa: ANN401 it has no types
    return loaded()


@contextmanager
def client(ibind: Any, address: str) -> Iterator[Any]:  # noqa: ANN401
    found = ibind.IbkrClient(account_id=ACCOUNT, url=f"{address}/v1/api/", max_retries=0, auto_register_shutdown=False)
    try:
        yield found
    finally:
        found.close_session()


async def beside(ibind: Any, work: Callable[[Any], None], **options: Any) -> None:  # noqa: ANN401
    """Runs the work in a thread, for the client blocks, and the simulator on a socket meanwhile."""
    world = world_of(Options(pacing=0, data="synthetic", **options), FakeTime())

    async with served(create_app(world)) as address:

        def worked() -> None:
            with client(ibind, address) as found:
                # What every client is told to ask first.
                found.receive_brokerage_accounts()
                work(found)

        await asyncio.to_thread(worked)


def quoted(client: Any, conid: int) -> dict[str, Any]:  # noqa: ANN401
    rows: list[dict[str, Any]] = []
    for _ in range(3):
        rows = client.live_marketdata_snapshot(str(conid), FIELDS).data
    return rows[0]


def ordered(ibind: Any, side: str, quantity: int, price: float, coid: str) -> Any:  # noqa: ANN401
    return ibind.OrderRequest(
        conid=AAPL, side=side, quantity=quantity, order_type="LMT", acct_id=ACCOUNT, price=price, tif="DAY", coid=coid
    )


async def test_the_session_is_alive_and_the_accounts_are_listed(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        assert client.check_health() is True
        assert client.check_auth_status() is True
        assert client.validate().data["RESULT"] is True
        assert client.receive_brokerage_accounts().data["accounts"] == [ACCOUNT]
        assert [row["accountId"] for row in client.portfolio_accounts().data] == [ACCOUNT]

    await beside(ibind, work)


async def test_positions_summary_and_ledger_are_read(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        client.portfolio_accounts()
        near, paged = client.positions2().data, client.positions(page=0).data
        assert {int(row["conid"]) for row in near} == {row["conid"] for row in paged}
        assert AAPL in {row["conid"] for row in paged}
        assert client.portfolio_summary().data["netliquidation"]["amount"] > 0
        assert client.get_ledger().data["BASE"]["cashbalance"] > 0
        assert client.account_performance([ACCOUNT], "1Y").data["nav"]["data"][0]["navs"]

    await beside(ibind, work)


async def test_contracts_quotes_and_bars_are_found(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        # Its default filter asks for US listings, and takes exactly one.
        assert client.stock_conid_by_symbol("AAPL").data == {"AAPL": AAPL}
        assert client.security_definition_by_conid([str(AAPL)]).data["secdef"][0]["currency"] == "USD"
        assert client.contract_information_by_conid(str(AAPL)).data["con_id"] == AAPL
        rules = client.search_contract_rules(str(AAPL), is_buy=True).data
        assert (rules["sizeIncrement"], rules["priceMagnifier"], rules["canTradeAcctIds"]) == (100, None, [ACCOUNT])
        row = quoted(client, AAPL)
        assert float(row["84"]) < float(row["86"])
        bars = client.marketdata_history_by_symbol("AAPL", bar="1d", period="1m").data
        assert bars["symbol"] == "AAPL"
        assert len(bars["data"]) >= 19

    await beside(ibind, work)


async def test_an_order_is_previewed_placed_filled_and_found_among_orders_and_trades(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        order = ordered(ibind, "BUY", 10, float(quoted(client, AAPL)["86"]), "one")
        preview = client.whatif_order(order, ACCOUNT).data
        assert preview["error"] is None
        assert preview["amount"]["amount"].endswith("USD (10 Shares)")
        placed = client.place_order(order, {}, ACCOUNT).data
        number = placed["order_id"]
        assert client.order_status(number).data["order_status"] == "Filled"
        # The first of each list is empty; asked again, it is not.
        orders = [client.live_orders().data for _ in range(2)][-1]
        assert orders["snapshot"] is True
        assert [(str(row["orderId"]), row["order_ref"]) for row in orders["orders"]] == [(number, "one")]
        trades = [client.trades(days="7").data for _ in range(2)][-1]
        assert [(str(row["order_id"]), row["side"], row["size"]) for row in trades] == [(number, "B", 10.0)]

    await beside(ibind, work)


async def test_questions_are_answered_by_their_words_one_after_the_other(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        far = round(float(quoted(client, AAPL)["86"]) * 1.2, 2)
        kinds = ibind.QuestionType
        answers = {kinds.PRICE_PERCENTAGE_CONSTRAINT: True, kinds.ORDER_VALUE_LIMIT: True}
        placed = client.place_order(ordered(ibind, "BUY", 10, far, "one"), answers, ACCOUNT).data
        assert placed["order_status"] in ("Filled", "Submitted", "PreSubmitted")
        with pytest.raises(ValueError, match="No answer found"):
            client.place_order(ordered(ibind, "BUY", 10, far, "two"), {}, ACCOUNT)

    await beside(ibind, work)


async def test_a_working_order_is_changed_and_cancelled_and_an_id_is_taken_once(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        bid = float(quoted(client, AAPL)["84"])
        away = ordered(ibind, "BUY", 10, round(bid * 0.98, 2), "one")
        placed = client.place_order(away, {}, ACCOUNT).data
        number = placed["order_id"]
        with pytest.raises(ibind.support.errors.ExternalBrokerError, match="already registered"):
            client.place_order(away, {}, ACCOUNT)
        client.modify_order(number, ordered(ibind, "BUY", 12, round(bid * 0.98, 2), "one"), {}, ACCOUNT)
        assert float(client.order_status(number).data["total_size"]) == 12
        assert client.cancel_order(number, ACCOUNT).data["msg"] == "Request was submitted"
        assert client.order_status(number).data["order_status"] == "Cancelled"

    await beside(ibind, work)


async def test_a_lost_bridge_is_told_and_opened_again(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        client.post("../../simulator/session", {"event": "bridge_lost"})
        assert client.check_health() is False
        with pytest.raises(ibind.support.errors.ExternalBrokerError, match="no bridge"):
            client.live_orders()
        client.initialize_brokerage_session()
        for _ in range(3):
            client.tickle()
        assert client.check_auth_status() is True

    await beside(ibind, work)


async def test_a_watchlist_is_made_and_read_and_ibinds_deletion_is_refused(ibind: Any) -> None:  # noqa: ANN401
    def work(client: Any) -> None:  # noqa: ANN401
        client.create_watchlist("7", "mine", [{"C": AAPL}])
        assert [row["id"] for row in client.get_all_watchlists().data["data"]["user_lists"]] == ["7"]
        assert client.get_watchlist_information("7").data["instruments"][0]["conid"] == AAPL
        # It sends the id in the body, where the documentation has it in the query.
        with pytest.raises(ibind.support.errors.ExternalBrokerError, match="id is required"):
            client.delete_watchlist("7")

    await beside(ibind, work)
