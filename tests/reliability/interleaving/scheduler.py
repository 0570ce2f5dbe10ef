"""Lets one worker go on at a time, from one call of a port to the next, in an order that a seed decides.

A worker that is killed stops where it is: every further call of it raises, so that nothing it does can take effect.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from random import Random
from typing import Any

MOST_STEPS = 10_000
_worker: ContextVar[str] = ContextVar("worker")


class Killed(BaseException):
    """The worker's process is gone. No part of the product may catch it."""


class Scheduler:
    """`between` is called whenever all workers wait: the world may move, and kill."""

    def __init__(self, rng: Random, between: Callable[[], None]) -> None:
        self._rng = rng
        self._between = between
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._dead: set[str] = set()
        self.switches = 0

    @property
    def waiting(self) -> list[str]:
        """Workers that wait to go on."""
        return sorted(self._waiting)

    async def pause(self, _: str) -> None:
        """Wait for one's turn. Who belongs to no worker is not made to wait."""
        worker = _worker.get(None)
        if worker is None:
            return
        if worker not in self._dead:
            turn = asyncio.get_running_loop().create_future()
            self._waiting[worker] = turn
            await turn
        if worker in self._dead:
            raise Killed(worker)

    def kill(self, worker: str) -> None:
        """It never goes on from where it waits."""
        self._dead.add(worker)
        self._resume(worker)

    def revive(self, worker: str) -> None:
        """A new process in the place of a killed one."""
        self._dead.discard(worker)

    async def run(self, workers: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        """To the end of all of them."""
        tasks = {name: asyncio.create_task(_named(name, work)) for name, work in workers.items()}
        while True:
            await self._rest(tasks)
            if not self._waiting:
                break
            self.switches += 1
            self._between()
            if self._waiting:
                self._resume(self._rng.choice(self.waiting))
        await asyncio.gather(*tasks.values())

    async def _rest(self, tasks: Mapping[str, asyncio.Task[None]]) -> None:
        """Until every worker waits or has ended."""
        # A worker goes on by itself for many steps of the loop, and nothing marks the last of them.
        for _ in range(MOST_STEPS):
            if all(task.done() or name in self._waiting for name, task in tasks.items()):
                return
            await asyncio.sleep(0)
        raise RuntimeError("a worker waits for something that is not a port")

    def _resume(self, worker: str) -> None:
        self._waiting.pop(worker).set_result(None)


async def _named(name: str, work: Coroutine[Any, Any, None]) -> None:
    _worker.set(name)
    await work
