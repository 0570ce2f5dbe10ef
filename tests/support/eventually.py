"""What becomes so after its caller has gone: asked again until it is, or for a minute."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")
LOOKS = 600
PAUSE_SECONDS = 0.1


async def eventually(ask: Callable[[], Awaitable[Answer]], expected: Answer) -> Answer:
    """The expected answer as soon as it is given, else the last one."""
    for _ in range(LOOKS):
        if await ask() == expected:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return await ask()
