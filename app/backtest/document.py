"""A backtest as JSON: the contract for programs. Fields are added, never renamed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np

from app.backtest.history import History
from app.backtest.result import Backtest, Benchmark, Estimate, Judged
from app.backtest.statistics.bootstrap import LEVEL
from app.backtest.statistics.periods import Drawdown, Period
from app.domain.ruling import KillLevel

SCHEMA_VERSION = 1


def document(backtest: Backtest) -> dict[str, Any]:
    """Ratios are fractions, money is in the account's currency, dates are ISO; what is not defined is null."""
    first = backtest.judged[0].replayed
    history = backtest.history
    return {
        "schema_version": SCHEMA_VERSION,
        "marks": list(backtest.marks),
        "policies": [_policy(one) for one in backtest.judged],
        "assumptions": list(backtest.assumptions),
        "data": data(history, first.dates),
        "intervals": {"level": LEVEL, "block": backtest.block, "draws": backtest.draws},
        "trials": backtest.trials,
        "seed": backtest.seed,
        "in_sample_until": _plain(backtest.in_sample_until),
        "checks": [asdict(one) for one in backtest.checks],
    }


def data(history: History, dates: Sequence[date]) -> dict[str, Any]:
    """What it is, and the sessions that were decided."""
    return {
        "name": history.name,
        "source": history.source,
        "adjustment": history.adjustment.value,
        "digest": history.digest,
        "names": [one.symbol for one in history.instruments],
        "first": dates[0].isoformat(),
        "last": dates[-1].isoformat(),
        "sessions": len(dates),
        "notes": list(history.notes),
    }


def _policy(judged: Judged) -> dict[str, Any]:
    replayed = judged.replayed
    statistics = judged.statistics
    return {
        "name": replayed.policy.name,
        "hash": replayed.policy.hash,
        "currency": replayed.start.currency,
        "nav": {"start": float(replayed.nav[0]), "end": float(replayed.nav[-1])},
        "statistics": _estimates(statistics),
        "benchmarks": {one.name: _benchmark(one) for one in judged.benchmarks},
        "by_block": {str(block): _estimates(found) for block, found in judged.by_block.items()},
        "drawdown": _plain(judged.drawdown),
        "periods": _plain(judged.periods),
        "exposure": {
            "mean": float(replayed.exposure.mean()),
            "sessions_below_20pct": _whole(statistics["sessions_below_20pct"]),
        },
        "levels": {level.value: _value(statistics[f"days_{level.value.lower()}"]) for level in KillLevel},
        "recovery": dict(judged.recovery),
        "actions": _plain(judged.actions),
        "rules": _plain(judged.rules),
        "earned": _plain(judged.earned),
        "without": {name: _estimates(found) for name, found in judged.without.items()},
        "claims": _plain(judged.claims),
        "orders": len(replayed.done),
        "decisions_digest": replayed.decisions_digest,
    }


def _benchmark(one: Benchmark) -> dict[str, Any]:
    return {
        "words": one.words,
        "nav_end": float(one.nav[-1]),
        "statistics": _estimates(one.statistics),
        "differences": _estimates(one.differences),
        "by_block": {str(block): _estimates(found) for block, found in one.by_block.items()},
        "drawdown": _plain(one.drawdown),
        "periods": _plain(one.periods),
    }


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: asdict(one) for name, one in found.items()}


def _value(estimate: Estimate) -> float | None:
    return estimate.value


def _whole(estimate: Estimate) -> int | None:
    return None if estimate.value is None else round(estimate.value)


def _plain(value: object) -> object:
    match value:
        case Estimate() | Drawdown() | Period():
            return _plain(asdict(value))
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case str() | int() | float() | None:
            return value
        case np.generic():
            return value.item()
        case Sequence():
            return [_plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} has no place in a backtest's JSON")
