"""A language model that says what a test tells it."""

from collections.abc import AsyncGenerator, Callable

from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types
from pydantic import Field

Script = Callable[[LlmRequest], LlmResponse]


class ScriptedLlm(BaseLlm):
    """Answers by `script`; `asked` keeps the requests."""

    model: str = "scripted"
    script: Script
    asked: list[LlmRequest] = Field(default_factory=list)

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.asked.append(llm_request)
        yield self.script(llm_request)


def says(text: str, input_tokens: int = 100, output_tokens: int = 20, thoughts: int = 0) -> Script:
    """Always that text."""
    usage = types.GenerateContentResponseUsageMetadata(
        prompt_token_count=input_tokens, candidates_token_count=output_tokens, thoughts_token_count=thoughts
    )
    content = types.Content(role="model", parts=[types.Part(text=text)])
    return lambda _: LlmResponse(content=content, usage_metadata=usage)
