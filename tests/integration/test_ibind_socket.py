"""ibind's streaming client before the simulator, over TLS as before the gateway: what is asked for arrives."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from api_gateway.simulator import Options, create_app
from tests.integration.ibind_library import loaded
from tests.support.certificates import identity
from tests.support.serving import served_beside
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, world_of

FIELDS: Final = ["31", "84", "86", "6509"]
# Seconds that a message may take on a busy machine; it is waited for, not slept for.
SOON: Final = 60.0


class Streaming:
    """The client, connected, with a queue for each kind of event."""

    def __init__(self, ibind: Any, client: Any, address: str, certificate: Path) -> None:  # noqa: ANN401 it has no types
        self.ibind = ibind
        self.client = client
        self._queues = ibind.QueueSink()
        self.socket = ibind.IbkrWsClient(
            account_id=ACCOUNT,
            url=f"{address.replace('https', 'wss')}/v1/api/ws",
            ibkr_client=client,
            cacert=str(certificate),
            sink=self._queues,
            synchronous_output_events=True,
        )

    def subscribed(self, name: str, **parameters: object) -> Any:  # noqa: ANN401
        subscription = getattr(self.ibind.subscriptions, f"{name}Subscription")(**parameters)
        assert self.socket.subscribe(subscription).wait(SOON), name
        return subscription

    def heard(self, name: str, wanted: Callable[[Any], bool]) -> Any:  # noqa: ANN401
        """The first event of the kind that is as wanted."""
        kind = getattr(self.ibind.events, name)
        while True:
            event = self._queues.get(kind, block=True, timeout=SOON)
            assert event is not None, f"no such {name}"
            if wanted(event):
                return event


def having(field: str) -> Callable[[Any], bool]:
    return lambda event: field in event.data


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streaming]:
    ibind = loaded()
    world = world_of(Options(pacing=0, data="synthetic"), FakeTime())
    certificate = identity("gateway").save(tmp_path_factory.mktemp("tls"), "gateway")
    with served_beside(create_app(world), certificate) as address:
        client = ibind.IbkrClient(
            account_id=ACCOUNT,
            url=f"{address}/v1/api/",
            cacert=str(certificate),
            max_retries=0,
            auto_register_shutdown=False,
            use_session=False,
        )
        client.receive_brokerage_accounts()
        found = Streaming(ibind, client, address, certificate)
        try:
            # It gives up waiting after five seconds, and goes on connecting.
            connected = found.socket.start() or found.heard("AuthenticationStatus", lambda event: event.authenticated)
            assert connected
            yield found
        finally:
            found.socket.shutdown()
            client.close_session()


def test_a_connection_is_known_by_its_cookie_and_told_its_accounts(streaming: Streaming) -> None:
    assert streaming.socket.is_authenticated()
    assert streaming.heard("AccountUpdate", lambda event: True).data["selectedAccount"] == ACCOUNT


def test_a_ping_is_answered_with_the_session(streaming: Streaming) -> None:
    assert streaming.socket.tic()["id"] == streaming.client.tickle().data["session"]


def test_quotes_arrive_and_again_when_the_market_moves(streaming: Streaming) -> None:
    asked = streaming.subscribed("MarketData", conid=str(AAPL), fields=FIELDS)
    first = streaming.heard("MarketData", lambda event: "bid_price" in event.data)
    assert first.conid == str(AAPL)
    assert float(first.data["bid_price"]) < float(first.data["ask_price"])
    streaming.client.post("../../simulator/clock", {"advance_seconds": 600})
    again = streaming.heard("MarketData", lambda event: "last_price" in event.data)
    assert again.data["last_price"] != first.data["last_price"]
    streaming.socket.unsubscribe(asked).wait(SOON)


def test_an_order_arrives_as_order_as_trade_and_in_profit_and_loss(streaming: Streaming) -> None:
    for name in ("Orders", "Trades", "Pnl"):
        streaming.subscribed(name)
    before = streaming.heard("Pnl", lambda event: True).data["args"][f"{ACCOUNT}.Core"]
    rows = [streaming.client.live_marketdata_snapshot(str(AAPL), FIELDS).data for _ in range(3)][-1]
    order = streaming.ibind.OrderRequest(
        conid=AAPL,
        side="BUY",
        quantity=10,
        order_type="LMT",
        acct_id=ACCOUNT,
        price=float(rows[0]["86"]),
        tif="DAY",
        coid="streamed",
    )
    number = streaming.client.place_order(order, {}, ACCOUNT).data["order_id"]
    filled = streaming.heard("Orders", lambda event: event.data["args"][0].get("status") == "Filled").data["args"][0]
    assert (str(filled["orderId"]), filled["order_ref"], filled["filledQuantity"]) == (number, "streamed", 10.0)
    trade = streaming.heard("Trades", lambda event: event.data["args"] != []).data["args"][0]
    assert (str(trade["order_id"]), trade["side"], trade["size"]) == (number, "B", 10.0)
    assert "commission" not in trade
    charged = streaming.heard("Trades", lambda event: event.data["args"] != []).data["args"][0]
    assert charged["execution_id"] == trade["execution_id"]
    assert float(charged["commission"]) > 0
    streaming.client.post("../../simulator/session-clock", {"advance_seconds": 1})
    after = streaming.heard("Pnl", lambda event: True).data["args"][f"{ACCOUNT}.Core"]
    assert after["mv"] > before["mv"]


def test_balances_arrive_and_end_with_a_word(streaming: Streaming) -> None:
    for name, wanted in (("AccountSummary", "NetLiquidation"), ("AccountLedger", "cashbalance")):
        asked = streaming.subscribed(name, account_id=ACCOUNT)
        event = streaming.heard(name, having(wanted))
        assert event.account_id == ACCOUNT
        assert streaming.socket.unsubscribe(asked).wait(SOON)


def test_a_chart_arrives_once_and_its_place_is_given_back(streaming: Streaming) -> None:
    asked = streaming.subscribed("MarketHistory", conid=str(AAPL), period="1w", bar="1d")
    event = streaming.heard("MarketHistory", lambda event: True)
    assert (event.conid, event.data["symbol"], len(event.data["data"])) == (str(AAPL), "AAPL", event.data["points"])
    assert streaming.socket.unsubscribe(asked).wait(SOON)


def test_bulletins_and_notifications_are_heard(streaming: Streaming) -> None:
    streaming.client.post("../../simulator/notify", {"kind": "bulletin", "text": "The exchange is late."})
    assert streaming.heard("Bulletin", lambda event: True).data["args"][0]["message"] == "The exchange is late."
    streaming.client.post("../../simulator/notify", {"kind": "notification", "text": "Filled.", "title": "Order"})
    assert streaming.heard("Notification", lambda event: True).data["text"] == "Filled."


def test_what_the_gateway_does_not_know_is_told_as_an_error(streaming: Streaming) -> None:
    streaming.socket.subscribe(streaming.ibind.subscriptions.MarketDataSubscription(conid="1", fields=FIELDS))
    assert "no contract" in streaming.heard("IbkrError", lambda event: True).data["error"]


def test_a_lost_login_is_told_and_so_is_the_next(streaming: Streaming) -> None:
    streaming.client.post("../../simulator/session", {"event": "sso_expired"})
    streaming.heard("AuthenticationStatus", lambda event: event.authenticated is False)
    streaming.client.post("../../simulator/login")
    streaming.heard("AuthenticationStatus", lambda event: event.authenticated is True)
