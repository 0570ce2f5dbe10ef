"""The service on the real MCP server and the gateway simulator, each in its own process."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.commands.processes import free_ports, mcp_server, private_directory, simulator
from app.desk.report.schema import Report
from tests.support.stack import ACCOUNT, AS_OF, SIMULATED, Stack, running, service, until_ready


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """For tests that leave the simulated account as it is."""
    with running(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An account of the test's own."""
    with running(tmp_path / "stack") as own:
        yield own


async def test_fifty_calls_at_once_make_one_run_and_one_set_of_orders(stack: Stack, tmp_path: Path) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        dry = await http.post("/run/daily?dry_run=true")
        assert (dry.status_code, dry.json()["status"]) == (200, "dry_run")
        assert stack.orders() == []

        answers = await asyncio.gather(*(http.post("/run/daily") for _ in range(50)))

        assert {answer.status_code for answer in answers} <= {200, 202}
        (run_id,) = {answer.json()["run_id"] for answer in answers}
        assert run_id != dry.json()["run_id"]
        for answer in answers:
            if answer.status_code == 202:
                assert answer.headers["location"] == f"/runs/{run_id}"
                told = answer.json()
                assert (told["status"], told["address"], told["lapsed"]) == ("running", f"/runs/{run_id}", False)
                assert 0 < told["lease_seconds"] <= 120
        (report,) = _different(answer.json() for answer in answers if answer.status_code == 200)

        later = await http.post("/run/daily")
        assert (later.status_code, later.json()) == (200, report)
        assert (await http.get(f"/runs/{run_id}")).json() == report
    assert Report.model_validate(report).as_json() == report
    arrived = stack.orders()
    assert sorted(order["cOID"] for order in arrived) == sorted(order["coid"] for order in report["orders"])
    assert {order["arrivals"] for order in arrived} == {1}
    assert {order["state"] for order in arrived} == {"Filled"}
    assert [order["state"] for order in report["orders"]] == ["FILLED"] * len(arrived)


def _different(reports: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in {json.dumps(report, sort_keys=True) for report in reports}]


async def test_another_process_on_the_same_ledger_gets_the_same_run(stack: Stack, tmp_path: Path) -> None:
    settings = stack.settings(tmp_path / "state")
    async with service(settings) as one, service(settings) as two:
        answers = await asyncio.gather(*(http.post("/run/daily") for http in (one, two) * 5))
        assert {answer.status_code for answer in answers} <= {200, 202}
        assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert {order["arrivals"] for order in stack.orders()} == {1}


async def test_the_next_session_is_a_new_run_on_the_account_that_the_last_one_left(
    stack: Stack, tmp_path: Path
) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        first = (await http.post("/run/daily")).json()
        stack.post("clock", {"next_session": True})
        second = (await http.post("/run/daily")).json()
        listed = (await http.get("/runs")).json()
    assert (first["session_date"], second["session_date"]) == ("2022-03-14", "2022-03-15")
    sold = {order["symbol"] for order in first["orders"]}
    assert sold
    assert not sold & {order["symbol"] for order in second["orders"]}
    assert [run["run_id"] for run in listed] == [second["run_id"], first["run_id"]]
    assert [run["status"] for run in listed] == ["done", "done"]


async def test_an_order_whose_answer_got_lost_is_found_and_never_sent_again(stack: Stack, tmp_path: Path) -> None:
    stack.post("faults", {"path": "/iserver/account/*/orders", "method": "POST", "kind": "drop_after", "times": 1})
    async with service(stack.settings(tmp_path / "state")) as http:
        answer = await http.post("/run/daily")
    assert answer.status_code == 200, answer.text
    assert {order["state"] for order in answer.json()["orders"]} == {"FILLED"}
    assert {order["arrivals"] for order in stack.orders()} == {1}


async def test_an_order_that_never_arrived_stops_the_day_and_is_not_sent_again(stack: Stack, tmp_path: Path) -> None:
    stack.post("faults", {"path": "/iserver/account/*/orders", "method": "POST", "kind": "drop_before", "times": 1})
    async with service(stack.settings(tmp_path / "state")) as http:
        for _ in range(2):
            answer = await http.post("/run/daily")
            assert answer.status_code == 503
            problem = answer.json()
            assert problem["title"] == "OrderUncertain"
            assert "nothing" in problem["remedy"].lower()
        (run,) = (await http.get("/runs")).json()
        assert run["status"] == "running"
    assert stack.orders() == []


