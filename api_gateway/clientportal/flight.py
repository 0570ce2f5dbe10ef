"""Lets concurrent callers share one gateway call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """While one call is under way, every other caller waits for its result, error included."""

    def __init__(self, call: Callable[[], Awaitable[Result]]) -> None:
        self._call = call
        self._task: asyncio.Task[Result] | None = None

    async def join(self) -> Result:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        # One caller's cancellation must not take the answer from the others.
        return await asyncio.shield(self._task)

    async def _run(self) -> Result:
        return await self._call()
