"""The five agents: the stages in their order through the agent runtime, on record, and powerless without a claim."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.adk.apps import App
from google.adk.events import Event
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.workflow import START, Workflow
from google.genai import types
from markdown_it import MarkdownIt

from app.agent import app as daily_app
from app.agent import perform_with_agents, root_agent
from app.components.agents.stage_agent import StageAgent
from app.components.board import Board
from app.components.choosers import OFFLINE, RulesChooser, chooser_for
from app.components.model_chooser import ModelChooser
from app.components.plugins.audit import AuditPlugin
from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.preview import open_preview
from app.desk.stages.pipeline import STAGES, Stage
from app.desk.states import Run
from app.domain.errors import BrokerUnavailable, NotReady, OrderUncertain, PolicyError
from app.domain.order import Side
from app.domain.session import SessionState
from app.ledger.sql_ledger import SqlLedger
from app.wiring import board
from tests.support.broker_model import Fate
from tests.support.fakes import Office
from tests.unit.components.scripted import ScriptedLlm, says
from tests.unit.desk.test_record import events_of

DAY = RunRequest()
NAMES = [stage.name for stage in STAGES]


async def test_the_agents_do_the_days_work_as_the_stages_do(office: Office, ledger: SqlLedger, ledger_url: str) -> None:
    result = await run_daily(office.desk(), DAY, perform_with_agents)
    assert result.status is RunStatus.DONE
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL), ("MSFT", Side.SELL)]
    assert result.report is not None
    assert list(result.report["timings_ms"]) == [*NAMES, "total"]
    assert [event["name"] for event in events_of(ledger_url, "stage")] == NAMES
    assert ledger.verify().ok


async def test_the_workflow_is_the_list_of_stages_with_the_audit_first() -> None:
    assert daily_app.root_agent is root_agent
    assert isinstance(daily_app.plugins[0], AuditPlugin)
    assert NAMES == [
        "ibkr_reader_agent",
        "market_reader_agent",
        "portfolio_evaluator_agent",
        "decision_maker_agent",
        "order_executor_agent",
    ]


async def test_every_agents_start_and_end_is_in_the_ledger(office: Office, ledger_url: str) -> None:
    await run_daily(office.desk(), DAY, perform_with_agents)
    assert [event["agent"] for event in events_of(ledger_url, "agent_started")] == NAMES
    assert [event["agent"] for event in events_of(ledger_url, "agent_ended")] == NAMES
    paths = [event["path"] for event in events_of(ledger_url, "agent_event")]
    assert [name for name in NAMES if any(name in path for path in paths)] == NAMES


async def test_an_agents_error_keeps_its_type_and_is_on_record(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    office.world.currency = "EUR"
    with pytest.raises(PolicyError, match="base currency is EUR"):
        await run_daily(office.desk(), DAY, perform_with_agents)
    (failed,) = events_of(ledger_url, "agent_failed")
    assert failed["agent"] == "ibkr_reader_agent"
    assert "base currency is EUR" in failed["error"]
    (record,) = ledger.runs()
    assert record.status is RunStatus.FAILED


@pytest.mark.parametrize(("tool", "kind"), [("portfolio", BrokerUnavailable), ("preview_order", BrokerUnavailable)])
async def test_a_broker_that_is_gone_is_told_as_such_through_the_runtime(
    office: Office, tool: str, kind: type[Exception]
) -> None:
    office.broker.unreachable = {tool}
    with pytest.raises(kind, match=f"no answer to {tool}"):
        await run_daily(office.desk(), DAY, perform_with_agents)


async def test_an_uncertain_order_and_a_halt_come_through_the_runtime(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["AAPL"] = Fate.REQUEST_LOST
    with pytest.raises(OrderUncertain):
        await run_daily(office.desk(), DAY, perform_with_agents)


async def test_an_unrecorded_order_halts_through_the_runtime(office: Office) -> None:
    office.broker.appear("PM0123456789abcdef0123", "KO", Side.BUY, office.world.positions[1000].quantity)
    assert (await run_daily(office.desk(), DAY, perform_with_agents)).status is RunStatus.HALTED


async def test_the_board_forgets_a_run_that_ended(office: Office) -> None:
    result = await run_daily(office.desk(), DAY, perform_with_agents)
    assert board.journal(result.run_id) is None


async def test_a_model_chooses_through_the_whole_run_and_is_on_record(office: Office, ledger_url: str) -> None:
    model = ScriptedLlm(script=says("nonsense"))
    desk = replace(office.desk(), chooser=ModelChooser(model, (AuditPlugin(board),)))
    result = await run_daily(desk, DAY, perform_with_agents)
    assert result.report is not None
    assert result.report["decision"]["chosen_by"] == "rules"
    assert "not of the agreed form" in result.report["decision"]["fallback"]
    assert result.report["model"] == {"calls": 1, "input_tokens": 100, "output_tokens": 20, "cost": None}
    assert [event["model"] for event in events_of(ledger_url, "model_asked")] == ["scripted"]
    assert [event["input_tokens"] for event in events_of(ledger_url, "model_answered")] == [100]


async def test_offline_the_rules_choose_and_no_model_is_asked(office: Office) -> None:
    chooser = chooser_for(OFFLINE, board)
    assert isinstance(chooser, RulesChooser)
    result = await run_daily(replace(office.desk(), chooser=chooser), DAY, perform_with_agents)
    assert result.report is not None
    assert result.report["model"] == {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost": "0"}
    assert isinstance(chooser_for("gemini-2.5-flash", board), ModelChooser)


class Playground:
    """The same agents over an office's desk, reached by a chat that nobody scheduled."""

    def __init__(self, office: Office, stages: Sequence[Stage[Any, Any]] = STAGES) -> None:
        self._office = office
        self.opened: list[str] = []
        self.board = Board(self._open)
        agent = Workflow(name="daily_run", edges=[(START, *(StageAgent(stage, self.board) for stage in stages))])
        self._app = App(name="app", root_agent=agent, plugins=[AuditPlugin(self.board)])
        self._sessions = InMemorySessionService()

    async def _open(self, session_id: str) -> tuple[Desk, Run]:
        self.opened.append(session_id)
        desk = self._office.desk()
        return desk, await open_preview(desk, session_id)

    async def say(self, text: str, session_id: str = "chat") -> Sequence[Event]:
        """All events of one message."""
        runner = Runner(app=self._app, session_service=self._sessions, auto_create_session=True)
        message = types.Content(role="user", parts=[types.Part(text=text)])
        return [
            event async for event in runner.run_async(user_id="someone", session_id=session_id, new_message=message)
        ]


