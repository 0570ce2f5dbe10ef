"""The simulator's limits, faults, clock and process: everything around the gateway it plays."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Thread
from typing import Any

import httpx2
import pytest
import uvicorn

from api_gateway.simulator import create_app
from api_gateway.simulator.command import listen, main
from api_gateway.simulator.exchange.contracts import STOCKS
from tests.unit.simulator.worlds import ACCOUNT, FakeTime, Gateway, error_of, instant, synthetic_world


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def gateway(time: FakeTime) -> Gateway:
    return Gateway(synthetic_world(time, as_of=date(2021, 6, 1)), time)


async def test_a_paced_endpoint_read_too_soon_closes_the_gateway_for_a_while(time: FakeTime) -> None:
    gateway = Gateway(synthetic_world(time, pacing=0.1), time)
    await gateway.rows("/portfolio/accounts")
    refused = await gateway.send("GET", "/portfolio/accounts")
    assert refused.status_code == 429
    assert (await gateway.send("GET", "/tickle")).status_code == 429
    assert (await gateway.send("GET", "/simulator/state")).status_code == 200
    time.advance(60)
    assert (await gateway.send("GET", "/tickle")).status_code == 200


async def _fault(gateway: Gateway, **rule: object) -> None:
    await gateway.post("/simulator/faults", [rule])


async def test_a_lost_answer_leaves_the_order_and_a_lost_request_does_not(gateway: Gateway) -> None:
    await gateway.ready()
    limit = await gateway.marketable_limit()
    await _fault(gateway, path="/iserver/account/*/orders", method="POST", kind="drop_before")
    assert (await gateway.submit(price=limit)).status_code == 504
    assert await gateway.arrivals() == []
    await _fault(gateway, path="/iserver/account/*/orders", method="POST", kind="drop_after")
    assert (await gateway.submit(price=limit)).status_code == 504
    assert [(row["cOID"], row["state"]) for row in await gateway.arrivals()] == [("one", "Filled")]


async def test_session_faults_show_in_status_and_brokerage_endpoints(gateway: Gateway) -> None:
    await gateway.ready()
    await _fault(gateway, path="/iserver/auth/status", kind="competing")
    assert (await gateway.get("/iserver/auth/status"))["competing"] is True
    await _fault(gateway, path="/iserver/auth/status", kind="no_bridge")
    status = await gateway.get("/iserver/auth/status")
    assert (status["connected"], status["authenticated"]) == (True, False)
    lost = await gateway.send("GET", "/iserver/account/orders")
    assert error_of(lost) == "Please query /accounts first"
    await _fault(gateway, path="/iserver/accounts", kind="no_bridge")
    assert error_of(await gateway.send("GET", "/iserver/accounts")) == "Bad Request: no bridge"
    await _fault(gateway, path="/portfolio/*/ledger", kind="logged_out")
    assert (await gateway.send("GET", f"/portfolio/{ACCOUNT}/ledger")).status_code == 401


async def test_spoiled_answers_are_empty_cut_or_errors(gateway: Gateway) -> None:
    await gateway.ready()
    address = f"/portfolio2/{ACCOUNT}/positions"
    await _fault(gateway, path="/portfolio2/*/positions", kind="empty")
    assert await gateway.rows(address) == []
    await _fault(gateway, path="/portfolio2/*/positions", kind="malformed")
    with pytest.raises(json.JSONDecodeError):
        (await gateway.send("GET", address)).json()
    await _fault(gateway, path="/portfolio2/*/positions", kind="status", status=503)
    assert (await gateway.send("GET", address)).status_code == 503
    await _fault(gateway, path="/portfolio2/*/positions", kind="delay", seconds=0)
    assert len(await gateway.rows(address)) == 12


async def test_faults_are_listed_cleared_and_checked(gateway: Gateway) -> None:
    await _fault(gateway, path="/tickle", kind="empty", times=3)
    assert (await gateway.get("/simulator/faults"))["faults"][0]["left"] == 3
    assert (await gateway.send("POST", "/simulator/faults", [{"path": "/x", "kind": "explode"}])).status_code == 422
    assert (await gateway.send("DELETE", "/simulator/faults")).json() == {"faults": []}


@pytest.mark.parametrize(
    "move",
    [
        {},
        {"advance_seconds": 1, "next_session": True},
        {"to": "2021-05-01T00:00:00Z"},
        {"to": "2023-01-01T00:00:00Z"},
        {"to": "2021-06-02T15:00:00"},
        {"advance_seconds": 1e9},
    ],
)
async def test_the_clock_refuses_moves_it_cannot_make(gateway: Gateway, move: dict[str, Any]) -> None:
    assert (await gateway.send("POST", "/simulator/clock", move)).status_code == 400


async def test_the_clock_moves_by_seconds(gateway: Gateway) -> None:
    before = instant((await gateway.get("/simulator/clock"))["now"])
    after = instant((await gateway.post("/simulator/clock", {"advance_seconds": 3600}))["now"])
    assert timedelta(hours=1) <= after - before < timedelta(hours=1, seconds=1)


async def test_calls_are_counted_by_kind_and_admin_requests_are_not(gateway: Gateway) -> None:
    await gateway.ready()
    await gateway.rows(f"/portfolio/{ACCOUNT}/positions/0")
    calls = await gateway.get("/simulator/calls")
    assert calls["calls"]["GET /portfolio/{account}/positions/{id}"] == 1
    assert calls["total"] == 5


async def test_two_worlds_with_one_seed_give_the_same_answers() -> None:
    async def day() -> list[str]:
        time = FakeTime()
        gateway = await Gateway(synthetic_world(time, as_of=date(2021, 6, 1)), time).ready()
        quote = await gateway.quote()
        accepted = await gateway.place(price=float(quote["86"]))
        history = await gateway.get(f"/iserver/marketdata/history?conid={STOCKS[3].conid}&period=1m&bar=1d")
        return [str(quote), str(accepted), str(history["data"]), str(await gateway.arrivals())]

    assert await day() == await day()


@contextmanager
def _served(time: FakeTime) -> Iterator[str]:
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(create_app(synthetic_world(time)), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_the_simulator_serves_over_a_real_socket_and_keeps_its_port(
    time: FakeTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with _served(time) as address:
        assert httpx2.get(f"{address}/v1/api/iserver/auth/status", timeout=60).json()["authenticated"] is True
        port = address.rsplit(":", 1)[1]
        assert main(["--port", port, "--data", "synthetic"]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert port in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"],  # noqa: S104 - refused, not bound
        ["--as-of", "2022-12-25"],
        ["--as-of", "soon"],
        ["--seed", "many"],
        ["--scenario", "/no/such/file.yaml"],
        ["--port", "70000"],
        ["--tls", "nowhere.pem"],
        ["--tls", __file__],
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_status_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--data", "synthetic"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
