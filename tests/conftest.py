"""Tests of real prices or against other libraries skip where those are missing, and fail there in a continuous build.

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


# Marker → (distribution that its tests need, what to do about it).
NEEDED = {
    "real_prices": ("skfolio", "needs the sample prices: install the data group"),
    "oracles": ("empyrical-reloaded", "needs the libraries to compare with: install the oracles group"),
}


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Called before each test."""
    for marker, (distribution, reason) in NEEDED.items():
        if item.get_closest_marker(marker) is None or _is_installed(distribution):
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
