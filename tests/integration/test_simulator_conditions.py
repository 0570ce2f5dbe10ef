"""SessionHealth conditions of the simulated broker and the answers that are no JSON, by endpoint and by file."""

from datetime import date
from pathlib import Path

import pytest

from api_gateway.simulator import Options
from api_gateway.simulator.command import load_faults
from api_gateway.simulator.faults.broker_rules import BrokerChange
from api_gateway.simulator.faults.fault_box import RULES
from tests.unit.simulator.worlds import AAPL, ACCOUNT, FakeTime, Gateway, error_of, order, synthetic_world, world_of

SNAPSHOT = f"/iserver/marketdata/snapshot?conids={AAPL}&fields=31,55,84,86"
HISTORY = f"/iserver/marketdata/history?conid={AAPL}"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def gateway(time: FakeTime) -> Gateway:
    gateway = Gateway(synthetic_world(time, pacing=0, as_of=date(2021, 6, 1)), time)
    return await gateway.ready()


async def _broker(gateway: Gateway, **change: object) -> None:
    await gateway.post("/simulator/broker", change)


async def _fault(gateway: Gateway, **rule: object) -> None:
    await gateway.post("/simulator/faults", rule)


@pytest.mark.parametrize(
    ("kind", "status", "content"),
    [("denied", 404, "text/html"), ("html", 503, "text/html"), ("redirect", 302, None), ("blank", 503, None)],
)
async def test_an_answer_may_be_a_page_a_redirect_or_nothing(
    gateway: Gateway, kind: str, status: int, content: str | None
) -> None:
    await _fault(gateway, path="/portfolio/*/ledger", kind=kind)
    answer = await gateway.send("GET", f"/portfolio/{ACCOUNT}/ledger")
    assert answer.status_code == status
    assert answer.headers.get("content-type", "").startswith(content or "")
    assert answer.headers.get("location", "/sso/Login").startswith("/sso/Login")
    await gateway.get(f"/portfolio/{ACCOUNT}/ledger")


@pytest.mark.parametrize("status", [403, 404])
async def test_a_machine_that_is_not_on_the_list_is_denied_everything(gateway: Gateway, status: int) -> None:
    await _broker(gateway, caller_allowed=False, denied_status=status)
    for method, path in (("GET", "/"), ("GET", "/sso/Login"), ("POST", "/v1/api/tickle"), ("GET", "/nowhere")):
        answer = await gateway.visit(method, path)
        assert (answer.status_code, "Access Denied" in answer.text) == (status, True)
    await _broker(gateway, caller_allowed=True)
    await gateway.get("/tickle")


async def test_fields_can_be_left_out_of_an_answer(gateway: Gateway) -> None:
    await _fault(gateway, path="/tickle", kind="omit", keys=["iserver", "ssoExpires"])
    assert {"iserver", "ssoExpires"}.isdisjoint(await gateway.get("/tickle"))
    assert "iserver" in await gateway.get("/tickle")


async def test_the_penalty_box_can_be_ordered_and_has_the_length_that_was_chosen(time: FakeTime) -> None:
    world = world_of(Options(pacing=0.1, data="synthetic", penalty_seconds=900), time)
    gateway = Gateway(world, time)
    await _fault(gateway, path="/tickle", kind="penalty")
    assert (await gateway.send("POST", "/tickle")).status_code == 429
    time.advance(89)
    assert (await gateway.send("POST", "/tickle")).status_code == 429
    assert (await gateway.get("/simulator/session"))["usable"] is False
    time.advance(1)
    assert (await gateway.send("POST", "/tickle")).status_code == 200


async def test_a_body_with_a_sign_of_comparison_is_taken_for_an_attack(gateway: Gateway) -> None:
    answer = await gateway.submit(cOID="price >= 10", price=1.0)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert await gateway.arrivals() == []


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [("json", 401, "not authenticated"), ("empty", 401, ""), ("html", 401, "Access Denied"), ("redirect", 302, "")],
)
async def test_the_answer_without_a_login_has_several_forms(
    gateway: Gateway, form: str, status: int, text: str
) -> None:
    await _broker(gateway, login_answer=form)
    await gateway.post("/simulator/session", {"event": "sso_expired"})
    answer = await gateway.send("GET", "/portfolio/accounts")
    assert answer.status_code == status
    assert text in answer.text


