import pytest

from tests.unit.simulator.worlds import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()
