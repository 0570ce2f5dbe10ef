"""What becomes of a request to cancel for every answer of the broker, and that it is sent once."""

import httpx2
import pytest

from api_gateway.clientportal.errors import LoginRequired
from tests.unit.gateway.scripted import ACCOUNT, READY, Reply, ok, portal_to, raw, ready_gateway

CANCEL = f"DELETE /iserver/account/{ACCOUNT}/order/7"
TAKEN = {"msg": "Request was submitted", "order_id": 7, "conid": 265598, "account": ACCOUNT}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (ok(TAKEN), "requested"),
        (ok({"error": "OrderID 7 doesn't exist"}), "refused"),
        (ok({"error": "Order is inactive"}, 400), "refused"),
        (ok({"error": "slow down"}, 429), "refused"),
        (ok({"error": "Please query /accounts first"}, 500), "refused"),
        (raw("", 401), "refused"),
        (httpx2.ConnectError("refused"), "refused"),
        (httpx2.ReadTimeout("late"), "unknown"),
        (httpx2.RemoteProtocolError("closed"), "unknown"),
        (ok({"error": "Service Unavailable"}, 503), "unknown"),
        (raw("", 502), "unknown"),
        (ok({"error": "Request Timeout"}, 408), "unknown"),
        (ok({"msg": "hm"}), "unknown"),
        (ok([]), "unknown"),
        (raw("{"), "unknown"),
    ],
)
async def test_every_answer_to_a_cancel_has_one_meaning(reply: Reply, outcome: str) -> None:
    gateway = ready_gateway().on(CANCEL, reply)
    assert (await portal_to(gateway).orders.cancel(ACCOUNT, "7")).outcome == outcome
    assert gateway.count(CANCEL) == 1


async def test_after_a_429_no_cancel_is_sent() -> None:
    gateway = ready_gateway().on(CANCEL, ok({"error": "slow down"}, 429))
    portal = portal_to(gateway)
    await portal.orders.cancel(ACCOUNT, "7")
    assert (await portal.orders.cancel(ACCOUNT, "7")).outcome == "refused"
    assert gateway.count(CANCEL) == 1


async def test_a_session_that_cannot_be_used_sends_no_cancel() -> None:
    gateway = ready_gateway().on("POST /iserver/auth/status", ok({**READY, "authenticated": False, "connected": False}))
    with pytest.raises(LoginRequired):
        await portal_to(gateway).orders.cancel(ACCOUNT, "7")
    assert gateway.count(CANCEL) == 0


async def test_orders_are_not_reused_from_before_a_cancel() -> None:
    gateway = ready_gateway().on(CANCEL, ok(TAKEN))
    portal = portal_to(gateway)
    await portal.orders.live(ACCOUNT)
    reads = gateway.count("GET /iserver/account/orders")
    await portal.orders.cancel(ACCOUNT, "7")
    await portal.orders.live(ACCOUNT, reuse=True)
    assert gateway.count("GET /iserver/account/orders") == reads + 1
