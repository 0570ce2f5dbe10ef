"""Databases to put the stored ledgers into. A quick run puts them into SQLite alone."""

from pathlib import Path

import pytest

from tests.support.ledgers import databases, on_postgresql, postgres

__all__ = ["databases", "postgres"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before the marks are looked at."""
    for item in on_postgresql(items, Path(__file__).parent):
        item.add_marker(pytest.mark.slow)
