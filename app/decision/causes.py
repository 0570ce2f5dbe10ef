"""Why a rebalance is due: a breach, drift, a book that is taken over, names to be given up, money to come or go."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.decision.situation import Situation
from app.domain.drifting import is_off
from app.domain.evaluation import Drift, ExitRule, Metric, Severity
from app.domain.instrument import UNKNOWN_SECTOR
from app.domain.plan import Memory
from app.domain.policy import AdoptionMode
from app.domain.taking_over import is_on_its_way, is_taking_over
from app.domain.tolerance import TOLERANCE, by_size
from app.domain.totals import total_of
from app.domain.universe import is_fund, is_legacy, position_limit

STATISTICS = ("annual_volatility", "var_95_1d", "correlated_cluster")
# Selling or buying cures these; a drawdown or a day's loss is past.
CURABLE = (*STATISTICS, "max_position", "max_sector", "cash_reserve", "exposure")

# Sessions after a rebalance on which it goes on.
CONTINUED = 2

Targets = dict[int, float]


def called_for(situation: Situation) -> bool:
    """Whether anything calls for it."""
    return cause_of(situation) is not None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a rebalance is due: breaches, `inherited` ones, `given_up` conids; `to_target` where drift is corrected."""

    reason: str
    broken: tuple[Metric, ...] = ()
    inherited: tuple[Metric, ...] = ()
    given_up: tuple[int, ...] = ()
    to_target: bool = False


def cause_of(situation: Situation) -> Cause | None:
    if not situation.policy.strategies.rebalance.enabled:
        return None
    broken, drifted = breaches(situation), _drifted(situation)
    left, given_up = _inherited(situation), _given_up(situation)
    other = [words for _, words in calls_on_any_day(situation)]
    words = [*_breach_words(broken), *other, *_drift_words(drifted)]
    if not words:
        return None
    if broken and is_taking_over(situation.policy, situation.memory):
        # What is of today is dealt with today; what was there before waits for another day.
        return Cause("; ".join(_breach_words(broken)), broken=broken)
    return Cause(
        reason="; ".join(words),
        broken=broken,
        inherited=left,
        given_up=given_up,
        to_target=bool(drifted or left or given_up or _raised_cap(situation)),
    )


def _inherited(situation: Situation) -> tuple[Metric, ...]:
    """Breaches from before the account was taken over, which are worked off."""
    found = situation.evaluation
    return tuple(m for m in found.metrics if m.is_inherited and m.name in CURABLE) if found.inherited else ()


def _given_up(situation: Situation) -> tuple[int, ...]:
    """Names outside the universe that the account is to leave."""
    if situation.mode is AdoptionMode.ADOPT:
        return ()
    names = (position.instrument for position in situation.without_exit)
    return tuple(name.conid for name in names if is_legacy(situation.policy, name))


def breaches(situation: Situation) -> tuple[Metric, ...]:
    """Limits over which the portfolio stays when the mandatory sales are done."""
    exits = situation.evaluation.exits_due
    breached = [m for m in situation.evaluation.acting_breaches if m.name in CURABLE and is_acted_upon(m)]
    if not breached:
        return ()
    dealt_with = {exit.metric for exit in exits if exit.rule is ExitRule.LIMIT_BREACH}
    now = weights_after_exits(situation)
    return tuple(m for m in breached if m.name not in dealt_with and not _cured(situation, m, now))


def is_acted_upon(metric: Metric) -> bool:
    """Of a statistic only a CRITICAL breach is; a lesser one keeps from buying more."""
    return metric.name not in STATISTICS or metric.acting is Severity.CRITICAL


