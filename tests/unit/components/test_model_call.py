"""One question to a model: what it says, and an error without the key in it where it cannot."""

from collections.abc import AsyncGenerator

import pytest
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.models.registry import LLMRegistry
from google.genai import types

from app.components.model_call import ask_once
from app.domain.errors import ModelError

KEY = "key-of-the-test"


class Scripted(BaseLlm):
    """Answers by its name."""

    @classmethod
    def supported_models(cls) -> list[str]:
        return [r"scripted-.*"]

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        assert llm_request.model == self.model
        if self.model == "scripted-refusal":
            raise PermissionError(f"the key {KEY} is wrong")
        text = "" if self.model == "scripted-silence" else "ready " * 20
        yield LlmResponse(content=types.Content(role="model", parts=[types.Part(text=text)]))


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    LLMRegistry.register(Scripted)


async def test_an_answer_is_cut_short() -> None:
    assert (await ask_once("scripted-answer")).startswith("ready ready")
    assert len(await ask_once("scripted-answer")) <= 40


async def test_a_refusal_is_told_without_the_clients_words() -> None:
    with pytest.raises(ModelError) as told:
        await ask_once("scripted-refusal")
    assert "PermissionError" in str(told.value)
    assert KEY not in str(told.value)


async def test_silence_and_an_unknown_name_are_no_answers() -> None:
    for name in ("scripted-silence", "unheard-of"):
        with pytest.raises(ModelError):
            await ask_once(name)