async def test_a_ledger_that_does_not_know_our_orders_halts_the_day(stack: Stack, tmp_path: Path) -> None:
    async with service(stack.settings(tmp_path / "one")) as http:
        assert (await http.post("/run/daily")).json()["status"] == "done"
    sent = len(stack.orders())
    async with service(stack.settings(tmp_path / "two")) as http:
        halted = (await http.post("/run/daily")).json()
    assert halted["status"] == "halted"
    assert "DATABASE_URL" in halted["note"]
    assert len(stack.orders()) == sent


async def test_progress_comes_line_by_line_and_ends_with_the_answer(shared_stack: Stack, tmp_path: Path) -> None:
    headers = {"accept": "application/x-ndjson"}
    async with (
        service(shared_stack.settings(tmp_path)) as http,
        http.stream("POST", "/run/daily?dry_run=true", headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) async for line in answer.aiter_lines()]
    assert [set(line) for line in lines[:-1]] == [{"progress"}] * (len(lines) - 1)
    assert lines[0]["progress"].startswith("account read: 12 positions")
    assert lines[-1]["status"] == 200
    assert lines[-1]["body"]["status"] == "dry_run"


async def followed(http: httpx2.AsyncClient, kinds: str = "") -> list[dict[str, Any]]:
    """Every event from the first to the end of a run, by waiting for each page."""
    found: list[dict[str, Any]] = []
    after = 0
    while not found or found[-1]["kind"] != "run_sealed":
        page = (await http.get("/events", params={"after": after, "wait": 8, "limit": 40, **kinds_of(kinds)})).json()
        found += page["events"]
        after = page["after"]
    return found


def kinds_of(kinds: str) -> dict[str, str]:
    return {"kind": kinds} if kinds else {}


async def test_a_day_is_followed_over_http_without_a_gap_and_without_an_account_id(
    shared_stack: Stack, tmp_path: Path
) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        everything = asyncio.create_task(followed(http))
        told = asyncio.create_task(followed(http, "progress,run_sealed"))
        assert (await http.post("/run/daily?dry_run=true")).status_code == 200
        events, chosen = await everything, await told
        newest = (await http.get("/events", params={"limit": 3})).json()
        beyond = await http.get("/events", params={"after": newest["after"] + 1})
    assert all(later["number"] == earlier["number"] + 1 for earlier, later in pairwise(events))
    texts = [event["payload"]["text"] for event in events if event["kind"] == "progress"]
    assert texts[0].startswith("account read: ")
    assert [event["number"] for event in chosen] == [
        event["number"] for event in events if event["kind"] in {"progress", "run_sealed"}
    ]
    assert newest["events"] == events[-3:]
    assert ACCOUNT not in json.dumps(events)
    assert {event["book"][:3] for event in events} == {f"{ACCOUNT[:2]}…"}
    assert (beyond.status_code, beyond.json()["title"]) == (422, "UsageError")


