"""A language model picks one plan id. Where it says anything else, the rules' choice stands, flagged."""

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.models.base_llm import BaseLlm
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.desk.ports import ModelUse, Offer
from app.domain.errors import ModelError
from app.domain.plan import Choice

PROMPT = Path(__file__).parent / "prompts" / "choose_plan.md"
APP_NAME = "plan_chooser"
USER = "desk"


class Answer(BaseModel):
    """All that a model may say."""

    model_config = ConfigDict(extra="forbid")

    plan_id: Annotated[str, StringConstraints(max_length=64)]
    rationale: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


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
        try:
            async with asyncio.timeout(self._timeout):
                text = await self._ask(offer, use)
            return self._choice(offer, text), use.total()
        except ModelError as error:
            reason = error.cause
        except TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
        except Exception as error:  # noqa: BLE001 - a model's client may fail in any way; the day must go on by the rules
            reason = f"{type(error).__name__}"
        default = offer.default
        return Choice(
            default.plan_id, default.rationale, default.chosen_by, f"model {self._name}: {reason}"
        ), use.total()

    @property
    def _name(self) -> str:
        return self._model if isinstance(self._model, str) else self._model.model

    async def _ask(self, offer: Offer, use: "_Use") -> str:
        agent = LlmAgent(
            name=APP_NAME,
            model=self._model,
            instruction=PROMPT.read_text(encoding="utf-8"),
            include_contents="none",
            output_schema=Answer,
        )
        sessions = InMemorySessionService()
        app = App(name=APP_NAME, root_agent=agent, plugins=self._plugins)
        runner = Runner(app=app, session_service=sessions)
        await sessions.create_session(app_name=APP_NAME, user_id=USER, session_id=offer.run_id)
        question = types.Content(role="user", parts=[types.Part(text=json.dumps(_question(offer)))])
        answer = ""
        async for event in runner.run_async(user_id=USER, session_id=offer.run_id, new_message=question):
            use.add(event.usage_metadata)
            if event.error_code:
                raise ModelError(f"the model answered {event.error_code}")
            if event.is_final_response() and event.content and event.content.parts:
                answer = "".join(part.text or "" for part in event.content.parts if not part.thought)
        return answer

    def _choice(self, offer: Offer, text: str) -> Choice:
        try:
            answer = Answer.model_validate_json(text)
        except ValidationError as error:
            raise ModelError("the answer is not of the agreed form") from error
        if answer.plan_id not in {plan.id for plan in offer.plans}:
            raise ModelError("the answer names a plan that was not offered")
        return Choice(answer.plan_id, answer.rationale, f"model:{self._name}")


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

    def total(self) -> ModelUse:
        return ModelUse(self._calls, self._input, self._output, self._cost())

    def _cost(self) -> Decimal | None:
        """None for a model without a known price, never zero."""
        from genai_prices import Usage, calc_price

        try:
            return calc_price(
                Usage(input_tokens=self._input, output_tokens=self._output), model_ref=self._model
            ).total_price
        except LookupError:
            return None


def _question(offer: Offer) -> dict[str, object]:
    return {
        "plans": [
            {
                "plan_id": plan.id,
                "action": plan.action.value,
                "trigger": plan.reason,
                "orders": len(plan.orders),
                "turnover": plan.post_trade.turnover if plan.post_trade else None,
                "after": plan.post_trade.metrics if plan.post_trade else None,
            }
            for plan in offer.plans
        ],
        "measurements": dict(offer.summary),
        "the_rules_would_choose": offer.default.plan_id,
    }
