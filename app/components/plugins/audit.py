"""Writes every agent and model event to the ledger. It observes and never answers for anyone.

First in the plugin list, because a plugin that returns a value silences those behind it. An error of the ledger goes
through: what cannot be recorded does not go on. There are no tool events: no agent here is given a tool.
"""

from google.adk.agents import BaseAgent, InvocationContext
from google.adk.agents.callback_context import CallbackContext
from google.adk.events import Event as AgentEvent
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins.base_plugin import BasePlugin

from app.components.board import Board
from app.desk.records import Event


class AuditPlugin(BasePlugin):
    """Events go to the journal of the session's run, which commits them at the end of each stage."""

    def __init__(self, board: Board) -> None:
        super().__init__(name="audit")
        self._board = board

    async def before_agent_callback(self, *, agent: BaseAgent, callback_context: CallbackContext) -> None:
        """An agent starts."""
        self._note(callback_context.session.id, "agent_started", agent=agent.name)

    async def after_agent_callback(self, *, agent: BaseAgent, callback_context: CallbackContext) -> None:
        """An agent ended well."""
        self._note(callback_context.session.id, "agent_ended", agent=agent.name)

    async def on_agent_error_callback(
        self, *, agent: BaseAgent, callback_context: CallbackContext, error: Exception
    ) -> None:
        """An agent failed."""
        self._note(callback_context.session.id, "agent_failed", agent=agent.name, error=str(error))

    async def on_event_callback(self, *, invocation_context: InvocationContext, event: AgentEvent) -> None:
        """Every event of the workflow; without a path it is a checkpoint of the runtime's own."""
        if event.node_info.path:
            self._note(invocation_context.session.id, "agent_event", path=event.node_info.path, error=event.error_code)

    async def before_model_callback(self, *, callback_context: CallbackContext, llm_request: LlmRequest) -> None:
        """A model is asked."""
        self._note(callback_context.session.id, "model_asked", model=llm_request.model)

    async def after_model_callback(self, *, callback_context: CallbackContext, llm_response: LlmResponse) -> None:
        """A model answered; the text stays out of the trail, the plan it chose is recorded with the decision."""
        use = llm_response.usage_metadata
        self._note(
            callback_context.session.id,
            "model_answered",
            model=llm_response.model_version,
            input_tokens=use.prompt_token_count if use else None,
            output_tokens=use.candidates_token_count if use else None,
            error=llm_response.error_code,
        )

    async def on_model_error_callback(
        self, *, callback_context: CallbackContext, llm_request: LlmRequest, error: Exception
    ) -> None:
        """A model failed."""
        self._note(callback_context.session.id, "model_failed", model=llm_request.model, error=type(error).__name__)

    def _note(self, session_id: str, kind: str, **payload: object) -> None:
        journal = self._board.journal(session_id)
        if journal is not None:
            journal.add(Event(kind, payload))
