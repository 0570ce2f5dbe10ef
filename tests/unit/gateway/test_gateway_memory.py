"""What an earlier process used of the broker's slow limits binds the next one, at the same gateway only."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.gateway_memory import GatewayMemory
from tests.unit.gateway.scripted import ACCOUNT, MARKER, ScriptedGateway, Time, ok, portal_to, ready_gateway

MORNING = datetime(2022, 12, 28, 15, 0, tzinfo=UTC)
PERFORMANCE = "POST /pa/performance"


class World:
    """Processes that come and go, each with a monotonic clock of its own, beside one wall clock and one file."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "state" / "gateway.json"
        self.wall = Time()

    def process(self, gateway: ScriptedGateway) -> tuple[ClientPortal, Time]:
        time = Time(now=0.0)
        return portal_to(gateway, time, memory=self.memory()), time

    def memory(self) -> GatewayMemory:
        return GatewayMemory(self.file, self.wall.clock)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def performing(marker: dict[str, object] | None = None) -> ScriptedGateway:
    data = [{"id": ACCOUNT, "navs": [1.5], "baseCurrency": "USD"}]
    return ready_gateway(marker=marker).on(PERFORMANCE, ok({"nav": {"data": data, "dates": ["20261119"]}}))


async def test_the_next_process_waits_for_what_is_left_of_the_limit(world: World) -> None:
    first, _ = world.process(ready_gateway())
    await first.session.prime()
    world.wall.now += 2.0
    second, time = world.process(ready_gateway())
    await second.session.prime()
    assert max(time.slept) == pytest.approx(3.0, rel=1e-3)
    world.wall.now += 60.0
    third, time = world.process(ready_gateway())
    await third.session.prime()
    assert time.slept == []


async def test_the_next_process_serves_the_performance_that_it_may_not_ask_for_yet(world: World) -> None:
    first, _ = world.process(performing())
    found = await first.portfolio.performance(ACCOUNT)
    world.wall.now += 600.0
    gateway = performing()
    second, _ = world.process(gateway)
    assert await second.portfolio.performance(ACCOUNT) == found
    with pytest.raises(PacingViolation, match="300 s"):
        await second.portfolio.performance("DU7654321")
    assert gateway.count(PERFORMANCE) == 0


async def test_another_gateway_starts_with_nothing_used_and_nothing_known(world: World) -> None:
    first, _ = world.process(performing())
    await first.portfolio.performance(ACCOUNT)
    gateway = performing(MARKER)
    simulated, time = world.process(gateway)
    found = await simulated.portfolio.performance(ACCOUNT)
    assert time.slept == []
    assert found.as_of == MORNING
    assert gateway.count(PERFORMANCE) == 1


def test_a_simulator_whose_time_went_back_is_a_new_one(world: World) -> None:
    first = world.memory()
    first.recognise("simulator", MORNING + timedelta(seconds=9))
    assert first.ages() == {}
    first.use("live orders")
    world.wall.now += 1.0
    same, new = world.memory(), world.memory()
    same.recognise("simulator", MORNING + timedelta(seconds=10))
    assert same.ages() == {"live orders": 1.0}
    new.recognise("simulator", MORNING)
    assert new.ages() == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"gateway": "ibkr", "uses": {"a": "x"}}', '{"gateway": "ibkr", "uses": {"a": NaN}}', "\x00"],
)
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(text, encoding="utf-8")
    memory = GatewayMemory(file)
    memory.recognise("ibkr", None)
    assert memory.ages() == {}


def test_a_wall_clock_that_was_set_back_does_not_make_a_use_lie_in_the_future(world: World) -> None:
    first, second = world.memory(), world.memory()
    first.recognise("ibkr", None)
    first.use("trades")
    world.wall.now -= 3_600.0
    second.recognise("ibkr", None)
    assert second.ages() == {"trades": 0.0}


def test_the_file_is_for_its_owner_only(world: World) -> None:
    memory = world.memory()
    memory.recognise("ibkr", None)
    memory.use("trades")
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o600


async def test_a_file_that_cannot_be_written_stops_no_work_and_binds_this_process_still(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.file.parent.write_text("where a directory belongs")
    gateway = performing()
    portal, _ = world.process(gateway)
    found = await portal.portfolio.performance(ACCOUNT)
    assert await portal.portfolio.performance(ACCOUNT) == found
    assert gateway.count(PERFORMANCE) == 1
    assert f"{world.file} cannot be written" in caplog.text
