"""What a decision was made of and what came of it, as values; and as chunks, under one root that names them all.

What a policy says of notifications is left out: it decides nothing, and its addresses hold passwords.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from struct import pack
from typing import Any

from app.decision import Options
from app.decision.asking import question, summary
from app.domain.adoption import Adoption
from app.domain.errors import RecordError
from app.domain.evaluation import Evaluation
from app.domain.instrument import Instrument
from app.domain.kept import Same
from app.domain.market import Market, PriceSeries
from app.domain.navs import NavPoint
from app.domain.plan import Action, Choice, Exchange, Memory, Plan
from app.domain.policy import Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import Cause, DayUse, KillLevel, Refusal
from app.record.chunks import Chunks, KeptInputs
from app.record.codec import RecordForm, encode, form
from app.record.histories import put_history
from app.risk import Today

FORM = 1
POLICY = RecordForm(Policy, beside=("notifications",))
MARKET = RecordForm(Market, beside=("instruments", "history", "index"))
MEMORY = RecordForm(Memory, beside=("closed_trades", "adoption"))
REFUSALS = form(Mapping[Action, tuple[Refusal, ...]])
CAUSES = form(tuple[Cause, ...])
INSTRUMENT = RecordForm(Instrument)
NAV_POINT = RecordForm(NavPoint)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A person asked to leave one name."""

    symbol: str
    actor: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that one decision follows from.

    `causes` as in the engine. `exchange`: where a model was asked; `choice`: where whoever chose was neither
    the rules nor a model; `by_hand`: where a person asked for the one order.
    """

    today: Today
    use: DayUse = field(default_factory=DayUse)
    level: KillLevel = KillLevel.ACTIVE
    causes: tuple[Cause, ...] | None = None
    exchange: Exchange | None = None
    choice: Choice | None = None
    by_hand: ByHand | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What is kept beside the inputs, for whoever looks: whose run it was, and which code decided it."""

    run: Mapping[str, str]
    code: Mapping[str, str]


def outcome_of(
    evaluation: Evaluation, level: KillLevel, options: Options, choice: Choice, exchange: Exchange | None = None
) -> dict[str, Any]:
    """What came of a day, as JSON; the question where a model was asked."""
    plain = {
        "evaluation": encode(Evaluation, evaluation),
        "level": level.value,
        "candidates": _plans(options.candidates),
        "feasible": _plans(options.feasible),
        "refusals": REFUSALS.encode(options.refusals),
        "choosable": [plan.id for plan in options.choosable],
        "default": encode(Choice, options.default),
        **chosen(next((plan for plan in options.choosable if plan.id == choice.plan_id), None), choice),
    }
    if exchange is not None:
        plain["question"] = question(options.choosable, options.default, summary(evaluation))
    return plain


def chosen(plan: Plan | None, choice: Choice) -> dict[str, Any]:
    """The choice, and its plan where it is one of those that could be chosen."""
    plain = {"choice": encode(Choice, choice)}
    return plain if plan is None else plain | {"plan": encode(Plan, plan)}


def keep(inputs: Inputs, outcome: Mapping[str, Any], told: Told, conceal: Callable[[str], str]) -> KeptInputs:
    """The same chunks for the same values. `conceal` puts other names for accounts into a text.

    Raises: RecordError or LedgerError for what has no exact form.
    """
    chunks, today = Chunks(conceal), inputs.today
    market, memory, instruments = today.market, today.memory, _instruments(today)
    root: dict[str, object] = {
        "form": FORM,
        "run": dict(told.run),
        "code": dict(told.code),
        "policy": chunks.put_same(POLICY.encode, Same(today.policy)),
        "policy_hash": today.policy.hash.removeprefix("sha256:"),
        "instruments": chunks.put_same(_by_conid, Same(instruments, instruments)),
        "account": chunks.put(encode(Portfolio, today.portfolio)),
        "market": chunks.put(_market(market)),
        "history": chunks.put_numbers({str(s.conid): put_history(chunks, s) for s in _series(market)}),
        "navs": chunks.put(chunks.put_blocks(today.navs, NAV_POINT.encode, _exact)),
        "memory": chunks.put(_memory(chunks, memory)),
        "use": encode(DayUse, inputs.use),
        "level": inputs.level.value,
        "outcome": chunks.put(outcome),
    }
    extra = {
        "causes": None if inputs.causes is None else CAUSES.encode(inputs.causes),
        "doubt": today.doubt,
        "exchange": None if inputs.exchange is None else _exchange(chunks, inputs.exchange),
        "choice": None if inputs.choice is None else encode(Choice, inputs.choice),
        "by_hand": None if inputs.by_hand is None else encode(ByHand, inputs.by_hand),
    }
    return chunks.kept(root | {name: value for name, value in extra.items() if value is not None})


def _memory(chunks: Chunks, memory: Memory) -> dict[str, object]:
    plain = MEMORY.encode(memory) | {"closed_trades": chunks.put_blocks(memory.closed_trades, _text, _text)}
    if memory.adoption is not None:
        # The same every day.
        plain["adoption"] = chunks.put(encode(Adoption, memory.adoption))
    return plain


def _plans(plans: tuple[Plan, ...]) -> list[object]:
    return [encode(Plan, plan) for plan in plans]


def _exchange(chunks: Chunks, exchange: Exchange) -> dict[str, object]:
    plain: dict[str, object] = encode(Exchange, exchange)
    return plain | {"instruction": chunks.put(exchange.instruction)}


def _market(market: Market) -> dict[str, object]:
    plain = MARKET.encode(market)
    plain["instruments"] = sorted(market.instruments)
    if market.index is not None:
        plain["index"] = market.index.conid
    return plain


def _series(market: Market) -> list[PriceSeries]:
    found = dict(market.history)
    if market.index is not None:
        if market.index.conid in found:
            raise RecordError(f"conid {market.index.conid} is the index and a name, too")
        found[market.index.conid] = market.index
    if any(conid != series.conid for conid, series in found.items()):
        raise RecordError("a price history is another instrument's")
    return list(found.values())


def _exact(point: NavPoint) -> Hashable:
    """Amounts and numbers that are equal may differ in their digits."""
    return point.session_date, point.kind, str(point.nav), pack("dd", point.index, point.peak)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _by_conid(instruments: tuple[Instrument, ...]) -> dict[str, object]:
    return {str(each.conid): INSTRUMENT.encode(each) for each in instruments}


def _instruments(today: Today) -> tuple[Instrument, ...]:
    found = dict(today.market.instruments)
    for position in today.portfolio.positions:
        same = found.setdefault(position.instrument.conid, position.instrument)
        if same != position.instrument:
            raise RecordError(f"conid {same.conid} is two instruments")
    return tuple(found[conid] for conid in sorted(found))
