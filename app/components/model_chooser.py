"""A language model picks one plan id. Where it says anything else, the rules' choice stands, flagged."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.models.base_llm import BaseLlm
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from app.decision.asking import LONGEST_ANSWER, Answer, choice_of, fallen_back, question
from app.desk.ports import ModelUse, Offer
from app.domain.errors import ModelError
from app.domain.plan import Choice, Exchange

PROMPT = Path(__file__).parent / "prompts" / "choose_plan.md"
APP_NAME = "plan_chooser"
USER = "desk"


class ModelChooser:
    """Asks once, within a time limit, without tools or memory."""

    spends = True

    def __init__(self, model: str | BaseLlm, plugins: Sequence[BasePlugin] = (), timeout_seconds: float = 30.0) -> None:
        """`model` by name, as the agent framework resolves it, or as an object."""
        self._model = model
        self._plugins = list(plugins)
        self._timeout = timeout_seconds

    async def choose(self, offer: Offer) -> tuple[Choice, ModelUse]:
        """See `Chooser.choose`."""
        use = _Use(self._name)
        instruction = ""
        try:
            instruction = PROMPT.read_text(encoding="utf-8")
            asked = question(offer.plans, offer.default, offer.summary)
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(offer.run_id, instruction, asked, use)
            choice = choice_of(offer.plans, offer.default, self._name, answer)
            return choice, use.total(Exchange(self._name, instruction, answer))
        except ModelError as error:
            reason = error.cause
        except TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
        except Exception as error:  # noqa: BLE001 - a model's client may fail in any way; the day must go on by the rules
            reason = f"{type(error).__name__}"
        unanswered = Exchange(self._name, instruction, failure=reason)
        return fallen_back(offer.default, self._name, reason), use.total(unanswered)

    @property
    def _name(self) -> str:
        return self._model if isinstance(self._model, str) else self._model.model

    async def _ask(self, run_id: str, instruction: str, asked: Mapping[str, object], use: "_Use") -> str:
        agent = LlmAgent(
            name=APP_NAME,
            model=self._model,
            instruction=instruction,
            include_contents="none",
            output_schema=Answer,
        )
        sessions = InMemorySessionService()
        app = App(name=APP_NAME, root_agent=agent, plugins=self._plugins)
        runner = Runner(app=app, session_service=sessions)
        await sessions.create_session(app_name=APP_NAME, user_id=USER, session_id=run_id)
        message = types.Content(role="user", parts=[types.Part(text=json.dumps(asked))])
        answer = ""
        async for event in runner.run_async(user_id=USER, session_id=run_id, new_message=message):
            use.add(event.usage_metadata)
            if event.error_code:
                raise ModelError(f"the model answered {event.error_code}")
            if event.is_final_response() and event.content and event.content.parts:
                answer = "".join(part.text or "" for part in event.content.parts if not part.thought)
        # What is longer is of no agreed form, and whatever else it holds is not kept.
        return answer[: LONGEST_ANSWER + 1]


class _Use:
    """Counts what the calls took."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls = self._input = self._output = 0

    def add(self, metadata: types.GenerateContentResponseUsageMetadata | None) -> None:
        if metadata is None:
            return
        self._calls += 1
        self._input += metadata.prompt_token_count or 0
        self._output += (metadata.candidates_token_count or 0) + (metadata.thoughts_token_count or 0)

    def total(self, exchange: Exchange) -> ModelUse:
        return ModelUse(self._calls, self._input, self._output, self._cost(), exchange)

    def _cost(self) -> Decimal | None:
        """None for a model without a known price, never zero."""
        from genai_prices import Usage, calc_price

        try:
            return calc_price(
                Usage(input_tokens=self._input, output_tokens=self._output), model_ref=self._model
            ).total_price
        except LookupError:
            return None
