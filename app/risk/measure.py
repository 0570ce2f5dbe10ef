"""A portfolio measured against a policy: every metric with its limit, exits due, drift and exposure caps.

Must never fill a gap: what cannot be computed is UNKNOWN and says why.
"""

from collections.abc import Collection

import numpy as np

from app.domain.adoption import mode_of
from app.domain.evaluation import Drift, Evaluation, Metric, Severity
from app.domain.policy import AdoptionMode
from app.domain.tolerance import TOLERANCE
from app.domain.universe import blocked_names, eligible, is_legacy
from app.risk import limits
from app.risk.aim import aim
from app.risk.bearable import bearable_vector
from app.risk.exits import Holdings, exits_due
from app.risk.today import Today
from app.risk.vector import Key


def measure(today: Today) -> Evaluation:
    """Raises: DataError for a NAV that is not above zero, or returns that are not finite."""
    policy, market, found = today.policy, today.market, today.before
    buyable = eligible(policy, market)
    names = today.arrays.instruments
    locked = blocked_names(policy, market, names)
    legacy = frozenset(name.conid for name in names if is_legacy(policy, name))
    # What the policy would not hold and leaves alone is held: it is no reason to sell what it would.
    left_alone = mode_of(policy, today.memory.adoption) is AdoptionMode.ADOPT
    aimed = bearable_vector(today, aim(today, buyable, locked.union(legacy) if left_alone else locked, legacy))
    return Evaluation(
        nav=found.nav,
        cash_weight=found.cash_weight,
        exposure=found.exposure,
        weights=found.weights,
        sector_weights=found.sector_weights,
        metrics=(*found.metrics, *_unknown(today, aimed.unknown), *_shown(today, found.vix)),
        drawdown=found.drawdown,
        exits_due=exits_due(_holdings(today, locked)),
        drifts=aimed.drifts,
        targets=aimed.targets,
        caps=found.caps,
        trend=found.trend,
        vix=found.vix,
        eligible=buyable,
        inherited=found.inherited,
        recovery=found.recovery,
        marked=found.marked,
        cap_rose=found.cap_rose,
        settled=today.memory.settled or ((left_alone or not legacy) and _settled(today, aimed.drifts)),
    )


def _settled(today: Today, off: Collection[Drift]) -> bool:
    """Everything is within its band, and nothing that was taken over is left over its limit."""
    band = today.policy.allocation.drift_threshold + TOLERANCE
    inherited = any(metric.is_inherited for metric in today.limited)
    return not inherited and all(abs(drift.difference) <= band for drift in off)


def _shown(today: Today, vix: float | None) -> tuple[Metric, ...]:
    if today.bare:
        return ()
    return (*today.unlimited, limits.winning_trades(today.memory), today.lifetime_drawdown, _vix(vix))


def _unknown(today: Today, groups: Collection[Key]) -> tuple[Metric, ...]:
    """Targets that an optimiser did not find."""
    if not groups:
        return ()
    weighting = today.policy.allocation.weighting
    where = ", ".join(name or "all names" for _, name in groups)
    return (limits.unknown("targets", None, f"{weighting} found no weights for {where}: nothing is bought there"),)


def _vix(value: float | None) -> Metric:
    if value is None:
        return limits.unknown("vix", None, "no reading of the last three sessions")
    return Metric("vix", value, None, Severity.LOW)


def _holdings(today: Today, locked: Collection[int]) -> Holdings:
    names = today.arrays.instruments
    positions = [p for p in (today.portfolio.position(name.conid) for name in names) if p is not None]
    gains = [today.gains[name.conid] for name in names]
    whole = np.array([p.quantity >= 1 for p in positions], dtype=bool)
    free = whole & np.array([name.conid not in locked for name in names], dtype=bool) if locked else whole
    return Holdings(
        policy=today.policy,
        arrays=today.arrays,
        panel=today.panel,
        measured={metric.name: metric for metric in today.limited},
        memory=today.memory,
        gains=np.array([np.nan if gain is None else gain for gain in gains], dtype=np.float64),
        market=today.market,
        spared=today.spared,
        inherited=today.inherited,
        whole=whole,
        free=free,
    )
