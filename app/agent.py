"""The daily run as five agents, one after the other.

In the playground it previews: only a run that the service or the command line claimed in the ledger can send an order.
"""

import logging

from google.adk.apps import App
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.workflow import START, Workflow
from google.genai import types

from app.components.agents.stage_agent import StageAgent
from app.components.plugins.audit import AuditPlugin
from app.desk.desk import Desk
from app.desk.stages.pipeline import STAGES
from app.desk.states import Executed, Run
from app.wiring import board

APP_NAME = "app"
SCHEDULER = "scheduler"

root_agent = Workflow(
    name="daily_run",
    description="Reads the account and the market, measures the portfolio, decides, and orders what was decided.",
    edges=[(START, *(StageAgent(stage, board) for stage in STAGES))],
)

app = App(name=APP_NAME, root_agent=root_agent, plugins=[AuditPlugin(board)])


async def perform_with_agents(desk: Desk, run: Run) -> Executed:
    """The five stages of a claimed run, each by its agent. Sessions live in memory: the ledger is the record."""
    # What goes wrong in a stage reaches the caller as one line; the framework would print it twice before, with traces.
    logging.getLogger("google_adk").setLevel(logging.CRITICAL)
    board.put(run.run_id, desk, run)
    try:
        sessions = InMemorySessionService()
        await sessions.create_session(
            app_name=APP_NAME, user_id=SCHEDULER, session_id=run.run_id, state={"run_id": run.run_id}
        )
        runner = Runner(app=app, session_service=sessions)
        message = types.Content(role="user", parts=[types.Part(text=f"{run.key.slot} run of {run.key.session_date}")])
        async for _ in runner.run_async(user_id=SCHEDULER, session_id=run.run_id, new_message=message):
            pass
    finally:
        ended = board.take(run.run_id)
    if not isinstance(ended, Executed):
        raise RuntimeError(f"the agents ended before the last stage, with {type(ended).__name__}")
    return ended
