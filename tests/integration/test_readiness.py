"""`/ready` over HTTP, and the notices that leave the server: to a real address, from a real sender."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import State
from api_gateway.clientportal.notices import Notice
from api_gateway.clientportal.transport import open_http
from api_gateway.mcp_server.notifier import Notifier
from api_gateway.mcp_server.server import create_app
from api_gateway.settings import Settings
from api_gateway.simulator.application import create_app as simulator_app
from api_gateway.simulator.world import Options
from tests.support.mailbox import Mailbox
from tests.support.serving import served
from tests.unit.simulator.worlds import world_of

TOKEN = {"Authorization": "Bearer t0ken"}
NOTICE = Notice(State.LOGIN_REQUIRED, "LOGIN_REQUIRED: log in", "the gateway is not logged in. Log in.")


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """(client of the MCP server, client of the simulator's own endpoints)."""
    world = world_of(Options(data="synthetic", pacing=0.001))
    async with served(simulator_app(world)) as gateway:
        settings = Settings(
            _env_file=None, ibkr_gateway_url=gateway, mcp_token="t0ken", ibkr_account_id=(), trading_mode="off"
        )
        portal = ClientPortal(open_http(gateway), refuse_simulator=False)
        async with (
            served(create_app(settings, portal)) as address,
            httpx2.AsyncClient(base_url=address, timeout=60, trust_env=False) as mine,
            httpx2.AsyncClient(base_url=gateway, timeout=60, trust_env=False) as admin,
        ):
            yield mine, admin


async def test_ready_is_told_by_status_and_says_what_a_person_can_do() -> None:
    async with servers() as (mine, admin):
        ready = await mine.get("/ready", headers=TOKEN)
        assert (ready.status_code, ready.json()["ready"], ready.json()["state"]) == (200, True, "READY")
        await admin.post("/simulator/session", json={"event": "sso_expired"})
        await _until_older()
        lost = await mine.get("/ready", headers=TOKEN)
        body = lost.json()
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "60")
        assert (body["ready"], body["state"], body["previous_state"]) == (False, "LOGIN_REQUIRED", "READY")
        assert body["login_url"].startswith("http://127.0.0.1")
        assert body["remedy"]
        assert body["next_reset"] > body["now"]
        assert body["since"] <= body["checked_at"]
        assert "accounts" not in body


async def _until_older() -> None:
    """A look counts for three seconds of the simulator's pace, which is a thousandth."""
    await asyncio.sleep(0.004)


async def test_ready_wants_the_token_and_health_asks_nobody() -> None:
    async with servers() as (mine, admin):
        assert (await mine.get("/ready")).status_code == 401
        await admin.post("/simulator/session", json={"event": "sso_expired"})
        assert (await mine.get("/health")).json() == {"status": "ok"}


async def test_a_notice_arrives_where_the_settings_say() -> None:
    mailbox = Mailbox()
    async with mailbox.open() as address:
        notifier = Notifier((address,))
        async with notifier.running():
            await notifier.tell(NOTICE)
            await asyncio.wait_for(mailbox.came.wait(), 30)
    (posted,) = mailbox.posted
    assert (posted["title"], posted["message"], posted["type"]) == (NOTICE.title, NOTICE.text, "warning")


async def test_a_notice_that_is_not_taken_is_tried_again() -> None:
    mailbox = Mailbox(failures=2)
    async with mailbox.open() as address:
        notifier = Notifier((address,), no_pause)
        async with notifier.running():
            await notifier.tell(NOTICE)
            await asyncio.wait_for(mailbox.came.wait(), 30)
    assert len(mailbox.posted) == 1


async def test_a_dead_address_holds_up_neither_the_teller_nor_the_next_notice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mailbox = Mailbox(failures=3)
    async with mailbox.open() as address:
        notifier = Notifier((address,), no_pause)
        async with notifier.running():
            for _ in range(25):
                await notifier.tell(NOTICE)
            await asyncio.wait_for(mailbox.came.wait(), 30)
    assert "given up, not delivered" in caplog.text
    assert "too many notices wait" in caplog.text
    assert "127.0.0.1" not in "".join(record.getMessage() for record in caplog.records if "mcp_server" in record.name)
