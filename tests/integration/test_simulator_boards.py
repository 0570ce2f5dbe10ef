"""What the simulated broker keeps beside the accounts: watchlists, alerts and notices."""

import httpx2
import pytest

from tests.unit.simulator.worlds import AAPL, ACCOUNT, Gateway, error_of, fresh_world

LIST = {"id": "1", "name": "mine", "rows": [{"C": AAPL}, {"H": ""}]}
CONDITION = {"conidex": f"{AAPL}@SMART", "logicBind": "n", "operator": "", "triggerMethod": "0", "type": 1}
ALERT = {
    "alertName": "price",
    "alertMessage": "look",
    "alertRepeatable": 0,
    "outsideRth": 0,
    "tif": "GTC",
    "conditions": [CONDITION | {"value": "1.00"}],
}


@pytest.fixture
async def gateway() -> Gateway:
    return await Gateway(*fresh_world()).ready()


async def test_a_watchlist_is_kept_listed_read_and_deleted(gateway: Gateway) -> None:
    created = await gateway.post("/iserver/watchlist", LIST)
    assert (created["id"], created["instruments"]) == ("1", [])
    listed = await gateway.get("/iserver/watchlists?SC=USER_WATCHLIST")
    assert [(row["id"], row["name"], row["type"]) for row in listed["data"]["user_lists"]] == [
        ("1", "mine", "watchlist")
    ]
    assert (await gateway.answered("DELETE", "/iserver/watchlist?id=1")).json()["data"] == {"deleted": "1"}
    assert (await gateway.get("/iserver/watchlists"))["data"]["user_lists"] == []


async def test_the_first_read_of_a_watchlist_names_the_contracts_and_no_more(gateway: Gateway) -> None:
    await gateway.post("/iserver/watchlist", LIST)
    first, second = [(await gateway.get("/iserver/watchlist?id=1"))["instruments"] for _ in range(2)]
    assert first == [{"C": str(AAPL), "conid": AAPL, "name": "APPLE INC"}, {"H": ""}]
    assert (second[0]["ticker"], second[0]["ST"]) == ("AAPL", "STK")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "mine", "rows": []},
        {"id": "mine", "name": "mine", "rows": []},
        {"id": "1", "name": " ", "rows": []},
        {"id": "1", "name": "mine", "rows": {}},
        {"id": "1", "name": "mine", "rows": [{"C": 1}]},
        {"id": "1", "name": "mine", "rows": [AAPL]},
    ],
)
async def test_a_watchlist_that_is_none_is_refused_and_not_kept(gateway: Gateway, body: dict[str, object]) -> None:
    assert (await gateway.send("POST", "/iserver/watchlist", body)).status_code == 400
    assert (await gateway.get("/iserver/watchlists"))["data"]["user_lists"] == []


async def test_an_alert_is_kept_listed_switched_off_changed_and_deleted(gateway: Gateway) -> None:
    number = (await gateway.post(f"/iserver/account/{ACCOUNT}/alert", ALERT))["order_id"]
    await gateway.post(f"/iserver/account/{ACCOUNT}/alert", ALERT | {"orderId": number, "alertName": "other"})
    await gateway.post(f"/iserver/account/{ACCOUNT}/alert/activate", {"alertId": number, "alertActive": 0})
    (row,) = await gateway.rows(f"/iserver/account/{ACCOUNT}/alerts")
    assert (row["order_id"], row["alert_name"], row["alert_active"]) == (number, "other", 0)
    details = await gateway.get(f"/iserver/account/alert/{number}?type=Q")
    assert (details["condition_size"], details["conditions"][0]["condition_value"]) == (1, "1.00")
    await gateway.answered("DELETE", f"/iserver/account/{ACCOUNT}/alert/0")
    assert await gateway.rows(f"/iserver/account/{ACCOUNT}/alerts") == []


