"""What each of the five actions asks for, beside what was found. Says nothing of orders, and decides nothing.

Of an action's triggers one is enough; of its requirements all are needed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import NamedTuple

from app.decision.causes import CURABLE, STATISTICS, breaches, calls_on_any_day, is_acted_upon, is_under_way
from app.decision.rotation import change, from_to, momentum
from app.decision.situation import Situation
from app.decision.strategies import kept_from_cutting, kept_from_growing
from app.domain.drifting import is_off
from app.domain.evaluation import CRITICAL_ABOVE, Drift, Metric, Severity
from app.domain.plan import Action
from app.domain.policy import RotationTrigger, TrendFilter
from app.domain.portfolio import Position
from app.domain.price_levels import cut_level, loss_level
from app.domain.recovery import WORSE
from app.domain.taking_over import is_on_its_way
from app.domain.tolerance import TOLERANCE

# Measurement → the policy's field that limits it.
LIMIT_OF = MappingProxyType(
    {
        "max_position": "risk_limits.max_position_pct",
        "max_sector": "risk_limits.max_sector_pct",
        "annual_volatility": "risk_limits.max_annual_volatility_pct",
        "var_95_1d": "risk_limits.max_var_95_1d_pct",
        "daily_loss": "risk_limits.max_daily_loss_pct",
        "correlated_cluster": "risk_limits.max_correlated_pct",
        "cash_reserve": "risk_limits.min_cash_reserve_pct",
        "drawdown": "risk_limits.max_drawdown_pct",
        "exposure": "risk_limits.max_exposure_pct",
    }
)
# Unmet triggers that are worth telling: those nearest to being met.
NEAREST = 3
MOST_MET = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that an action asks for. `rule` is the policy's field, `subject` a name, sector or metric, or empty.

    `text` is what was found against what is asked for; `change` what would meet it, None where it is met already or
    nothing can be said.
    `value` and `threshold` are in the same unit: fractions, or sessions where the rule counts them.
    """

    rule: str
    subject: str
    met: bool
    text: str
    value: float | None = None
    threshold: float | None = None
    change: str | None = None

    @property
    def distance(self) -> float | None:
        """What the value would have to change by; zero or beyond where it is there."""
        return None if self.value is None or self.threshold is None else self.threshold - self.value


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of one action's: the triggers met, those farthest beyond first, then the unmet ones that are nearest."""

    triggers: tuple[Condition, ...]
    requirements: tuple[Condition, ...]

    @property
    def triggered(self) -> bool:
        """One trigger is enough."""
        return any(condition.met for condition in self.triggers)

    @property
    def missing(self) -> tuple[Condition, ...]:
        """Requirements that are not met."""
        return tuple(condition for condition in self.requirements if not condition.met)


def conditions(situation: Situation, action: Action) -> Conditions:
    """What the action asks for and how it stands."""
    found = _OF[action](situation)
    return Conditions(tuple(map(_settled, found.triggers)), tuple(map(_settled, found.requirements)))


def _settled(condition: Condition) -> Condition:
    """Nothing would have to change for what is met."""
    return replace(condition, change=None) if condition.met else condition


class _Sketch(NamedTuple):
    """A trigger before it is put into words: there is one for every name, and few are told."""

    remoteness: float
    subject: str
    rule: str
    met: bool
    tell: Callable[[], Condition]


def _sketch(found: Condition) -> _Sketch:
    return _Sketch(_remoteness(found.value, found.threshold), found.subject, found.rule, found.met, lambda: found)


def _told(triggers: Iterable[_Sketch]) -> tuple[Condition, ...]:
    found = sorted(triggers, key=lambda sketch: sketch[:3])
    met = [sketch for sketch in reversed(found) if sketch.met]
    return tuple(s.tell() for s in (*met[:MOST_MET], *[sketch for sketch in found if not sketch.met][:NEAREST]))


def _remoteness(value: float | None, threshold: float | None) -> float:
    if value is None or threshold is None:
        return float("inf")
    return abs(threshold - value) / max(abs(threshold), TOLERANCE)


