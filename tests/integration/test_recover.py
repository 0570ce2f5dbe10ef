"""`portfolio recover` and its routes on the real MCP server and gateway simulator, after the ledger was lost."""

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.command import PROGRAM, Said, environment, portfolio
from tests.support.stack import running, service


async def command(home: Path, *arguments: str | Path) -> Said:
    """Beside the service, which lives in this process."""
    return await asyncio.to_thread(portfolio, home, *arguments)


def at_a_terminal(home: Path, answers: Sequence[str], *arguments: str) -> tuple[int, str]:
    """(exit status, all that it said) to a person who types the answers."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as person:
        asked = subprocess.Popen(
            [str(PROGRAM), *arguments],
            cwd=home,
            env=environment(home, COLUMNS="400"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        person.write("".join(f"{answer}\n" for answer in answers).encode())
        said = b""
        # A terminal whose other end was closed has no end of file on Linux.
        with suppress(OSError):
            while part := person.read(4096):
                said += part
        return asked.wait(60), said.decode()


@pytest.mark.long
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

    answers = [*[""] * len(sent), "a broken disk", "y"]
    status, said = await asyncio.to_thread(at_a_terminal, home, answers, "recover", "--url", url, "--by", "owner")
    assert status == 0, said
    assert f"owner adopts {len(sent)} and abandons 0. Do it?" in said
    assert f"adopted {len(sent)}, abandoned 0" in said
    assert "portfolio audit verify" in said
    assert "portfolio resume" in said
    again = await command(home, "recover", "--url", url, "--adopt", "all", "--by", "owner", "--reason", "once more")
    assert (again.status, "adopted 0, abandoned 0" in again.out) == (0, True)
    after = await command(home, "recover", "--url", url)
    assert (after.status, "has every order" in after.out) == (0, True)
