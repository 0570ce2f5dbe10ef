"""Turns what was measured into figures beside their targets. It judges, and never leaves a missed target out."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tests.benchmarks.ledger_cost import LedgerSample
from tests.benchmarks.quiet_day import CPU_MILLISECONDS, TRANSACTIONS, QuietDays
from tests.benchmarks.runs import HISTORY_TOOL, RunSample, median_of, stage_medians
from tests.benchmarks.series import FRESH, QUIET, TRADING, Group, Measured
from tests.benchmarks.starts import bytecode_missing

BEYOND_SECONDS: Final = 1.5
READS: Final = 12
CALLS_PER_ORDER: Final = 6
IMPORT_SECONDS: Final = 2.5
HEALTH_SECONDS: Final = 4.0
MEMORY_MEBIBYTES: Final = 250


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `target` is the most it may be, None for a number that is shown for information."""

    name: str
    value: float
    unit: str
    target: float | None
    measured: int

    @property
    def met(self) -> bool | None:
        """None without a target."""
        return None if self.target is None else self.value <= self.target

    def as_json(self) -> dict[str, Any]:
        """`measured` is the number of measurements whose median it is."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
            "measured": self.measured,
        }


def figures(measured: Measured) -> tuple[Figure, ...]:
    """All of them, in the order in which they are shown."""
    return (
        *(figure for group in measured.groups for figure in _times(group)),
        *_call_figures(measured),
        *_process_figures(measured),
        *(figure for days in measured.quiet_days for figure in _quiet_figures(days)),
        *_cost_figures(measured),
    )


def as_json(measured: Measured, load: Sequence[float]) -> dict[str, Any]:
    """The figures, the stages behind them and the machine; `load` is its load average before the measurement."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "load_before": [round(value, 2) for value in load],
            "modules_without_bytecode": list(bytecode_missing()),
            "interpreter": sys.implementation.name,
        },
        "figures": [figure.as_json() for figure in figures(measured)],
        "runs": [_group_json(group) for group in measured.groups],
    }


def _times(group: Group) -> tuple[Figure, ...]:
    label, count = f"{group.name} (pacing {group.pacing:g})", len(group.samples)
    return (
        Figure(f"{label}: wall time", median_of(group.samples, lambda s: s.seconds), "s", None, count),
        Figure(f"{label}: imposed by pacing", median_of(group.samples, lambda s: s.minimum.seconds), "s", None, count),
        Figure(f"{label}: beyond it", median_of(group.samples, lambda s: s.beyond), "s", BEYOND_SECONDS, count),
    )


def _call_figures(measured: Measured) -> tuple[Figure, ...]:
    quiet, fresh = measured.group(QUIET).samples, measured.group(FRESH).samples
    trading = measured.group(TRADING).samples
    mcp_base, gateway_base = median_of(quiet, lambda s: s.mcp_reads), median_of(quiet, lambda s: s.gateway_reads)
    return (
        Figure("MCP reads, first run of all", median_of(fresh, _mcp_reads), "calls", READS, len(fresh)),
        Figure("MCP reads, later run", mcp_base, "calls", READS, len(quiet)),
        Figure("gateway reads, first run of all", median_of(fresh, _reads), "calls", READS, len(fresh)),
        Figure("gateway reads, later run", gateway_base, "calls", READS, len(quiet)),
        Figure("history calls per instrument, later run", median_of(quiet, _histories), "calls", 1, len(quiet)),
        Figure(
            "MCP calls per order",
            median_of(trading, lambda s: (s.mcp_reads - mcp_base) / s.orders),
            "calls",
            CALLS_PER_ORDER,
            len(trading),
        ),
        Figure(
            "gateway calls per order",
            median_of(trading, lambda s: (s.gateway_reads - gateway_base) / s.orders),
            "calls",
            CALLS_PER_ORDER,
            len(trading),
        ),
    )


def _mcp_reads(sample: RunSample) -> float:
    return sample.mcp_reads


def _reads(sample: RunSample) -> float:
    return sample.gateway_reads


def _histories(sample: RunSample) -> float:
    return sample.mcp.get(HISTORY_TOOL, 0) / sample.instruments


def _process_figures(measured: Measured) -> tuple[Figure, ...]:
    imports, kept, new = measured.imports, measured.starts_with_ledger, measured.starts_without_ledger
    memory = measured.memory_after_first
    return (
        Figure("import of app.main", median(imports), "s", IMPORT_SECONDS, len(imports)),
        Figure("first 200 on /health", median(kept), "s", HEALTH_SECONDS, len(kept)),
        Figure("first 200 on /health, new ledger", median(new), "s", HEALTH_SECONDS, len(new)),
        Figure("resident memory after the first run", median(memory), "MiB", MEMORY_MEBIBYTES, len(memory)),
        Figure("resident memory after the later runs", measured.later.memory, "MiB", MEMORY_MEBIBYTES, 1),
        Figure("resident memory that each of them added", measured.later.growth, "MiB", None, 1),
    )


def _quiet_figures(days: QuietDays) -> tuple[Figure, ...]:
    name = f"quiet day, {days.database}"
    return (
        Figure(f"{name}: ledger transactions", days.transactions, "", TRANSACTIONS, days.days),
        Figure(f"{name}: CPU of desk and ledger", days.cpu, "ms", CPU_MILLISECONDS, days.days),
        Figure(f"{name}: of which in the ledger", days.ledger_cpu, "ms", None, days.days),
        Figure(f"{name}: of which for what is kept", days.record_cpu, "ms", None, days.days),
    )


def _cost_figures(measured: Measured) -> tuple[Figure, ...]:
    count = len(measured.group(QUIET).samples)
    added = tuple(
        Figure(f"MCP adds to {overhead.tool}", overhead.difference, "ms", None, count)
        for overhead in measured.later.overheads
    )
    return (*added, *_ledger_figures(measured.later.ledger))


def _ledger_figures(samples: Sequence[LedgerSample]) -> tuple[Figure, ...]:
    quiet = [sample for sample in samples if sample.orders == 0]
    trading = [sample for sample in samples if sample.orders > 0]
    found: list[Figure] = []
    if quiet:
        base = median(sample.milliseconds for sample in quiet)
        calls = float(median(sample.calls for sample in quiet))
        found = [
            Figure("ledger, run without orders", base, "ms", None, len(quiet)),
            Figure("ledger calls, run without orders", calls, "calls", None, len(quiet)),
        ]
        if trading:
            each = median((sample.milliseconds - base) / sample.orders for sample in trading)
            found.append(Figure("ledger, per order", each, "ms", None, len(trading)))
    return tuple(found)


def _group_json(group: Group) -> dict[str, Any]:
    samples = group.samples
    bindings = sorted({sample.minimum.binding or "none" for sample in samples})
    return {
        "name": group.name,
        "pacing": group.pacing,
        "runs": len(samples),
        "positions": [min(s.positions for s in samples), max(s.positions for s in samples)],
        "orders": [min(s.orders for s in samples), max(s.orders for s in samples)],
        "binding_limits": bindings,
        "stages_ms": {name: round(value, 1) for name, value in stage_medians(samples).items()},
        "seconds": [round(sample.seconds, 3) for sample in samples],
        "imposed_seconds": [round(sample.minimum.seconds, 3) for sample in samples],
        "gateway_calls": dict(sorted(samples[-1].gateway.items())),
        "mcp_calls": dict(sorted(samples[-1].mcp.items())),
    }
