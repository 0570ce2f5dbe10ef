"""One tiny question to a model, to see whether it can be asked at all. It decides nothing."""

import asyncio

from app.domain.errors import ModelError

SECONDS = 8.0


async def ask_once(model_name: str) -> str:
    """What the model answered, cut short. ModelError where it did not."""
    # The framework takes a second to import, and only this asks for it.
    from google.adk.models.llm_request import LlmRequest
    from google.adk.models.registry import LLMRegistry
    from google.genai import types

    question = types.Content(role="user", parts=[types.Part(text="Answer with the word ready.")])
    request = LlmRequest(model=model_name, contents=[question])
    request.config = types.GenerateContentConfig(max_output_tokens=64)
    try:
        async with asyncio.timeout(SECONDS):
            told = [answer async for answer in LLMRegistry.new_llm(model_name).generate_content_async(request)]
    except TimeoutError:
        raise ModelError(f"{model_name} did not answer within {SECONDS:g} s", "Try again later.") from None
    except Exception as error:  # noqa: BLE001 - a model's client may fail in any way, and its message can repeat the key
        raise ModelError(
            f"{model_name} cannot be asked: {type(error).__name__}", "Check its key and its name."
        ) from None
    parts = [part.text or "" for answer in told if answer.content for part in answer.content.parts or []]
    if not "".join(parts).strip():
        raise ModelError(f"{model_name} answered nothing", "Check the model's name and its quota.")
    return "".join(parts).strip()[:40]