async def test_the_front_door_leads_to_a_page_with_a_button_that_logs_in(gateway: Gateway) -> None:
    await gateway.post("/simulator/session", {"event": "sso_expired"})
    assert (await gateway.visit("GET", "/")).headers["location"].startswith("/sso/Login")
    assert "<button>" in (await gateway.visit("GET", "/sso/Login")).text
    assert "Client login succeeds" in (await gateway.visit("POST", "/sso/Login")).text
    await gateway.rows("/portfolio/accounts")


async def test_statuses_that_reports_differ_on_can_be_chosen(gateway: Gateway) -> None:
    await _broker(gateway, primer_status=400, duplicate_status=400)
    limit = await gateway.marketable_limit()
    await gateway.place(price=limit)
    assert (await gateway.submit(price=limit)).status_code == 400
    await gateway.post("/simulator/session", {"event": "bridge_lost"})
    await gateway.post("/iserver/auth/ssodh/init", {"publish": True})
    for _ in range(2):
        await gateway.get("/tickle")
    primer = await gateway.send("GET", "/iserver/account/orders")
    assert (primer.status_code, error_of(primer)) == (400, "Please query /accounts first")


@pytest.mark.parametrize(("availability", "quoted"), [("DPB", True), ("Z", True), ("N", False), ("O", False)])
async def test_market_data_may_be_delayed_frozen_or_not_subscribed(
    gateway: Gateway, availability: str, quoted: bool
) -> None:
    await _broker(gateway, availability=availability)
    for _ in range(3):
        row = (await gateway.rows(SNAPSHOT))[0]
    assert (row["6509"], row["55"], "31" in row) == (availability, "AAPL", quoted)


async def test_bars_may_need_a_second_request_in_every_brokerage_session(gateway: Gateway) -> None:
    await _broker(gateway, cold_history=True)
    cold = await gateway.send("GET", f"{HISTORY}&period=1m&bar=1d")
    assert (cold.status_code, error_of(cold)) == (500, "Chart data unavailable")
    await gateway.get(f"{HISTORY}&period=1m&bar=1d")


@pytest.mark.parametrize(
    ("period", "bar", "allowed"),
    [
        ("1y", "1d", True),
        ("1y", "4h", False),
        ("5y", "1d", False),
        ("5y", "1w", True),
        ("1d", "1d", False),
        ("1m", "1h", True),
        ("1m", "30min", False),
        ("16y", "1m", False),
        ("31min", "1min", False),
        ("6M", "1d", True),
    ],
)
async def test_periods_and_bars_can_be_held_to_the_documented_table(
    gateway: Gateway, period: str, bar: str, allowed: bool
) -> None:
    address = f"{HISTORY}&period={period}&bar={bar}"
    await gateway.get(address)
    await _broker(gateway, step_table=True)
    assert ((await gateway.send("GET", address)).status_code == 200) is allowed


async def test_paged_positions_can_stay_behind_until_they_are_invalidated(gateway: Gateway) -> None:
    await _broker(gateway, cached_positions=True)

    async def shares(address: str) -> float:
        rows = await gateway.rows(address)
        return float(next(row["position"] for row in rows if str(row["conid"]) == str(AAPL)))

    paged, near = f"/portfolio/{ACCOUNT}/positions/0", f"/portfolio2/{ACCOUNT}/positions"
    before = await shares(paged)
    await gateway.quote()
    await gateway.place(orderType="MKT", quantity=3)
    assert (await shares(paged), await shares(near)) == (before, before + 3)
    await gateway.post(f"/portfolio/{ACCOUNT}/positions/invalidate")
    assert await shares(paged) == before + 3


async def test_a_filtered_list_of_orders_can_be_falsely_empty(gateway: Gateway) -> None:
    await gateway.quote()
    await gateway.place(orderType="MKT")
    assert len((await gateway.get("/iserver/account/orders?filters=filled"))["orders"]) == 1
    await _broker(gateway, filtered_orders_empty=True)
    assert (await gateway.get("/iserver/account/orders?filters=filled"))["orders"] == []
    assert len((await gateway.get("/iserver/account/orders"))["orders"]) == 1


async def test_an_accepted_order_can_turn_inactive(gateway: Gateway) -> None:
    await _fault(gateway, kind="inactive")
    placed = await gateway.place(price=await gateway.marketable_limit())
    assert placed["order_status"] == "Submitted"
    status = await gateway.get(f"/iserver/account/order/status/{placed['order_id']}")
    assert (status["order_status"], status["cum_fill"]) == ("Inactive", "0.0")
    cancelled = await gateway.send("DELETE", f"/iserver/account/{ACCOUNT}/order/{placed['order_id']}")
    assert error_of(cancelled) == "Order is inactive"


