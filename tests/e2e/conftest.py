"""What every test of whole commands stands on."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _hang_up_ends_a_command() -> Iterator[None]:
    """Also where the tests themselves run under `nohup`, whose ignored signal every child would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