def _enabled(section: str, enabled: bool) -> Condition:
    rule = f"strategies.{section}.enabled"
    return Condition(rule, "", enabled, "on" if enabled else "switched off by the policy", None, None, f"{rule}: true")


def _trend(situation: Situation, section: str, asked: TrendFilter) -> Condition:
    trend = situation.evaluation.trend
    found = trend.value if trend is not None else "unknown"
    text = f"the market's trend is {found}, {asked.value} is asked for"
    wanted = "bull" if asked is TrendFilter.BULL else "neutral or bull"
    return Condition(
        f"strategies.{section}.require_trend", "", situation.allows(asked), text, change=f"the trend turns {wanted}"
    )


def _risk_known(situation: Situation) -> Condition:
    evaluation = situation.evaluation
    unknown = [m.name for m in evaluation.metrics if m.value is None and m.limit is not None]
    unknown += [name for name, value in (("vix", evaluation.vix), ("trend", evaluation.trend)) if value is None]
    text = f"unknown, so that nothing is bought: {', '.join(unknown)}" if unknown else "every limited metric is known"
    return Condition("risk_limits", "", evaluation.risk_may_rise, text, change=f"{', '.join(unknown)} become known")


def _to_price(position: Position, base: Decimal, threshold: float, *, fall: bool) -> str | None:
    """The price from which the return on the base is the threshold or beyond; None where there is none above zero."""
    goal = base * (1 + Decimal(str(threshold)))
    tick = Decimal("0.01") if goal >= 1 else Decimal("0.000001")
    shown = goal.quantize(tick, ROUND_FLOOR if fall else ROUND_CEILING)
    if shown <= 0 or position.price <= 0:
        return None
    move, verb = abs(float(shown / position.price - 1)), "falls" if fall else "rises"
    return f"{position.instrument.symbol} {verb} {move:.1%} to {shown:f} {position.instrument.currency}"


def _return(
    situation: Situation, position: Position, rule: str, threshold: float, *, fall: bool, held_back: str | None = None
) -> _Sketch:
    """A gain or loss since the adoption or the purchase against its trigger; without a known cost there is none."""
    symbol, conid = position.instrument.symbol, position.instrument.conid
    gain, base = situation.gains[conid], situation.memory.gain_bases.get(conid, position.average_cost)
    if gain is None:
        return _sketch(Condition(rule, symbol, False, f"{symbol}: the average cost is unknown"))
    there = gain <= threshold + TOLERANCE if fall else gain >= threshold - TOLERANCE
    barred = held_back if there else None

    def tell() -> Condition:
        text = f"{symbol} unrealised {gain:.1%} against {threshold:.1%}"
        if barred is not None:
            more = f"{symbol}, which is there already, is not held back any more ({barred})"
            return Condition(rule, symbol, False, f"{text}, but {barred}", gain, threshold, more)
        if there and any(order.instrument.conid == conid for order in situation.mandatory):
            text = f"{text}, for which a mandatory sale is due"
        return Condition(rule, symbol, there, text, gain, threshold, _to_price(position, base, threshold, fall=fall))

    # What is there and held back is nearer than anything.
    remoteness = _remoteness(gain, threshold) if barred is None else 0.0
    return _Sketch(remoteness, symbol, rule, there and barred is None, tell)


def _cut_losers(situation: Situation) -> Conditions:
    rules = situation.policy.strategies.cut_losers
    name = "strategies.cut_losers.trigger_loss_pct"
    losers = (
        _return(
            situation,
            position,
            name,
            -cut_level(situation.policy, situation.market, position.instrument.conid),
            fall=True,
            held_back=kept_from_cutting(situation, position),
        )
        for position in situation.holdings
    )
    return Conditions(_told(losers), (_enabled("cut_losers", rules.enabled),))


def _reinforce(situation: Situation) -> Conditions:
    rules = situation.policy.strategies.reinforce_winners
    winners = (
        _return(
            situation,
            position,
            "strategies.reinforce_winners.trigger_gain_pct",
            rules.trigger_gain,
            fall=False,
            held_back=kept_from_growing(situation, position),
        )
        for position in situation.without_exit
    )
    required = (
        _enabled("reinforce_winners", rules.enabled),
        _trend(situation, "reinforce_winners", rules.require_trend),
        _risk_known(situation),
    )
    return Conditions(_told(winners), required)


