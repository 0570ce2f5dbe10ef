"""A canned server on loopback and the adapter's connection to it."""

from collections.abc import AsyncIterator

import pytest

from app.broker.connection import McpConnection
from tests.support.serving import served
from tests.unit.broker.canned import TOKEN, Canned, application


@pytest.fixture
def canned() -> Canned:
    return Canned()


@pytest.fixture
async def connection(canned: Canned) -> AsyncIterator[McpConnection]:
    async with served(application(canned)) as address:
        opened = McpConnection(f"{address}/mcp", TOKEN)
        yield opened
        await opened.close()
