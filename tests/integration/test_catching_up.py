"""The service makes up for a day by itself: over HTTP, with the real MCP server and a gateway without a login."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.fast_api_app import create_app
from app.settings import Settings, shipped_policy
from tests.support.mailbox import Mailbox
from tests.support.serving import served
from tests.support.stack import ACCOUNT, running, until_ready


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that looks twenty times a second."""
    async with (
        served(create_app(settings, watch_seconds=0.05)) as address,
        httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as http,
    ):
        yield http


async def done(http: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """The runs, once the newest is done."""
    async with asyncio.timeout(60):
        while True:
            runs: list[dict[str, Any]] = (await http.get("/runs")).json()
            if runs[0]["status"] == "done":
                return runs
            await asyncio.sleep(0.05)


async def test_a_day_without_a_login_runs_once_after_it_whoever_looks(tmp_path: Path) -> None:
    with running(tmp_path / "stack") as stack:
        stack.post("session", {"event": "sso_expired"})
        settings = stack.settings(tmp_path / "state", ibkr_account_id=ACCOUNT)
        async with watching(settings) as http:
            refused = await http.post("/run/daily")
            assert (refused.status_code, refused.json()["title"]) == (503, "NotReady")
            told = (await http.get("/ready")).json()
            assert (told["ready"], told["broker_session"]) == (False, "LOGIN_REQUIRED")
            assert told["login_url"].startswith("http://127.0.0.1")
            assert told["since"]
            assert told["next_reset"]
        # Another start of the service, and a second one beside it.
        async with watching(settings) as one, watching(settings) as two:
            stack.post("login", {})
            answers = await asyncio.gather(done(one), done(two), one.post("/run/daily"))
            assert answers[2].status_code in {200, 202, 503}
            runs = await done(one)
        assert [run["status"] for run in runs].count("done") == 1
        assert {order["arrivals"] for order in stack.orders()} == {1}


@pytest.mark.long
async def test_without_the_setting_a_day_waits_for_whoever_asks_again(tmp_path: Path) -> None:
    with running(tmp_path / "stack") as stack:
        stack.post("session", {"event": "sso_expired"})
        settings = stack.settings(tmp_path / "state", ibkr_account_id=ACCOUNT, catch_up=False)
        async with watching(settings) as http:
            await http.post("/run/daily")
            stack.post("login", {})
            await until_ready(http)
            assert [run["status"] for run in (await http.get("/runs")).json()] == ["not_ready"]
            assert (await http.post("/run/daily")).json()["status"] == "done"


@pytest.mark.long
async def test_the_service_tells_a_person_what_the_policy_names(tmp_path: Path) -> None:
    mailbox = Mailbox()
    async with mailbox.open() as address:
        text = shipped_policy().read_text(encoding="utf-8").replace("urls: []", f"urls: [{address}]")
        policy = tmp_path / "policy.yaml"
        policy.write_text(text, encoding="utf-8")
        with running(tmp_path / "stack") as stack:
            stack.post("session", {"event": "sso_expired"})
            settings = stack.settings(tmp_path / "state", ibkr_account_id=ACCOUNT, policy_file=policy)
            async with watching(settings) as http:
                await http.post("/run/daily")
                await asyncio.wait_for(mailbox.came.wait(), 60)
    (posted,) = mailbox.posted
    assert posted["title"] == "2022-03-14 daily: the broker's session is not ready"
    assert "LOGIN_REQUIRED" in posted["message"]
    assert ACCOUNT not in str(posted)
