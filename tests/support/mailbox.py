"""Where notices arrive in tests: a real address that takes what is posted to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.serving import served


@dataclass
class Mailbox:
    """Takes what is posted to it, after `failures` refusals."""

    failures: int = 0
    posted: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        async with served(Starlette(routes=[Route("/hook", self._take, methods=["POST"])])) as address:
            yield address.replace("http://", "json://") + "/hook"

    async def _take(self, request: Request) -> Response:
        if self.failures:
            self.failures -= 1
            return Response(status_code=500)
        self.posted.append(await request.json())
        self.came.set()
        return Response()
