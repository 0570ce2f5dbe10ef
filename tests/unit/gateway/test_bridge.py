"""How often the brokerage session is opened anew, second by second over hours."""

from itertools import pairwise

import pytest

from api_gateway.clientportal.bridge import BridgeAttempts


def made(attempts: BridgeAttempts, begin: int, end: int, scale: float = 1.0) -> list[int]:
    """The seconds at which an attempt may be made, by somebody who always wants to."""
    return [second for second in range(begin, end) if attempts.take(second, scale)]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_pauses_between_attempts_double_up_to_a_quarter_of_an_hour(scale: float) -> None:
    seconds = made(BridgeAttempts(), 0, int(10_000 * scale), scale)
    pauses = [(after - before) / scale for before, after in pairwise(seconds)]
    assert pauses == [60, 120, 240, 480, *[900] * (len(pauses) - 4)]
    assert len(pauses) == 14


def test_a_success_begins_the_pauses_anew_but_not_the_hour() -> None:
    attempts, seconds = BridgeAttempts(), list[int]()
    for second in range(7200):
        if attempts.take(second, 1.0):
            seconds.append(second)
            attempts.succeeded()
    assert seconds == [*range(8), *range(3600, 3608)]
