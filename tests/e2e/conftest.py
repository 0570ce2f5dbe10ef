"""What every test of whole commands stands on."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

_ENDING: dict[signal.Signals, Any] = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
}


@pytest.fixture(autouse=True)
def _signals_end_a_command() -> Iterator[None]:
    """Also where the tests run under `nohup` or in the background, whose ignored signals children inherit."""
    ignored = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, _ENDING[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