def _rotate(situation: Situation) -> Conditions:
    rules, last = situation.policy.strategies.sector_rotation, situation.memory.last_rotation
    now = momentum(situation)
    turn = _turn(situation, now)
    pair = from_to(situation, now)
    goal = f"one of {', '.join(rules.preferred_sectors)}" if rules.preferred_sectors else "one that may be bought"
    way = f"from {pair[0]} to {pair[1]}" if pair else f"no sector that is held is weaker than {goal}"
    required = (
        _enabled("sector_rotation", rules.enabled),
        _trend(situation, "sector_rotation", rules.require_trend),
        _rested("strategies.sector_rotation.evaluation_sessions", "rotation", last, rules.evaluation_sessions),
        Condition(
            "strategies.sector_rotation.preferred_sectors",
            "",
            pair is not None,
            way,
            change=f"a sector that is held falls behind {goal}",
        ),
        _risk_known(situation),
    )
    return Conditions((turn,), required)


def _turn(situation: Situation, now: Mapping[str, float]) -> Condition:
    rules, last = situation.policy.strategies.sector_rotation, situation.memory.last_rotation
    rule, changed = "strategies.sector_rotation.trigger", change(situation, now)
    if rules.trigger is RotationTrigger.PERIOD and last is not None and last < rules.evaluation_sessions:
        text = f"the period of {rules.evaluation_sessions} sessions is not over, {last} have passed"
        return Condition(rule, "", False, text, change=f"{rules.evaluation_sessions - last} more sessions pass")
    text = changed or ("the first and the last sector are those of the period before" if now else "no sector history")
    return Condition(rule, "", changed is not None, text, change="another sector leads or lags")


def _rested(rule: str, what: str, last: int | None, least: int) -> Condition:
    if last is None:
        return Condition(rule, "", True, f"no {what} on record")
    text = f"the last {what} was {last} sessions ago, {least} are asked for"
    return Condition(rule, "", last >= least, text, last, least, f"{least - last} more sessions pass")


def _rebalance(situation: Situation) -> Conditions:
    rested = _frequency(situation)
    drifts = [_drift(situation, drift, rested) for drift in situation.evaluation.drifts]
    left = breaches(situation)
    limits = [_limit(m, m in left) for m in situation.evaluation.metrics if m.name in CURABLE and m.limit is not None]
    return Conditions(
        _told(map(_sketch, (*limits, *drifts, *_others(situation)))),
        (_enabled("rebalance", situation.policy.strategies.rebalance.enabled),),
    )


def _others(situation: Situation) -> Iterator[Condition]:
    """What calls for it on any day: a book that is taken over, names to be given up, money."""
    for rule, words in calls_on_any_day(situation):
        yield Condition(rule, "", True, words)


def _frequency(situation: Situation) -> Condition:
    """A rebalance and a rotation both rest the drift that they leave, but not while an account is on its way."""
    memory, frequency = situation.memory, situation.policy.allocation.frequency
    if is_on_its_way(situation.policy, memory):
        return Condition("allocation.frequency", "", True, "the account is on its way to its targets on any day")
    if is_under_way(memory):
        text = f"the rebalance of {memory.last_rebalance} sessions ago is gone on with"
        return Condition("allocation.frequency", "", True, text)
    moved = [ago for ago in (memory.last_rebalance, memory.last_rotation) if ago is not None]
    return _rested("allocation.frequency", "rebalance or rotation", min(moved, default=None), frequency.sessions)


def _drift(situation: Situation, drift: Drift, rested: Condition) -> Condition:
    name, difference, threshold = drift.name, drift.difference, situation.policy.allocation.drift_threshold
    least = float(situation.least) / situation.nav
    beyond = is_off(situation.policy, drift, least)
    text = f"{name} {difference:+.1%} of NAV from its attainable target, threshold {threshold:.1%}"
    rule, away = "allocation.drift_threshold_pct", abs(difference)
    if beyond and away <= threshold + TOLERANCE:
        comes = "to be bought" if difference < 0 else "to be sold to the last share"
        text, threshold = f"{name} {difference:+.1%} of NAV from its attainable target, {comes}", least
    if beyond and not rested.met:
        return Condition(rule, name, False, f"{text}, but {rested.text}", away, threshold, rested.change)
    more = f"{name} drifts another {threshold - away:.1%} of NAV from its target"
    return Condition(rule, name, beyond, text, away, threshold, more)