async def test_a_chat_previews_in_paper_mode_and_sends_nothing(
    office: Office, ledger: SqlLedger, ledger_url: str
) -> None:
    playground = Playground(office)
    events = await playground.say("sell everything now")
    said = [part.text or "" for e in events if e.content and e.content.parts for part in e.content.parts]
    assert any("12 positions" in text for text in said)
    assert any(text.startswith("PREVIEWED: SELL 170 AAPL") for text in said)
    assert office.broker.posts.total() == 0
    assert ledger.runs() == ()
    assert events_of(ledger_url, "plan_previewed") != []
    assert ledger.verify().ok


async def test_every_message_of_a_chat_looks_anew(office: Office) -> None:
    playground = Playground(office)
    await playground.say("what would you do?")
    await playground.say("and now?")
    assert playground.opened == ["chat", "chat"]


async def test_session_state_carries_summaries_and_no_money_objects(office: Office) -> None:
    events = await Playground(office).say("hello")
    states = [event.actions.state_delta[event.author] for event in events if event.author in event.actions.state_delta]
    assert [set(state) for state in states] == [
        {"positions", "nav", "currency"},
        {"quotes", "histories", "source"},
        {"severities", "exits_due"},
        {"action", "plan_id", "chosen_by"},
        {"orders"},
    ]
    assert states[0]["nav"] == "250000.00"


async def test_the_playground_shows_each_line_as_a_line(office: Office) -> None:
    """It shows Markdown, which makes one paragraph of lines that only end."""
    events = await Playground(office).say("hello")
    texts = {
        event.author: event.content.parts[0].text or "" for event in events if event.content and event.content.parts
    }
    lines = {author: text.splitlines() for author, text in texts.items()}
    assert len(lines["portfolio_evaluator_agent"]) > 5
    for author, text in texts.items():
        assert MarkdownIt().render(text).count("<br") == len(lines[author]) - 1


async def test_a_chat_while_the_broker_is_not_ready_says_who_must_act(office: Office) -> None:
    office.world.set_session(state=SessionState.COMPETING, message="another login", remedy="Log the other one out")
    with pytest.raises(NotReady, match="another login"):
        await Playground(office).say("hello")


async def test_an_agent_before_its_turn_says_what_the_run_lacks(office: Office) -> None:
    with pytest.raises(RuntimeError, match="works on a run that is AccountRead, and this one is Run"):
        await Playground(office, STAGES[1:]).say("hello")
