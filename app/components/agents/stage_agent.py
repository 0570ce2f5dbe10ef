"""An agent that performs one stage of the daily run. The work is the desk's; the agent shows it and fires the hooks."""

from collections.abc import AsyncGenerator
from typing import Any

from google.adk.agents import BaseAgent, InvocationContext
from google.adk.events import Event, EventActions
from google.genai import types
from pydantic import ConfigDict, PrivateAttr

from app.components.board import Board
from app.components.summaries import summary
from app.desk.stages.pipeline import STAGES, Stage, perform_stage

# The playground shows Markdown, in which the end of a line alone is a space.
_LINE_END = "  \n"


class StageAgent(BaseAgent):
    """One of the five. Its name is the stage's."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    _stage: Stage[Any, Any] = PrivateAttr()
    _board: Board = PrivateAttr()

    def __init__(self, stage: Stage[Any, Any], board: Board) -> None:
        super().__init__(name=stage.name, description=stage.description)
        self._stage = stage
        self._board = board

    async def _run_async_impl(self, ctx: InvocationContext) -> AsyncGenerator[Event, None]:
        desk, run = await self._board.get(ctx.session.id, fresh=self._stage is STAGES[0])
        # The framework runs the agents, so no type checker sees in which order.
        if not isinstance(run, self._stage.needs):
            needed, found = self._stage.needs.__name__, type(run).__name__
            raise RuntimeError(f"{self.name} works on a run that is {needed}, and this one is {found}")
        run = await perform_stage(self._stage, desk, run)
        self._board.put(ctx.session.id, desk, run)
        text, state = summary(run)
        yield Event(
            author=self.name,
            invocation_id=ctx.invocation_id,
            content=types.Content(role="model", parts=[types.Part(text=_LINE_END.join(text.splitlines()))]),
            actions=EventActions(state_delta={"run_id": run.run_id, self.name: state}),
        )