def _cured(situation: Situation, metric: Metric, now: Targets) -> bool:
    """The mandatory sales bring it inside its limit; what they do to a statistic cannot be told from weights."""
    limits = situation.policy.risk_limits
    invested = total_of(abs(weight) for weight in now.values())
    if metric.name == "exposure":
        return invested <= situation.evaluation.exposure_limit + TOLERANCE
    if metric.name == "cash_reserve" and metric.value is not None:
        return metric.value + situation.evaluation.managed_exposure - invested >= limits.min_cash_reserve - TOLERANCE
    held = [position.instrument for position in situation.portfolio.positions]
    if metric.name == "max_position":
        return all(abs(now[i.conid]) <= position_limit(situation.policy, i.symbol) + TOLERANCE for i in held)
    if metric.name == "max_sector":
        sectors: dict[str, float] = defaultdict(float)
        for instrument in held:
            if not is_fund(situation.policy, instrument):
                sectors[situation.sector(instrument)] += abs(now[instrument.conid])
        sectors.pop(UNKNOWN_SECTOR, None)
        return all(weight <= limits.max_sector + TOLERANCE for weight in sectors.values())
    return False


def _drifted(situation: Situation) -> tuple[Drift, ...]:
    """Drift to correct. A rotation made its own drift: it rests as long as a rebalance would.

    What an account is taken over with goes its way on any day, until it is there.
    """
    allocation, memory = situation.policy.allocation, situation.memory
    moved = [ago for ago in (memory.last_rebalance, memory.last_rotation) if ago is not None]
    free = is_on_its_way(situation.policy, memory) or is_under_way(memory)
    if not free and any(ago < allocation.frequency.sessions for ago in moved):
        return ()
    least = float(situation.least) / situation.nav
    beyond = [drift for drift in situation.evaluation.drifts if is_off(situation.policy, drift, least)]
    return tuple(sorted(beyond, key=lambda drift: (-by_size(abs(drift.difference)), drift.name)))


def is_under_way(memory: Memory) -> bool:
    """What a rebalance could not do on its day it goes on with on the next ones."""
    return memory.last_rebalance is not None and memory.last_rebalance <= CONTINUED


def _raised_cap(situation: Situation) -> tuple[float, float] | None:
    """(exposure, most of it) where more is allowed since no rebalance has been, and there is more to buy."""
    evaluation = situation.evaluation
    missing = total_of(evaluation.targets.values()) - evaluation.managed_exposure
    if evaluation.cap_rose is None or missing * situation.nav < situation.least:
        return None
    return evaluation.exposure, evaluation.max_exposure


def _breach_words(broken: Sequence[Metric]) -> Iterator[str]:
    if broken:
        yield "Over the limit: " + "; ".join(f"{m.name} {m.value:.1%}, limit {m.limit:.1%}" for m in broken)


def calls_on_any_day(situation: Situation) -> Iterator[tuple[str, str]]:
    """What the calendar is not asked about: (the policy's field, what it is in words)."""
    left, given_up, memory = _inherited(situation), _given_up(situation), situation.memory
    if left:
        numbers = (f"{m.name} {m.value:.1%}, limit {m.limit:.1%}" for m in left)
        yield "adoption.weeks", "Worked off from before the account was taken over: " + "; ".join(numbers)
    if given_up:
        names = [p.instrument.symbol for p in situation.without_exit if p.instrument.conid in given_up]
        yield "adoption.mode", "Outside the universe: " + ", ".join(names)
    cap = _raised_cap(situation)
    if cap is not None:
        yield "risk_limits.max_exposure_pct", f"More may be invested: {cap[1]:.1%}, and {cap[0]:.1%} is"
    currency = situation.portfolio.currency
    if memory.new_money > 0 and situation.buying:
        yield "allocation", f"New money: {memory.new_money:,.2f} {currency}"
    if memory.planned_withdrawal > 0:
        yield "allocation", f"To be withdrawn: {memory.planned_withdrawal:,.2f} {currency}"


def _drift_words(drifted: Sequence[Drift]) -> Iterator[str]:
    if drifted:
        numbers = (f"{d.name} {d.weight:.1%}, attainable target {d.attainable:.1%}" for d in drifted)
        yield "Drift beyond the threshold: " + "; ".join(numbers)


def weights_after_exits(situation: Situation) -> Targets:
    """Weights of all names after the mandatory sales."""
    weights = dict(situation.evaluation.weights)
    for order in situation.mandatory:
        weights[order.instrument.conid] -= situation.base_value(order) / situation.nav
    return weights