async def test_an_alert_with_a_comparison_is_denied_as_by_the_gateway_unless_its_sign_is_escaped(
    gateway: Gateway,
) -> None:
    path = f"/iserver/account/{ACCOUNT}/alert"
    compared = ALERT | {"conditions": [CONDITION | {"operator": ">=", "value": "1.00"}]}
    denied = await gateway.send("POST", path, compared)
    assert (denied.status_code, "Access Denied" in denied.text) == (403, True)
    escaped = httpx2.Request("POST", "http://gateway", json=compared).content.replace(b">=", rb"\u003e=")
    taken = await gateway.raw("POST", path, escaped)
    assert taken.json()["success"] is True
    number = taken.json()["order_id"]
    details = await gateway.get(f"/iserver/account/alert/{number}")
    assert details["conditions"][0]["condition_operator"] == ">="


async def test_the_mobile_trading_assistant_is_there_without_conditions(gateway: Gateway) -> None:
    found = await gateway.get("/iserver/account/mta")
    assert (found["account"], found["conditions"], found["order_status"]) == (ACCOUNT, [], "Inactive")


async def test_notices_are_counted_read_and_no_longer_counted(gateway: Gateway) -> None:
    assert await gateway.get("/fyi/unreadnumber") == {"BN": 0}
    ids = [(await gateway.post("/simulator/notify", {"kind": "fyi", "text": str(one)}))["id"] for one in range(3)]
    newest = await gateway.rows("/fyi/notifications?max=2")
    assert [(row["ID"], row["R"], row["FC"]) for row in newest] == [(ids[2], 0, "SM"), (ids[1], 0, "SM")]
    assert [row["ID"] for row in await gateway.rows(f"/fyi/notifications/more?id={ids[1]}")] == [ids[0]]
    marked = await gateway.answered("PUT", f"/fyi/notifications/{ids[2]}")
    assert marked.json()["P"] == {"R": 1, "ID": ids[2]}
    assert await gateway.get("/fyi/unreadnumber") == {"BN": 2}


async def test_kinds_of_notice_are_switched_off_and_their_disclaimers_read(gateway: Gateway) -> None:
    await gateway.post("/fyi/settings/DA", {"enabled": False})
    assert "simulated" in (await gateway.get("/fyi/disclaimer/CT"))["DT"]
    await gateway.answered("PUT", "/fyi/disclaimer/CT")
    told = {row["FC"]: (row["A"], row["H"]) for row in await gateway.rows("/fyi/settings")}
    assert (told["DA"], told["CT"], told["SM"]) == ((0, 0), (1, 1), (1, 0))


async def test_notices_may_come_by_email(gateway: Gateway) -> None:
    await gateway.answered("PUT", "/fyi/deliveryoptions/email?enabled=false")
    assert await gateway.get("/fyi/deliveryoptions") == {"E": [], "M": 0}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/iserver/watchlist?id=9", 503),
        ("GET", "/iserver/watchlist", 400),
        ("DELETE", "/iserver/watchlist?id=9", 503),
        ("GET", "/iserver/account/alert/9", 503),
        ("GET", "/iserver/account/alert/nine", 503),
        ("DELETE", f"/iserver/account/{ACCOUNT}/alert/9", 503),
        ("GET", "/iserver/account/DU1/alerts", 500),
        ("PUT", "/fyi/notifications/9", 500),
        ("GET", "/fyi/notifications/more", 500),
        ("GET", "/fyi/notifications?max=x", 400),
        ("GET", "/fyi/disclaimer/XX", 500),
        ("PUT", "/fyi/deliveryoptions/email?enabled=perhaps", 400),
    ],
)
async def test_what_is_not_there_is_refused(gateway: Gateway, method: str, path: str, status: int) -> None:
    answer = await gateway.send(method, path)
    assert (answer.status_code, bool(error_of(answer))) == (status, True)


async def test_notices_are_read_without_a_brokerage_session_and_the_others_are_not(gateway: Gateway) -> None:
    await gateway.post("/simulator/session", {"event": "bridge_lost"})
    assert await gateway.rows("/fyi/notifications") == []
    for path in ("/iserver/watchlists", "/iserver/account/mta", f"/iserver/account/{ACCOUNT}/alerts"):
        assert (await gateway.send("GET", path)).status_code == 400
