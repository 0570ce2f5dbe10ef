"""Tests that need more than the project itself skip where that is missing, and fail there in a continuous build.

Properties are drawn the same way every time, unless `--hypothesis-profile=full` asks for many more, drawn anew.
"""

import gc
import importlib.metadata
import os
import shutil
import signal
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("fixed", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("brief", settings.get_profile("fixed"), max_examples=12)
settings.register_profile("full", max_examples=1500, deadline=None, print_blob=True)
settings.load_profile("fixed")


# Those that end a command, as a process has them that nobody started in the background.
ENDING: dict[signal.Signals, Any] = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
}

# Marker → (distribution that its tests need, what to do about it).
NEEDED = {
    "real_prices": ("skfolio", "needs the sample prices: install the data group"),
    "oracles": ("empyrical-reloaded", "needs the libraries to compare with: install the oracles group"),
}


# Marker → (programs that its tests run, what to do about it).
PROGRAMS = {
    "java": (
        ("java", "javac", "jar", "keytool", "openssl", "unzip", "curl"),
        "runs the gateway's scripts: install a JDK, openssl, unzip and curl",
    ),
}


def pytest_configure() -> None:
    """Under `nohup` or in the background signals are ignored, and every child that a test starts would inherit that."""
    for number, handler in ENDING.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_finish() -> None:
    """What has been imported and collected stays until the end: to look through it again and again costs a tenth."""
    gc.collect()
    gc.freeze()


def _missing(item: pytest.Item) -> str | None:
    """Why the test cannot run here."""
    for marker, (distribution, reason) in NEEDED.items():
        if item.get_closest_marker(marker) is not None and not _is_installed(distribution):
            return reason
    for marker, (programs, reason) in PROGRAMS.items():
        if item.get_closest_marker(marker) is not None and not all(map(shutil.which, programs)):
            return reason
    return None


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Called before each test."""
    reason = _missing(item)
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
