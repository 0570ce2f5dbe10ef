"""Tests of real prices skip where the sample is not installed, and fail there in continuous integration.

Properties are drawn the same way every time, unless `--hypothesis-profile=full` asks for many more, drawn anew.
"""

import importlib.metadata
import os

import pytest
from hypothesis import settings

settings.register_profile("fixed", max_examples=60, derandomize=True, deadline=None)
settings.register_profile("brief", settings.get_profile("fixed"), max_examples=12)
settings.register_profile("full", max_examples=1500, deadline=None, print_blob=True)
settings.load_profile("fixed")


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
