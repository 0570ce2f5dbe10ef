"""A sweep's result as plain values, for programs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.backtest.result import Estimate
from app.backtest.sweep.judge import Compared, Row, Swept
from app.explain.difference import changes

SCHEMA_VERSION = 1


def plain(swept: Swept) -> dict[str, Any]:
    """Fields are added, never renamed. Policies best first."""
    best, base = swept.rows[0], swept.base
    return {
        "schema_version": SCHEMA_VERSION,
        "objective": swept.objective.value,
        "sessions": len(swept.dates),
        "first": swept.dates[0].isoformat(),
        "last": swept.dates[-1].isoformat(),
        "trials": swept.trials,
        "varied": {one.field: list(one.values) for one in swept.fields},
        "base": {"name": base.candidate.policy.name, "hash": base.candidate.policy.hash},
        "best": {
            **_row(best),
            "changes": [asdict(one) for one in changes(base.candidate.policy, best.candidate.policy)],
            "in_sample_until": swept.dates[-1].isoformat(),
            "deflated_sharpe": swept.deflated_sharpe,
            **_compared(swept.best),
        },
        "overfitting": swept.overfitting,
        "walk_forward": _forward(swept),
        "policies": [_row(row) for row in swept.rows],
        "invalid": [{"point": dict(one.point), "why": one.why} for one in swept.candidates.invalid],
        "processor_seconds": round(swept.collected.seconds, 3),
        "repeated": swept.candidates.repeated,
        "failed": [
            {"points": [dict(swept.candidates.valid[n].point) for n in one.policies], "why": one.why}
            for one in swept.collected.failures
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "point": dict(row.candidate.point),
        "hash": row.candidate.policy.hash,
        "statistics": dict(row.statistics),
        "near_cash": row.near_cash,
        "marks": list(row.marks),
        "orders": row.orders,
        "decisions_digest": row.decisions_digest,
    }


def _compared(compared: Compared) -> dict[str, Any]:
    return {"intervals": _estimates(compared.statistics), "less_base": _estimates(compared.less_base)}


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: asdict(one) for name, one in found.items()}


def _forward(swept: Swept) -> dict[str, Any] | None:
    forward, compared = swept.forward, swept.forward_compared
    if forward is None or compared is None or swept.split is None:
        return None
    windows = [
        {
            "train_from": swept.dates[one.window.start].isoformat(),
            "test_from": swept.dates[one.window.middle].isoformat(),
            "test_until": swept.dates[one.window.end - 1].isoformat(),
            "point": dict(swept.tried[one.chosen].candidate.point),
            "hash": swept.tried[one.chosen].candidate.policy.hash,
            "in_sample": one.in_sample,
            "out_of_sample": one.out_of_sample,
            "switch_cost": one.switch,
        }
        for one in forward.choices
    ]
    return {
        "years": swept.split.years,
        "months": swept.split.months,
        "in_sample_mean": forward.in_sample,
        "windows": windows,
        **_compared(compared),
    }
