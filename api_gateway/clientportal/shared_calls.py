"""One gateway call for all who ask the same at the same time (single flight). A call that is over is never shared."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedCalls(Generic[Result]):
    """While a call is under way, every other caller with its key waits for its result, error included."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Result]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[Result]]) -> Result:
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_run(call))
            task.add_done_callback(lambda done: self._forget(key, done))
        # One caller's cancellation must not take the answer from the others.
        return await asyncio.shield(task)

    def _forget(self, key: Hashable, task: asyncio.Task[Result]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Looked at here, so that an error all of whose callers went away is not reported as forgotten.
            task.exception()


async def _run(call: Callable[[], Awaitable[Result]]) -> Result:
    return await call()
