"""A request for historical bars, which comes by an endpoint or by the socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.history_bars import (
    Chart,
    Window,
    chart_of,
    check_step,
    empty_envelope,
    envelope,
    window_of,
)
from api_gateway.simulator.exchange.hours import Moment
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World


def _window_end(world: World, text: str | None) -> datetime:
    """`startTime` is the END of the window (default direction); UTC, as YYYYMMDD-HH:mm:ss."""
    now = world.clock.now()
    if text is None:
        return now
    try:
        asked = datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise refused(400, "Bad Request: startTime must be YYYYMMDD-HH:mm:ss") from error
    return min(asked, now)


def _moment_at(world: World, end: datetime) -> Moment | None:
    """None where no bar can exist: the first session has no prior close to start from."""
    if end.timestamp() < int(world.market.calendar.opens[1]):
        return None
    return world.market.calendar.moment(end)


@dataclass(frozen=True)
class AskedChart:
    """A request for bars; `chart` is None where there is none."""

    contract: Contract
    period: str
    window: Window
    end: datetime
    chart: Chart | None


def asked_chart(world: World, query: Mapping[str, str]) -> AskedChart:
    conid, period = whole_number(query.get("conid", "")), query.get("period", "")
    contract = world.universe.by_conid.get(conid) if conid is not None else None
    if contract is None or not contract.has_prices:
        raise refused(500, "Chart data unavailable")
    if query.get("direction", "-1") != "-1":
        raise refused(400, "Bad Request: the simulated history knows direction -1 alone")
    cold = contract.conid not in world.session.charted
    world.session.charted.add(contract.conid)
    if cold and world.rules.cold_history:
        raise refused(500, "Chart data unavailable")
    if world.rules.step_table:
        check_step(period, query.get("bar"))
    end = _window_end(world, query.get("startTime"))
    moment = _moment_at(world, end)
    window = window_of(period, query.get("bar"), world.market, moment or world.moment())
    chart = chart_of(world.market, contract, window, moment) if moment is not None else None
    return AskedChart(contract, period, window, end, chart)


def chart_envelope(world: World, asked: AskedChart) -> dict[str, Any]:
    if asked.chart is None:
        return empty_envelope(world.market, asked.contract, asked.period, asked.window, asked.end)
    return envelope(world.market, asked.contract, asked.period, asked.window, asked.chart)