def _limit(metric: Metric, left: bool) -> Condition:
    bound = "floor" if metric.floor else "limit"
    if metric.value is None or metric.limit is None:
        return Condition(LIMIT_OF[metric.name], metric.name, False, f"{metric.name} unknown: {metric.note}")
    text = f"{metric.name} {metric.value:.1%}, {bound} {metric.limit:.1%}"
    least = metric.limit * (CRITICAL_ABOVE if metric.name in STATISTICS else 1)
    more: str | None = f"{metric.name} {'falls below' if metric.floor else 'rises above'} {least:.1%}"
    if metric.is_inherited:
        text, more = f"{text}, which was so when the account was taken over and is worked off", None
    elif metric.breached and not left and is_acted_upon(metric):
        text, more = f"{text}, which the mandatory sales deal with", None
    elif metric.breached and not left:
        text = f"{text}, which keeps from buying and is sold for above {least:.1%} only"
    return Condition(LIMIT_OF[metric.name], metric.name, left, text, metric.value, least, more)


def _hold(situation: Situation) -> Conditions:
    """HOLD needs no trigger; what is told is how near the mandatory sales are."""
    exits, taken = situation.policy.exits, situation.memory.profit_levels_taken
    found: list[_Sketch] = []
    for position in situation.holdings:
        number = position.instrument.conid
        level = (taken.get(number, 0) + 1) * exits.take_profit
        stop = loss_level(situation.market, number, exits.stop_loss, exits.volatility_multiple)
        found.append(_return(situation, position, "exits.stop_loss_pct", -stop, fall=True))
        if exits.takes_profit:
            found.append(_return(situation, position, "exits.take_profit_pct", level, fall=False))
    return Conditions(_told((*found, _sketch(_drawdown(situation)))), _uncritical(situation))


def _uncritical(situation: Situation) -> tuple[Condition, ...]:
    """HOLD alone is no answer to a CRITICAL breach that selling could cure."""
    found = [m for m in situation.evaluation.metrics if m.acting is Severity.CRITICAL and m.name in CURABLE]
    return tuple(
        Condition(LIMIT_OF[m.name], m.name, False, f"{m.name} is CRITICAL", m.value, m.limit, f"{m.name} falls")
        if m.value is None or m.limit is None
        else replace(_limit(m, True), met=False, threshold=m.limit, change=f"{m.name} comes back to {m.limit:.1%}")
        for m in found
    )


def _drawdown(situation: Situation) -> Condition:
    """The fall that is counted, and when the drawdown action acts on it, for the first time or once more."""
    value, limit = situation.evaluation.drawdown, situation.policy.risk_limits.max_drawdown
    rule = "risk_limits.max_drawdown_pct"
    if value is None:
        return Condition(rule, "drawdown", False, "drawdown unknown")
    now, before = situation.evaluation.recovery, situation.memory.recovery
    acts = now is not None and (before is None or before.acted != now.acted)
    acted_at = situation.evaluation.drawdown_acted_at
    if acts or acted_at is None:
        text = f"drawdown {value:.1%} against {limit:.1%}"
        return Condition(rule, "drawdown", acts, text, value, limit, f"the drawdown reaches {limit:.1%}")
    again = acted_at + WORSE * limit
    text = f"drawdown {value:.1%} against {limit:.1%}, acted upon at {acted_at:.1%}"
    return Condition(rule, "drawdown", False, text, value, again, f"the drawdown reaches {again:.1%}")


_OF: dict[Action, Callable[[Situation], Conditions]] = {
    Action.CUT_LOSERS: _cut_losers,
    Action.ROTATE: _rotate,
    Action.REINFORCE: _reinforce,
    Action.REBALANCE: _rebalance,
    Action.HOLD: _hold,
}
