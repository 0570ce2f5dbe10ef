"""What only a person may ask for, over HTTP and by command, on the real MCP server and gateway simulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import portfolio
from tests.support.stack import Stack, running, service
from tests.unit.policy import samples


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path / "stack") as own:
        yield own


async def test_a_halt_over_http_stops_the_day_an_exit_by_hand_still_goes_and_a_person_resumes(
    stack: Stack, tmp_path: Path
) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        halted = await http.post("/halt", json={"reason": "a test", "actor": "owner"})
        assert (halted.status_code, halted.json()["level"]) == (200, "HALTED")
        stopped = (await http.post("/run/daily")).json()
        assert (stopped["status"], stopped["orders"]) == ("halted", [])
        assert stack.orders() == []

        unconfirmed = await http.post("/exit/KO", json={"actor": "owner"})
        assert (unconfirmed.status_code, unconfirmed.json()["title"]) == (422, "UsageError")
        left = (await http.post("/exit/KO", json={"actor": "owner", "confirm": True})).json()
        assert [(order["symbol"], order["state"]) for order in left["orders"]] == [("KO", "FILLED")]

        assert (await http.get("/level")).json()["level"] == "HALTED"
        resumed = await http.post("/resume", json={"reason": "looked at it", "actor": "owner"})
        assert resumed.json()["level"] == "ACTIVE"
        assert (await http.post("/resume", json={"actor": "owner"})).status_code == 422
    assert {order["arrivals"] for order in stack.orders()} == {1}


async def test_a_deposit_is_unexplained_until_somebody_says_what_it_was(stack: Stack, tmp_path: Path) -> None:
    twice_a_day = samples.write(tmp_path, samples.with_line("  slots: {}", '  slots: {afternoon: "15:30"}'))
    async with service(stack.settings(tmp_path / "state", policy_file=twice_a_day)) as http:
        await http.post("/run/daily")
        stack.post("clock", {"next_session": True})
        stack.post("cash", {"amount": 20000, "row": {"late": None}})
        doubtful = (await http.post("/run/daily")).json()
        assert float(doubtful["continuity"]["unexplained_flow"]) == pytest.approx(20_000, abs=1)
        assert doubtful["evaluation"]["drawdown"] is None
        told = await http.post("/flows", json={"amount": "20000", "note": "a deposit", "actor": "owner"})
        assert told.json()["session_date"] == "2022-03-15"
        clear = (await http.post("/run/daily?slot=afternoon")).json()
        assert clear["continuity"]["unexplained_flow"] == "0"
        assert clear["evaluation"]["drawdown"] is not None


@pytest.mark.long
async def test_a_split_overnight_quarantines_the_name_until_a_person_releases_it(stack: Stack, tmp_path: Path) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        first = (await http.post("/run/daily")).json()
        kept = {row["symbol"] for row in first["portfolio"]["positions"]} - {o["symbol"] for o in first["orders"]}
        symbol = sorted(kept)[0]
        stack.post("split", {"symbol": symbol, "ratio": 2})
        stack.post("clock", {"next_session": True})
        second = (await http.post("/run/daily")).json()
        assert [mark["symbol"] for mark in second["continuity"]["quarantine"]] == [symbol]
        assert symbol not in {order["symbol"] for order in second["orders"]}
        released = await http.post(f"/release/{symbol}", json={"reason": "a split", "actor": "owner"})
        assert released.json()["symbol"] == symbol
        again = await http.post(f"/release/{symbol}", json={"reason": "a split", "actor": "owner"})
        assert again.status_code == 422


async def test_the_owners_own_trade_is_external_and_no_reason_to_halt(stack: Stack, tmp_path: Path) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        await http.post("/run/daily")
        stack.post("external-order", {"symbol": "PEP", "side": "BUY", "quantity": 5})
        stack.post("clock", {"to": "2022-03-14T20:30:00Z"})
        closed = (await http.post("/run/daily?slot=close")).json()
        assert closed["status"] == "done"
        assert [trade["side"] for trade in closed["trades"] if trade["coid"] is None] == ["BUY"]
        stack.post("clock", {"next_session": True})
        next_day = (await http.post("/run/daily")).json()
        assert next_day["status"] == "done"
        assert "PEP" in {row["symbol"] for row in next_day["portfolio"]["positions"]}
        assert next_day["continuity"]["quarantine"] == []


@pytest.mark.long
def test_levels_are_set_and_read_by_command_without_a_service(tmp_path: Path) -> None:
    state = tmp_path / "state"
    missing = portfolio(tmp_path, "halt", "--reason", "a test", "--state", state)
    assert missing.status == 2
    assert "there is no ledger" in missing.err
    assert portfolio(tmp_path, "demo", "--data", "synthetic", "--json", "--state", state).status == 0
    assert portfolio(tmp_path, "halt", "--reason", "a test", "--actor", "owner", "--state", state).status == 0
    told = portfolio(tmp_path, "level", "--state", state).out
    assert "HALTED" in told
    assert "a test" in told
    assert portfolio(tmp_path, "resume", "--reason", "looked", "--state", state).status == 0
    assert "ACTIVE" in portfolio(tmp_path, "level", "--state", state).out
    assert portfolio(tmp_path, "resume", "--reason", "", "--state", state).status != 0
    assert portfolio(tmp_path, "audit", "verify", "--state", state).status == 0
