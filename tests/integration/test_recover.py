"""`portfolio recover` and its routes on the real MCP server and gateway simulator, after the ledger was lost."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.command import Said, portfolio
from tests.support.stack import running, service


async def command(home: Path, *arguments: str | Path) -> Said:
    """Beside the service, which lives in this process."""
    return await asyncio.to_thread(portfolio, home, *arguments)


async def test_a_day_that_was_traded_before_the_ledger_was_lost_is_recovered_and_never_traded_again(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "stack") as stack:
        async with service(stack.settings(tmp_path / "lost")) as http:
            first = (await http.post("/run/daily")).json()
        sent = [(order["cOID"], order["arrivals"]) for order in stack.orders()]
        assert len(sent) >= 2
        async with service(stack.settings(tmp_path / "restored")) as http:
            url, state = str(http.base_url), tmp_path / "restored"
            assert (await http.post("/run/daily")).json()["status"] == "halted"
            await _is_shown_and_recovered(http, tmp_path, url, {coid for coid, _ in sent})
            again = (await http.post("/run/daily?slot=daily")).json()
            assert again["status"] == "halted"
            resumed = await http.post("/resume", json={"reason": "recovered", "actor": "owner"})
            assert resumed.json()["level"] == "ACTIVE"
            stack.post("clock", {"next_session": True})
            next_day = (await http.post("/run/daily")).json()
        assert (first["status"], next_day["status"]) == ("done", "done")
        assert next_day["continuity"]["quarantine"] == []
        assert {order["arrivals"] for order in stack.orders()} == {1}
    assert (await command(tmp_path, "audit", "verify", "--state", state)).status == 0


async def _is_shown_and_recovered(http: httpx2.AsyncClient, home: Path, url: str, sent: set[str]) -> None:
    shown = await command(home, "recover", "--url", url, "--json")
    found: dict[str, Any] = json.loads(shown.out)
    assert (shown.status, found["left"]) == (1, len(sent))
    assert {order["coid"] for order in found["orders"]} == sent
    assert {(order["slot"], order["session_date"]) for order in found["orders"]} == {("daily", "2022-03-14")}
    assert found == (await http.get("/recover")).json()

    unreasoned = await command(home, "recover", "--url", url, "--adopt", "all")
    assert (unreasoned.status, "--reason" in unreasoned.err) == (2, True)
    misspelt = await http.post("/recover", json={"actor": "owner", "reason": "why", "adopt": ["pm1"]})
    assert misspelt.status_code == 422

    done = await command(home, "recover", "--url", url, "--adopt", "all", "--by", "owner", "--reason", "a broken disk")
    assert done.status == 0, done.err
    assert f"adopted {len(sent)}, abandoned 0" in done.out
    assert "portfolio audit verify" in done.out
    assert "portfolio resume" in done.out
    after = await command(home, "recover", "--url", url)
    assert (after.status, "has every order" in after.out) == (0, True)
