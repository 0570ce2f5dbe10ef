"""ibind, another client of the gateway, written against the real one by others. It has no types."""

import importlib
import os
from typing import Any

import pytest


def loaded() -> Any:  # noqa: ANN401
    """The library, without the settings file that it would look for and without its log files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IBIND_ENV_FILE", os.devnull)
        patch.setenv("IBIND_LOG_TO_FILE", "false")
        return importlib.import_module("ibind")
