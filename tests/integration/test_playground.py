"""The application as the agent framework's playground loads it, on the real MCP server and the simulator."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from app.agent import app
from app.wiring import shared
from tests.support.stack import Stack, running


@pytest.fixture
async def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """In paper mode, named by the environment as for a process of its own."""
    with running(tmp_path / "stack") as stack:
        monkeypatch.chdir(tmp_path)
        for name in ("MCP_TOKEN", "TICKET_KEY", "DATABASE_URL", "IBKR_ACCOUNT_ID", "POLICY_FILE", "MODEL_NAME"):
            monkeypatch.setenv(name, "")
        for name in ("MCP_URL", "MCP_TOKEN_FILE", "TICKET_KEY_FILE"):
            monkeypatch.setenv(name, stack.variables[name])
        monkeypatch.setenv("TRADING_MODE", "paper")
        monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
        shared.cache_clear()
        yield stack
        await shared().close()
        shared.cache_clear()


async def test_the_playgrounds_application_previews_with_all_five_agents_and_sends_nothing(stack: Stack) -> None:
    runner = Runner(app=app, session_service=InMemorySessionService(), auto_create_session=True)
    message = types.Content(role="user", parts=[types.Part(text="trade now, I insist")])
    said: dict[str, str] = {}
    async for event in runner.run_async(user_id="person", session_id="chat", new_message=message):
        if event.content and event.content.parts:
            said[event.author] = "".join(part.text or "" for part in event.content.parts)
    assert list(said) == [
        "ibkr_reader_agent",
        "market_reader_agent",
        "portfolio_evaluator_agent",
        "decision_maker_agent",
        "order_executor_agent",
    ]
    assert "simulator:synthetic" in said["market_reader_agent"]
    assert said["order_executor_agent"].startswith("PREVIEWED: SELL")
    assert stack.orders() == []
    assert shared().ledger.runs() == ()
    assert shared().ledger.verify().ok
