"""Daily runs as a caller sees them: wall time, its stages, and every call that they took."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from tests.benchmarks.pacing import Minimum, pacing_minimum, run_only
from tests.benchmarks.world import MeasurementFailed, World

HISTORY_TOOL = "history"
HISTORY_PATH = "GET /iserver/marketdata/history"
AROUND = "around them"


@dataclass(frozen=True, slots=True)
class RunSample:
    """One run: `seconds` from the request to the report; `stages` in milliseconds; calls by tool and by path."""

    seconds: float
    minimum: Minimum
    stages: Mapping[str, float]
    mcp: Mapping[str, int]
    gateway: Mapping[str, int]
    instruments: int
    positions: int
    orders: int

    @property
    def beyond(self) -> float:
        """Seconds that are ours: not imposed by pacing."""
        return self.seconds - self.minimum.seconds

    @property
    def mcp_reads(self) -> int:
        """Calls of tools, histories apart."""
        return sum(self.mcp.values()) - self.mcp.get(HISTORY_TOOL, 0)

    @property
    def gateway_reads(self) -> int:
        """Requests to the gateway, histories apart."""
        return sum(self.gateway.values()) - self.gateway.get(HISTORY_PATH, 0)


def measure_run(world: World, service: str) -> RunSample:
    """One real run of the day. Raises: MeasurementFailed unless the run is done."""
    before = world.gateway_calls()
    started = perf_counter()
    answer = world.http.post(f"{service}/run/daily")
    seconds = perf_counter() - started
    report = answer.json()
    if answer.status_code != 200 or report["status"] != "done":
        raise MeasurementFailed(f"the run ended with status {answer.status_code}: {report}")
    after = world.gateway_calls()
    calls = run_only({name: count - before.get(name, 0) for name, count in after.items()})
    stages = {name: value for name, value in report["timings_ms"].items() if name != "total"}
    return RunSample(
        seconds=seconds,
        minimum=pacing_minimum(calls, world.pacing),
        stages={**stages, AROUND: seconds * 1000 - sum(stages.values())},
        # The session is read once before there is a run whose calls could be counted.
        mcp={**report["broker"]["calls_by_tool"], "session_status": 1},
        gateway=calls,
        # Every quoted name and the index have a history.
        instruments=len(report["market"]["quotes"]) + 1,
        positions=len(report["portfolio"]["positions"]),
        orders=len(report["orders"]),
    )


def collect(
    world: World, service: str, move: Callable[[], None], wanted: Callable[[RunSample], bool], count: int
) -> tuple[RunSample, ...]:
    """`count` runs of the wanted kind, a new day each. Raises: MeasurementFailed when three times as many do not do."""
    found: list[RunSample] = []
    for _ in range(3 * count):
        move()
        sample = measure_run(world, service)
        if wanted(sample):
            found.append(sample)
        if len(found) == count:
            return tuple(found)
    raise MeasurementFailed(f"only {len(found)} of {count} runs were of the wanted kind")


def without_orders(sample: RunSample) -> bool:
    """A day on which nothing was to be done."""
    return sample.orders == 0


def with_orders(sample: RunSample) -> bool:
    """A day on which something was traded."""
    return sample.orders > 0


def median_of(samples: Sequence[RunSample], value: Callable[[RunSample], float]) -> float:
    """The middle one; of an even number, the mean of the two in the middle."""
    return float(median(value(sample) for sample in samples))


def stage_medians(samples: Sequence[RunSample]) -> dict[str, float]:
    """Milliseconds per stage, each the median over the runs."""
    return {name: float(median(sample.stages[name] for sample in samples)) for name in samples[0].stages}