async def test_a_stale_reply_answers_either_way(gateway: Gateway) -> None:
    limit = await gateway.marketable_limit()
    for status in (400, 503):
        await _fault(gateway, kind="question", questions=[{"id": "o1"}], stale=True, stale_status=status)
        asked = await gateway.place(price=limit, cOID=f"stale {status}")
        reply = await gateway.send("POST", f"/iserver/reply/{asked['id']}", {"confirmed": True})
        assert reply.status_code == status


async def test_every_kind_of_fault_and_condition_can_be_written_in_a_file(tmp_path: Path, time: FakeTime) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text(
        "- {kind: broker, change: {availability: DPB, login_answer: html, halted: [KO]}}\n"
        "- {kind: session, event: bridge_lost, path: /portfolio/accounts}\n"
        "- {kind: status, path: /iserver/account/orders, status: 503, times: 2, after: 1}\n"
        "- {kind: penalty, path: /tickle, method: GET}\n"
        "- {kind: inactive, symbol: AAPL, side: BUY}\n"
        "- {kind: failed, bracket: true, coid: bracket}\n"
        "- {kind: question, questions: [{id: o163}, {id: o354}]}\n"
        "- {kind: partial_fill, fraction: 0.5, rest: later, rest_looks: 2}\n"
        "- {kind: lag, list: trades, reads: 1}\n"
    )
    world = world_of(Options(pacing=0, data="synthetic", faults=load_faults(script)), time)
    gateway = Gateway(world, time)
    broker = await gateway.get("/simulator/broker")
    assert (broker["availability"], broker["login_answer"], broker["halted"]) == ("DPB", "html", ["KO"])
    assert len((await gateway.get("/simulator/faults"))["faults"]) == 8
    await gateway.rows("/portfolio/accounts")
    assert error_of(await gateway.send("GET", "/iserver/accounts")) == "Bad Request: no bridge"


async def _life(time: FakeTime) -> list[bytes]:
    """One day of a client and what surrounds it; every answer byte for byte."""
    scenario = Options(pacing=0, data="synthetic", as_of=date(2021, 6, 1), session="strict", seed=11)
    gateway = await Gateway(world_of(scenario, time), time).ready()
    answers: list[bytes] = []

    async def call(method: str, path: str, body: object = None) -> None:
        answers.append((await gateway.send(method, path, body)).content)

    await gateway.post(
        "/simulator/faults",
        [
            {"kind": "partial_fill", "fraction": 0.4, "rest": "later", "rest_seconds": 60},
            {"kind": "session", "event": "competing", "path": "/tickle", "after": 1},
        ],
    )
    for _ in range(3):
        await call("GET", SNAPSHOT)
    orders = f"/iserver/account/{ACCOUNT}/orders"
    await call("POST", orders, {"orders": [order(orderType="MKT")]})
    await call("POST", orders, {"orders": [order(orderType="LMT", price=1.0, cOID="far")]})
    for path in ("/iserver/account/orders", "/iserver/account/trades", f"/portfolio/{ACCOUNT}/summary", SNAPSHOT):
        await call("GET", path)
        await gateway.post("/simulator/clock", {"advance_seconds": 120})
    await call("GET", f"{HISTORY}&period=1m")
    await call("POST", "/iserver/scanner/run", {"instrument": "STK", "type": "MOST_ACTIVE", "location": "STK.US"})
    for path in ("/tickle", "/tickle", "/iserver/auth/status", "/iserver/accounts"):
        await call("GET", path)
    await gateway.post("/simulator/session-clock", {"advance_seconds": 400})
    for path in ("/simulator/session", "/simulator/orders", "/simulator/state", "/tickle"):
        await call("GET", path)
    return answers


async def test_the_same_calls_in_two_worlds_of_a_seed_get_the_same_bytes() -> None:
    first, again = await _life(FakeTime()), await _life(FakeTime())
    assert first == again
    assert len(set(first)) > 12


def test_the_documents_example_is_a_script_and_every_kind_is_named_there(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    script = tmp_path / "faults.yaml"
    script.write_text(text.split("```yaml\n")[1].split("```")[0])
    assert len(load_faults(script)) == 9
    kinds = {
        value
        for definition in RULES.json_schema()["$defs"].values()
        for kind in [definition["properties"].get("kind", {})]
        for value in kind.get("enum", [kind.get("const")])
        if value is not None
    }
    missing = sorted(kind for kind in kinds | set(BrokerChange.model_fields) if f"`{kind}`" not in text)
    assert len(kinds) > 30
    assert missing == []
