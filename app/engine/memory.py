"""What later days must know of what was done, worked out from the orders that were filled; each name by itself."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.domain.adoption import Adoption, gain_base, sold_at_loss
from app.domain.evaluation import Evaluation, Severity
from app.domain.lots import Fill, RoundTrip, of_this_holding, round_trips
from app.domain.order import OrderRule, Side
from app.domain.plan import Action, Memory
from app.domain.recovery import Recovery
from app.engine.levels import OF_ONE_SESSION, over_limit

_NOT_INSIDE = frozenset({Severity.HIGH, Severity.CRITICAL, Severity.UNKNOWN})
LOSS_RULES = frozenset({OrderRule.STOP_LOSS, OrderRule.CUT_LOSERS})
# A sale by one of them is believed to be at a loss where only a part of the purchases is on record.
FALL_RULES = frozenset({OrderRule.DRAWDOWN, OrderRule.LIMIT_BREACH})


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """What the next session's rules compare with: severity by metric, limit by exposure cap.

    `drawdown_acted_at`: the drawdown at which the drawdown action last acted. `inherited`: breaches that were found as
    the account was taken over and are not acted upon, each with how far it was over its limit then. `settled`: since
    then it has been where its targets want it. `recovery` from a fall; falls are counted from `marked`. `over`: the
    value of each metric that may raise the kill level and was over its limit.
    """

    severities: Mapping[str, str]
    caps: Mapping[str, float]
    drawdown_acted_at: float | None
    inherited: Mapping[str, float] | None = None
    settled: bool = False
    recovery: Recovery | None = None
    marked: date | None = None
    cap_rose: date | None = None
    over: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a person had before him who resumed: the newest session that was measured, and what was over its limit."""

    session_date: date
    over: Mapping[str, float]


def evaluation_record(evaluation: Evaluation) -> EvaluationRecord:
    """What is kept of it."""
    return EvaluationRecord(
        severities={metric.name: metric.acting.value for metric in evaluation.metrics},
        caps={cap.rule: cap.limit for cap in evaluation.caps},
        drawdown_acted_at=evaluation.drawdown_acted_at,
        inherited=evaluation.inherited or None,
        settled=evaluation.settled,
        recovery=evaluation.recovery,
        marked=evaluation.marked,
        cap_rose=evaluation.cap_rose,
        over=over_limit(evaluation) or None,
    )


@dataclass(frozen=True, slots=True)
class FilledOrder:
    """One order and what was filled of it; `fill.session_date` is the day that decided it, `action` its plan's."""

    fill: Fill
    action: str
    rules: tuple[OrderRule, ...] = ()
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class NameMemory:
    """What was done to one name, by session; see `Memory`. `last`: action → its newest order that was not mandatory.

    `rotated`: shares bought, less those sold, on the newest session of a rotation; `added` to what is held.
    """

    reinforced: tuple[date, ...] = ()
    sold_at_loss: date | None = None
    profit_levels_taken: int = 0
    bought: date | None = None
    sold: date | None = None
    last: Mapping[str, date] | None = None
    cut: date | None = None
    rotated: Decimal = Decimal(0)
    added: Decimal = Decimal(0)
    trips: tuple[RoundTrip, ...] = ()


def name_memory(
    conid: int, history: Sequence[FilledOrder], held: Decimal, adoption: Adoption | None = None
) -> NameMemory:
    """`history`: the name's orders, oldest first. What was done to a holding sold entirely since is forgotten."""
    reinforced: list[date] = []
    # A sale in several legs takes one level.
    profits: set[date] = set()
    newest: dict[Side, date] = {}
    last: dict[str, date] = {}
    lost: date | None = None
    rotated = added = Decimal(0)
    fills, quantity = tuple(one.fill for one in history), {conid: held}
    losses = _losses(conid, fills, held, adoption)
    for one, in_this_holding, loses in zip(history, of_this_holding(fills, quantity), losses, strict=True):
        day, side = one.fill.session_date, one.fill.side
        newest[side] = day
        if not one.mandatory:
            if one.action == Action.ROTATE:
                before = rotated if last.get(one.action) == day else Decimal(0)
                rotated = before + side.sign * one.fill.quantity
            last[one.action] = day
        if side is Side.BUY and one.action == Action.REINFORCE and in_this_holding:
            reinforced.append(day)
            added += one.fill.quantity
        if side is Side.SELL and _is_at_loss(loses, one.rules):
            lost = day
        if OrderRule.TAKE_PROFIT in one.rules and in_this_holding:
            profits.add(day)
    return NameMemory(
        reinforced=tuple(reinforced),
        sold_at_loss=lost,
        profit_levels_taken=len(profits),
        bought=newest.get(Side.BUY),
        sold=newest.get(Side.SELL),
        last=last,
        cut=_cut_since_bought(history),
        rotated=rotated,
        added=added,
        trips=round_trips(fills, quantity),
    )


def _losses(conid: int, fills: Sequence[Fill], held: Decimal, adoption: Adoption | None) -> tuple[bool | None, ...]:
    if adoption is None:
        return sold_at_loss(None, fills, held)
    adopted = adoption.holdings.get(conid)
    first = sum(fill.session_date < adoption.session_date for fill in fills)
    earlier = sold_at_loss(None, fills[:first], adopted.quantity if adopted else Decimal(0)) if first else ()
    return (*earlier, *sold_at_loss(adopted, fills[first:], held))