async def test_a_problem_ends_the_progress_too(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        answer = await http.post("/run/daily?account=DU0000000", headers={"accept": "application/x-ndjson"})
    (line,) = answer.text.splitlines()
    said = json.loads(line)
    assert (said["status"], said["body"]["status"]) == (422, 422)


MISSPELT_PREVIEWS: dict[str, dict[str, Any]] = {
    "/run/daily?DRY_RUN=true": {},
    "/run/daily?dryrun=true": {},
    "/run/daily?dry_run=ture": {},
    "/run/daily?dry_run": {},
    "/run/daily?dry_run=true&dry_run=false": {},
    "/run/daily?preview=true": {},
    "/run/daily?slot=dayly": {},
    "/run/daily?slot=closing": {},
    "/run/daily?slot=Daily": {},
    "/run/daily": {"json": {"dry_run": True}},
    "/run/daily?dry_run=false": {"content": b"{dry_run: true"},
    "/exit/KO?dry_run=true": {"json": {"confirm": True}},
    "/exit/KO?dry-run=1": {"json": {"confirm": True}},
    "/exit/KO": {"json": {"confirm": True, "dry_run": True}},
    "/reconcile?dry_run=true": {},
    "/halt?dry_run=true": {"json": {"reason": "a test"}},
}


async def test_a_misspelt_preview_does_nothing_and_the_command_lines_spelling_previews(
    shared_stack: Stack, tmp_path: Path
) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        for path, more in MISSPELT_PREVIEWS.items():
            answer = await http.post(path, **more)
            assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
        assert (await http.get("/runs")).json() == []
        assert (await http.post("/run/daily?dry-run=true")).json()["status"] == "dry_run"
    assert shared_stack.orders() == []


async def test_an_unknown_account_or_slot_is_the_callers_mistake(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        for query in ("account=DU0000000", "slot=A%20slot", "slot=daily%7Crun"):
            answer = await http.post(f"/run/daily?{query}")
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["remedy"]
        assert (await http.get("/runs")).json() == []
        assert "DU0000000" not in (await http.post("/run/daily?account=DU0000000")).text


async def test_a_run_that_is_not_there_is_not_found(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        answer = await http.get("/runs/run_0000")
        assert (answer.status_code, answer.json()["remedy"]) == (404, "GET /runs lists them")
        assert (await http.get("/runs?limit=0")).status_code == 422


async def test_ready_says_whose_prices_and_health_asks_nobody(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path)) as http:
        ready = await http.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["source"] == "simulator:synthetic"
        assert (await http.get("/health")).json() == {"status": "ok"}
    async with service(shared_stack.settings(tmp_path, mcp_url="http://127.0.0.1:1/mcp")) as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/ready")).status_code == 503


async def test_with_trading_off_in_the_service_the_day_is_previewed(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path, trading_mode="off")) as http:
        report = (await http.post("/run/daily")).json()
    assert (report["status"], report["mode_reason"]) == ("dry_run", "TRADING_MODE is off")
    assert {order["state"] for order in report["orders"]} == {"PREVIEWED"}
    assert all(order["what_if"]["error"] is None for order in report["orders"])
    assert shared_stack.orders() == []


async def test_a_wrong_token_for_the_broker_is_one_line_that_names_the_setting(
    shared_stack: Stack, tmp_path: Path
) -> None:
    settings = shared_stack.settings(tmp_path, mcp_token="not the token", mcp_token_file=None)
    async with service(settings) as http:
        answer = await http.post("/run/daily")
        assert answer.status_code == 503
        assert "refused the token" in answer.json()["detail"]
        assert answer.json()["remedy"] == "Give both sides the same MCP_TOKEN"
        assert (await http.get("/runs")).json() == []


async def test_a_wrong_ticket_key_sends_nothing(shared_stack: Stack, tmp_path: Path) -> None:
    settings = shared_stack.settings(tmp_path, ticket_key="not the key", ticket_key_file=None)
    async with service(settings) as http:
        report = (await http.post("/run/daily")).json()
    assert {order["state"] for order in report["orders"]} == {"NOT_SENT"}
    assert shared_stack.orders() == []


@pytest.mark.long
async def test_a_gateway_that_is_down_is_told_with_a_remedy_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    state, ports = private_directory(tmp_path / "stack"), free_ports()
    with mcp_server(state, ports.mcp, f"http://127.0.0.1:{ports.gateway}", "paper") as variables:
        stack = Stack("", variables)
        async with service(stack.settings(tmp_path / "state", ibkr_account_id=ACCOUNT)) as http:
            with simulator(state, ports.gateway, SIMULATED):
                await until_ready(http)
                assert (await http.get("/ready")).status_code == 200
            answer = await http.post("/run/daily")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "60"
            problem = answer.json()
            assert problem["title"] in {"NotReady", "BrokerUnavailable"}
            assert "gateway" in problem["detail"]
            assert problem["remedy"]
            ready = await http.get("/ready")
            assert (ready.status_code, ready.json()["broker_session"]) == (503, "DOWN")
            for run in (await http.get("/runs")).json():
                assert run["status"] in {"not_ready", "failed"}
            with simulator(state, ports.gateway, SIMULATED):
                await until_ready(http)
                report = (await http.post("/run/daily")).json()
                assert (report["status"], report["session_date"]) == ("done", AS_OF.isoformat())


async def test_a_caller_token_is_asked_for_on_every_path_but_health(shared_stack: Stack, tmp_path: Path) -> None:
    async with service(shared_stack.settings(tmp_path, caller_token="secret")) as http:
        assert (await http.get("/health")).status_code == 200
        for path in ("/runs", "/ready", "/runs/run_1", "/docs", "/openapi.json"):
            assert (await http.get(path)).status_code == 401, path
        assert (await http.post("/run/daily?dry_run=true")).status_code == 401
        allowed = await http.get("/runs", headers={"authorization": "Bearer secret"})
        assert (allowed.status_code, allowed.json()) == (200, [])
