"""One laboratory for every test that forks processes over a simulator of its own."""

from collections.abc import Iterator

import pytest

from tests.reliability.crash.cases import Laboratory, laboratory


@pytest.fixture(scope="session")
def bench() -> Iterator[Laboratory]:
    """Ledgers on SQLite."""
    with laboratory() as opened:
        yield opened
