"""Two accounts behind one login, over HTTP and by command: every control names its account and says whose it was."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.e2e.command import Said, portfolio
from tests.support.stack import SIMULATED, Stack, running, service

A, B = "DU7654321", "DU7654322"
WHY = {"reason": "a test", "actor": "owner"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path / "stack", simulated=replace(SIMULATED, scenario="two_accounts")) as own:
        yield own


async def refused(http: httpx2.AsyncClient, path: str, body: Mapping[str, object] | None = None) -> str:
    """The problem's words; it names both accounts whole where one is to be chosen."""
    answer = await http.post(path, json=body)
    told = answer.json()
    assert (answer.status_code, told["title"]) == (422, "UsageError"), answer.text
    return f"{told['detail']}. {told['remedy']}"


@pytest.mark.long
async def test_every_control_acts_on_the_account_that_is_named_and_on_no_other(stack: Stack, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with service(stack.settings(state)) as http:
        for path in ("/run/daily", "/reconcile"):
            assert f"{A}, {B}" in await refused(http, path)
        assert f"{A}, {B}" in await refused(http, "/exit/KO", {"actor": "owner", "confirm": True})
        for account in (A, B):
            assert (await http.post(f"/run/daily?account={account}")).json()["account"] == account
        asked = ("reconcile", "--account", B, "--url", str(http.base_url), "--json")
        assert f'"account": "{B}"' in (await asyncio.to_thread(portfolio, tmp_path, *asked)).out

        reduced = (await http.post("/reduce", json={**WHY, "account": A})).json()
        assert (reduced["account"], reduced["level"]) == ("DU…321", "REDUCING")
        each = (await http.get("/level")).json()
        assert (each["level"], each["account"]) == ("REDUCING", "DU…321")
        assert {row["account"]: row["level"] for row in each["accounts"]} == {"DU…321": "REDUCING", "DU…322": "ACTIVE"}
        for path in ("/reduce", "/resume"):
            assert f"{B}, {A}" in await refused(http, path, WHY)
        assert "blank" in await refused(http, "/halt", {**WHY, "account": ""})
        assert "not on record" in await refused(http, "/halt", {**WHY, "account": "DU0000000"})
        assert "at once" in await refused(http, "/resume", {**WHY, "account": A, "all": True})
        lifted = (await http.post("/resume", json={**WHY, "account": A})).json()
        assert (lifted["account"], lifted["level"]) == ("DU…321", "ACTIVE")

        halted = (await http.post("/halt", json=WHY)).json()
        assert (halted["account"], halted["level"]) == ("all", "HALTED")
        assert halted["open_buys"].count("0 open buys were asked to be cancelled") == 2
        assert (await http.post("/resume", json={**WHY, "all": True})).json()["level"] == "ACTIVE"

        stack.post("clock", {"next_session": True})
        stack.post("cash", {"amount": 20000, "row": {"late": None}})
        for account in (A, B):
            await http.post(f"/run/daily?account={account}")
        flow: dict[str, object] = {"amount": "20000", "note": "a deposit", "actor": "owner"}
        assert f"{B}, {A}" in await refused(http, "/flows", flow)
        assert "explains nothing" in await refused(http, "/flows", {**flow, "account": B})
        told = (await http.post("/flows", json={**flow, "account": A})).json()
        assert (told["account"], told["unexplained"]) == ("DU…321", "0.00")
        assert {run["account"] for run in (await http.get(f"/runs?account={A}")).json()} == {A}
        assert "several accounts" in await refused(http, "/release/KO", WHY)
        assert "DU…322" in await refused(http, "/release/KO", {**WHY, "account": B})
    _by_command(tmp_path, state)


def _by_command(home: Path, state: Path) -> None:
    def said(*arguments: str, **variables: str) -> Said:
        return portfolio(home, *arguments, "--state", str(state), **variables)

    for command in ("resume", "reduce"):
        nameless = said(command, "--reason", "a test")
        assert (nameless.status, nameless.errors[0].endswith(f"{B}, {A}")) == (2, True)
    assert said("level").out.count("level ACTIVE") == 2
    assert "account DU…322" in said("reduce", "--reason", "a test", "--account", B).out
    assert "level ACTIVE" in said("level", "--account", A).out
    assert "level REDUCING" in said("resume", "--reason", "a test", IBKR_ACCOUNT_ID=A).out + said("level").out
    assert said("resume", "--reason", "a test", "--account", "").status == 2
    assert "for all accounts" in said("resume", "--reason", "a test", "--all").out
    assert said("level").out.count("level ACTIVE") == 2
    for words in (("flow", "add", "5", "--note", "n"), ("release", "KO", "--reason", "r"), ("policy", "explain")):
        assert said(*words).status == 2
    # What is paid out begins like an option.
    assert "explains nothing" in said("flow", "add", "-500", "--note", "n", "--account", B).errors[0]
    assert said("flow", "add", "500", "--dat", "2022-03-15", "--note", "n", "--account", B).status == 2
    assert A not in said("runs", "--account", B).out
    assert said("halt", "--reason", "a test", IBKR_ACCOUNT_ID=A).out.count("level HALTED") == 2


async def test_before_the_first_sealed_report_a_statement_about_money_sells_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    async with service(stack.settings(tmp_path / "state")) as http:
        preview = (await http.post(f"/run/daily?dry_run=true&account={A}")).json()
        assert preview["status"] == "dry_run"
        flow: dict[str, object] = {"note": "paid in last week", "actor": "owner"}
        for amount in ("60000", "1e400", "0", True, "NaN", "６０００"):
            assert await refused(http, "/flows", {**flow, "amount": amount})
        assert "not a day" in await refused(http, "/flows", {**flow, "amount": "1", "session_date": 1647302400})
        day = (await http.post(f"/run/daily?account={A}")).json()
    wanted = [(order["side"], order["symbol"]) for order in preview["orders"]]
    assert [(order["side"], order["symbol"]) for order in day["orders"]] == wanted
    assert day["level"]["level"] == "ACTIVE"
    metrics = {metric["name"]: metric["value"] for metric in day["evaluation"]["metrics"]}
    assert metrics["drawdown"] == preview["evaluation"]["drawdown"]
