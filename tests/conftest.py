"""Tests of real prices skip where the sample is not installed, and fail there in continuous integration."""

import importlib.metadata
import os

import pytest


def _sample_is_installed() -> bool:
    try:
        importlib.metadata.distribution("skfolio")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Called before each test."""
    if item.get_closest_marker("real_prices") is None or _sample_is_installed():
        return
    reason = "needs the sample prices: install the data group"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
