"""What targets, the choice of names and the way back from a fall come to on a report's day, in words."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from app.domain.policy import RecoveryMode, Weighting
from app.domain.policy.fields import CASH
from app.explain.day import Day, Words, listed


def _symbols(day: Day, _: str) -> str:
    targets, weights = day.policy.allocation.symbols, {row["symbol"]: row["weight"] for row in day.positions}
    found = [f"{symbol} {weights.get(symbol, 0.0):.1%} against {target:.1%}" for symbol, target in targets.items()]
    return listed(found) or "no target of a single name"


def _classes(day: Day, _: str) -> str:
    targets = {name: target for name, target in day.policy.allocation.asset_classes.items() if name != CASH}
    rows = {r["name"]: r["weight"] for r in day.report["evaluation"]["drift"] if r["kind"] == "asset_class"}
    found = [f"{name} {rows[name]:.1%} against {target:.1%}" for name, target in targets.items() if name in rows]
    return listed(found) or "no targets by class: all that may be invested is one"


def _sectors(day: Day, _: str) -> str:
    targets, weights = day.policy.allocation.sectors, _sector_weights(day)
    if not targets:
        return "no target of a sector"
    off = {s: weights.get(s, 0.0) - target for s, target in targets.items()}
    ordered = sorted(off, key=lambda sector: -abs(off[sector]))
    return "farthest off: " + listed([f"{sector} {off[sector]:+.1%}" for sector in ordered])


def _sector_weights(day: Day) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for row in day.positions:
        if row["symbol"] not in day.policy.universe.diversified_funds:
            weights[row["sector"]] += row["weight"]
    return weights


def _names(day: Day, _: str) -> str:
    most = day.policy.allocation.selection.names
    if most is None:
        return f"{len(day.positions)} names are held, and stay as long as they have room"
    weights = day.policy.allocation.sectors and _sector_weights(day)
    if not weights:
        return f"{len(day.positions)} names are held"
    counts = {sector: sum(row["sector"] == sector for row in day.positions) for sector in weights}
    return "held: " + listed([f"{count} of {sector}" for sector, count in sorted(counts.items())])


def _own_policy(words: Callable[[Day], str]) -> Words:
    """What only a run under this very policy tells."""

    def told(day: Day, _: str) -> str:
        return words(day) if day.same else "the newest run was made under another policy and does not tell"

    return told


def _chosen(day: Day) -> str:
    selection, rows = day.policy.allocation.selection, _name_rows(day)
    if not selection.scores and selection.names is None:
        return "nothing ranks the names"
    joins = [row["name"] for row in rows if row["weight"] == 0 and row["attainable"] > 0]
    leaves = [row["name"] for row in rows if row["weight"] > 0 and row["attainable"] == 0]
    return f"to be bought: {listed(joins) or 'none'}; to be given up: {listed(leaves) or 'none'}"


def _weighting(day: Day) -> str:
    rows = sorted(_name_rows(day), key=lambda row: (-row["attainable"], row["name"]))
    if day.policy.allocation.weighting is Weighting.AS_HELD and day.policy.allocation.sectors:
        return f"{len(day.positions)} names keep the proportions of their sectors"
    largest = listed([f"{row['name']} {row['attainable']:.1%}" for row in rows])
    return f"the largest targets: {largest or 'none'}"


def _name_rows(day: Day) -> Sequence[Mapping[str, Any]]:
    return [row for row in day.report["evaluation"]["drift"] if row["kind"] == "name"]


def _drift(day: Day, _: str) -> str:
    threshold, found = day.policy.allocation.drift_threshold, _drifts(day)
    off = [name for name, away in found.items() if abs(away) > threshold]
    return f"{len(off)} of {len(found)} targets are farther off: {listed(off) or 'none'}"


def _drifts(day: Day) -> dict[str, float]:
    """Sector, or without sector targets name or class → weight less the target, the policy's own where it has one."""
    targets, weights = day.policy.allocation.sectors, _sector_weights(day)
    if targets:
        return {sector: weights.get(sector, 0.0) - target for sector, target in targets.items()}
    return {row["name"]: row["weight"] - row["attainable"] for row in day.report["evaluation"]["drift"]}


def _frequency(day: Day, _: str) -> str:
    memory, least = day.memory, day.policy.allocation.frequency.sessions
    moved = [ago for ago in (memory.get("last_rebalance"), memory.get("last_rotation")) if ago is not None]
    if not moved or min(moved) >= least:
        last = f"the last rebalance or rotation was {min(moved)} sessions ago" if moved else "none is on record"
        return f"{last}: drift may be corrected"
    return f"the last rebalance or rotation was {min(moved)} sessions ago: drift rests {least - min(moved)} more"


def _recovery(day: Day) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (day.report.get("targets") or {}).get("recovery")
    return found


def _way_back(words: Callable[[Mapping[str, Any]], str]) -> Words:
    def told(day: Day, _: str) -> str:
        found = _recovery(day)
        return "the account is on no way back from a fall" if found is None else words(found)

    return told


def _mode(found: Mapping[str, Any]) -> str:
    bought = f"on the way back since {found['began']}: bought up to {found['cap'] or 0:.1%}"
    waits = found["mode"] == RecoveryMode.PERSON and found["rebased"] is None and not found["cap"]
    return f"{bought}; a person has to resume first" if waits else bought


def _mark(found: Mapping[str, Any]) -> str:
    if found["rebased"] is not None:
        return f"falls count from {found['rebased']}"
    if found["mark_latest"] is None:
        return "falls count anew once a person has resumed"
    earliest, latest = found["mark_earliest"], found["mark_latest"]
    return f"falls count anew from {earliest} where the trend is no bear, from {latest} in any case"


def _steps(found: Mapping[str, Any]) -> str:
    if found["next_step"] is None:
        return "no step before a person has resumed"
    return f"up to {found['next_cap']:.1%} on {found['next_step']} at the earliest, unless the account falls anew"


TARGET_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "allocation.symbols_pct": _symbols,
        "allocation.asset_classes_pct": _classes,
        "allocation.sectors_pct": _sectors,
        "allocation.selection.names": _names,
        "allocation.selection.scores": _own_policy(_chosen),
        "allocation.selection.keep_ranks": _own_policy(_chosen),
        "allocation.weighting": _own_policy(_weighting),
        "allocation.drift_threshold_pct": _drift,
        "allocation.frequency": _frequency,
        "recovery.mode": _way_back(_mode),
        "recovery.after_sessions": _way_back(_mark),
        "recovery.most_sessions": _way_back(_mark),
        "recovery.step_pct": _way_back(_steps),
        "recovery.every_sessions": _way_back(_steps),
    }
)