def _is_at_loss(loses: bool | None, rules: Sequence[OrderRule]) -> bool:
    """`loses` as in `sold_at_loss`."""
    telling = LOSS_RULES | FALL_RULES if loses is None else LOSS_RULES
    return loses or not telling.isdisjoint(rules)


def _cut_since_bought(history: Sequence[FilledOrder]) -> date | None:
    """When a loser was cut last, if no more of it was bought since."""
    for one in reversed(history):
        if one.fill.side is Side.BUY:
            return None
        if OrderRule.CUT_LOSERS in one.rules:
            return one.fill.session_date
    return None


def name_memories(
    history: Iterable[FilledOrder], held: Mapping[int, Decimal], adoption: Adoption | None = None
) -> dict[int, NameMemory]:
    """Of every name in `history`, which is oldest first."""
    names: defaultdict[int, list[FilledOrder]] = defaultdict(list)
    for one in history:
        names[one.fill.conid].append(one)
    return {conid: name_memory(conid, own, held.get(conid, Decimal(0)), adoption) for conid, own in names.items()}


def gain_bases(
    adoption: Adoption | None, fills: Mapping[int, Sequence[Fill]], held: Mapping[int, Decimal]
) -> dict[int, Decimal]:
    """The prices that gains of what is `held` count from, by conid; without those that count at the broker's own cost.

    `fills` by conid, oldest first.
    """
    if adoption is None:
        return {}
    found: dict[int, Decimal] = {}
    for conid, quantity in held.items():
        later = [fill for fill in fills.get(conid, ()) if fill.session_date >= adoption.session_date]
        base = gain_base(adoption.holdings.get(conid), later, quantity)
        if base is not None and base > 0:
            found[conid] = base
    return found


def memory_of(
    names: Mapping[int, NameMemory],
    before: EvaluationRecord | None,
    since: Callable[[date], int],
    closed_trades: tuple[Decimal | None, ...] | None = None,
    adoption: Adoption | None = None,
    bases: Mapping[int, Decimal] | None = None,
    resumed: Resumed | None = None,
) -> Memory:
    """What today decides by. `before`: of the newest session before today; `since`: sessions from a date to today.

    `closed_trades` where the caller keeps them already; `bases` are the `gain_bases`.
    """
    last: dict[str, date] = {}
    bought: dict[int, int] = {}
    sold: dict[int, int] = {}
    at_loss: dict[int, int] = {}
    for conid, one in names.items():
        for action, day in (one.last or {}).items():
            if action not in last or day > last[action]:
                last[action] = day
        if one.bought:
            bought[conid] = since(one.bought)
        if one.sold:
            sold[conid] = since(one.sold)
        if one.sold_at_loss:
            at_loss[conid] = since(one.sold_at_loss)
    recovery = before.recovery if before else None
    rebalanced, rotated = last.get(Action.REBALANCE), last.get(Action.ROTATE)
    return Memory(
        reinforced={conid: tuple(map(since, one.reinforced)) for conid, one in names.items() if one.reinforced},
        sold_at_loss=at_loss,
        profit_levels_taken={conid: one.profit_levels_taken for conid, one in names.items() if one.profit_levels_taken},
        last_rebalance=None if rebalanced is None else since(rebalanced),
        last_rotation=None if rotated is None else since(rotated),
        previous_severities=(dict(before.severities) or None) if before else None,
        drawdown_acted_at=before.drawdown_acted_at if before else None,
        previous_caps=dict(before.caps) if before else None,
        bought=bought,
        sold=sold,
        closed_trades=profits_of(names) if closed_trades is None else closed_trades,
        adoption=adoption,
        adopted=0 if adoption is None else since(adoption.session_date),
        gain_bases=dict(bases or {}),
        inherited=dict(before.inherited) if before and before.inherited else None,
        settled=before is not None and before.settled,
        recovery=recovery,
        since_began=0 if recovery is None else since(recovery.began),
        since_acted=0 if recovery is None else since(recovery.acted),
        since_rebased=None if recovery is None or recovery.rebased is None else since(recovery.rebased),
        marked=before.marked if before else None,
        cap_rose=before.cap_rose if before else None,
        since_cap_rose=since(before.cap_rose) if before and before.cap_rose else 0,
        resumed=resumed.session_date if resumed else None,
        acknowledged=_acknowledged(resumed, before, since) if resumed else {},
        rotated={
            conid: one.rotated
            for conid, one in names.items()
            if one.rotated and (one.last or {})[Action.ROTATE] == rotated
        },
        cut={conid: since(one.cut) for conid, one in names.items() if one.cut},
        added={conid: one.added for conid, one in names.items() if one.added},
    )


def _acknowledged(resumed: Resumed, before: EvaluationRecord | None, since: Callable[[date], int]) -> dict[str, float]:
    """What was seen counts until the metric is inside its limit, of one session's loss in that session."""
    if since(resumed.session_date) == 0:
        return dict(resumed.over)
    severities = before.severities if before else {}
    return {
        name: value
        for name, value in resumed.over.items()
        if name != OF_ONE_SESSION and severities.get(name) in _NOT_INSIDE
    }


def profits_of(names: Mapping[int, NameMemory]) -> tuple[Decimal | None, ...]:
    """Of every purchase that was sold again, in the order in which they ended."""
    trips = sorted((trip for one in names.values() for trip in one.trips), key=lambda trip: (trip.closed, trip.conid))
    return tuple(trip.profit for trip in trips)
