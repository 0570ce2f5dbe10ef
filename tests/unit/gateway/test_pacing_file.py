"""What an earlier process used of the broker's slow limits binds the next one, at the same gateway only."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import PacingViolation
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.pacing_file import PacingFile
from tests.unit.gateway.scripted import ACCOUNT, MARKER, ScriptedGateway, Time, ok, ready_gateway

MORNING = datetime(2022, 12, 28, 15, 0, tzinfo=UTC)


@dataclass
class Process:
    """A client on a monotonic clock of its own, beside a wall clock that all processes share."""

    gateway: ScriptedGateway
    file: Path
    wall: Time

    def __post_init__(self) -> None:
        self.time = Time(now=0.0)
        http = httpx2.AsyncClient(base_url="http://g/v1/api", transport=httpx2.MockTransport(self.gateway.handle))
        pacer = Pacer(self.time.clock, self.time.sleep, PacingFile(self.file, self.wall.clock))
        self.portal = ClientPortal(http, refuse_simulator=False, pacer=pacer)


def performing() -> ScriptedGateway:
    data = [{"id": ACCOUNT, "navs": [1.0], "baseCurrency": "USD"}]
    return ready_gateway().on("POST /pa/performance", ok({"nav": {"data": data, "dates": ["20261119"]}}))


async def test_the_next_process_waits_for_what_is_left_of_the_limit(tmp_path: Path) -> None:
    file, wall = tmp_path / "state" / "pacing.json", Time()
    await Process(performing(), file, wall).portal.session.primed()
    wall.now += 2.0
    second = Process(performing(), file, wall)
    await second.portal.session.primed()
    assert max(second.time.slept) == pytest.approx(3.0)
    wall.now += 60.0
    third = Process(performing(), file, wall)
    await third.portal.session.primed()
    assert third.time.slept == []


async def test_a_quarter_hour_limit_binds_the_next_process(tmp_path: Path) -> None:
    file, wall = tmp_path / "pacing.json", Time()
    await Process(performing(), file, wall).portal.portfolio.performance(ACCOUNT)
    wall.now += 600.0
    second = Process(performing(), file, wall)
    with pytest.raises(PacingViolation, match="300 s"):
        await second.portal.portfolio.performance(ACCOUNT)
    assert second.gateway.count("POST /pa/performance") == 0


async def test_another_gateway_starts_with_nothing_used(tmp_path: Path) -> None:
    file, wall = tmp_path / "pacing.json", Time()
    await Process(ready_gateway(), file, wall).portal.session.primed()
    simulated = Process(ready_gateway(marker=MARKER), file, wall)
    await simulated.portal.session.primed()
    assert simulated.time.slept == []


def test_a_simulator_whose_time_went_back_is_a_new_one(tmp_path: Path) -> None:
    file, wall = tmp_path / "pacing.json", Time()
    first = PacingFile(file, wall.clock)
    assert first.recognise("simulator", MORNING + timedelta(seconds=9)) == {}
    first.used("live orders")
    wall.now += 1.0
    later = MORNING + timedelta(seconds=10)
    assert PacingFile(file, wall.clock).recognise("simulator", later) == {"live orders": 1.0}
    assert PacingFile(file, wall.clock).recognise("simulator", MORNING) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gateway": "ibkr"}', '{"gateway": "ibkr", "uses": {"a": "x"}}'])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pacing.json"
    file.write_text(text, encoding="utf-8")
    assert PacingFile(file).recognise("ibkr", None) == {}


def test_a_wall_clock_that_was_set_back_does_not_make_a_use_lie_in_the_future(tmp_path: Path) -> None:
    file, wall = tmp_path / "pacing.json", Time()
    first = PacingFile(file, wall.clock)
    first.recognise("ibkr", None)
    first.used("trades")
    wall.now -= 3_600.0
    assert PacingFile(file, wall.clock).recognise("ibkr", None) == {"trades": 0.0}
