"""A day decided again from what is kept of it alone. What is read may come from anybody, and is believed in nothing."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.decision import Options
from app.decision.asking import choice_of, fallen_back
from app.domain.adoption import Adoption
from app.domain.errors import DataError, RecordError
from app.domain.instrument import Instrument
from app.domain.market import Market
from app.domain.navs import NavPoint
from app.domain.plan import Choice, Exchange, Memory, Plan
from app.domain.policy import Notifications, Policy
from app.domain.portfolio import Portfolio
from app.domain.ruling import Cause, DayUse, KillLevel
from app.engine import decide, leave
from app.record.canonical import encoded
from app.record.capture import FORM, INSTRUMENT, MARKET, MEMORY, POLICY, ByHand, Inputs, Told, chosen, outcome_of
from app.record.chunks import Kept, KeptInputs
from app.record.codec import Names, decode, fields, form, refuse, whole
from app.record.histories import read_history
from app.risk import Today

_NO_NAMES: Names = {}


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one run: its inputs, what came of them then as JSON, and what was told beside."""

    inputs: Inputs
    outcome: Mapping[str, Any]
    told: Told


def read(kept_inputs: KeptInputs) -> Record:
    """Raises: RecordError naming the path of what is missing, damaged, of a wrong type or unknown."""
    kept = Kept(kept_inputs)
    root = _Part(kept, kept.root())
    if root.told("form") != FORM:
        refuse("form", f"is not {FORM}, which is all that this version can read")
    names = _instruments(root)
    inputs = Inputs(
        today=Today(
            policy=_policy(root),
            portfolio=decode(Portfolio, root.opened("account"), "account", names),
            market=_market(root, names),
            navs=_navs(root),
            memory=_memory(root),
            doubt=root.value(str | None, "doubt"),
        ),
        use=root.value(DayUse, "use"),
        level=root.value(KillLevel, "level"),
        causes=_causes(root),
        exchange=_exchange(root),
        choice=root.value(Choice | None, "choice"),
        by_hand=root.value(ByHand | None, "by_hand"),
    )
    outcome = fields(root.opened("outcome"), "outcome")
    told = Told(root.value(Mapping[str, str], "run"), root.value(Mapping[str, str], "code"))
    root.value(str, "policy_hash")
    root.refuse_others()
    return Record(inputs, outcome, told)


def decide_again(inputs: Inputs) -> Mapping[str, Any]:
    """What comes of the inputs now, as JSON. Raises: RecordError for a day that cannot be decided."""
    try:
        outcome = _by_hand(inputs, inputs.by_hand) if inputs.by_hand is not None else _by_the_engine(inputs)
    except (ArithmeticError, LookupError, ValueError, TypeError, DataError) as error:
        # No day is kept that was not decided once: it is not the one that was kept, or this is not its code.
        raise RecordError(f"the day cannot be decided from what is kept: {type(error).__name__}") from error
    again: Mapping[str, Any] = json.loads(encoded(outcome))
    return again


def plan_of(inputs: Inputs, outcome: Mapping[str, Any]) -> Plan:
    """The chosen plan of an outcome. Raises: RecordError."""
    today = inputs.today
    held = {position.instrument.conid: position.instrument for position in today.portfolio.positions}
    return decode(Plan, outcome.get("plan"), "outcome.plan", held | dict(today.market.instruments))


def _by_the_engine(inputs: Inputs) -> dict[str, Any]:
    day = decide(inputs.today, inputs.use, inputs.level, inputs.causes)
    return outcome_of(day.evaluation, day.level, day.options, _choice(inputs, day.options), inputs.exchange)


def _by_hand(inputs: Inputs, asked: ByHand) -> dict[str, Any]:
    portfolio, market = inputs.today.portfolio, inputs.today.market
    (instrument,) = [one for one in market.instruments.values() if one.symbol == asked.symbol]
    choice, plan = leave(portfolio, market, instrument, asked.actor)
    return chosen(plan, choice)


def _choice(inputs: Inputs, options: Options) -> Choice:
    exchange = inputs.exchange
    if exchange is None:
        return inputs.choice or options.default
    if exchange.answer is None:
        return fallen_back(options.default, exchange.model, exchange.failure or "")
    return choice_of(options.choosable, options.default, exchange.model, exchange.answer)


class _Part:
    """An object of JSON, read field by field until none is left."""

    def __init__(self, kept: Kept, plain: Mapping[str, Any], path: str = "") -> None:
        self.kept, self._left, self._path = kept, dict(plain), path

    def told(self, name: str) -> object:
        """None where it is not there."""
        return self._left.pop(name, None)

    def opened(self, name: str) -> object:
        """The chunk that it names."""
        return self.kept.open(self.told(name), self._at(name))

    def value(self, kind: Hashable, name: str, names: Names = _NO_NAMES) -> Any:  # noqa: ANN401 - of that type
        """Raises: RecordError where it is missing, unless it may be None."""
        return form(kind).decode(self.told(name), self._at(name), names)

    def part(self, name: str) -> "_Part":
        """The chunk that it names, to be read in the same way."""
        return _Part(self.kept, fields(self.opened(name), self._at(name)), self._at(name))

    def rest(self) -> Mapping[str, Any]:
        """What was not read."""
        return self._left

    def refuse_others(self) -> None:
        """Raises: RecordError where something was not read."""
        for name in self._left:
            refuse(self._at(name), "is a field that nobody knows")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _causes(root: _Part) -> tuple[Cause, ...] | None:
    """Earlier versions kept the runs since a person last looked in their place, where the level might change."""
    before: int | None = root.value(int | None, "runs_since_review")
    told: tuple[Cause, ...] | None = root.value(tuple[Cause, ...] | None, "causes")
    return () if told is None and before is not None else told


def _policy(root: _Part) -> Policy:
    return POLICY.decode(root.opened("policy"), "policy", _NO_NAMES, {"notifications": Notifications()})


def _instruments(root: _Part) -> dict[int, Instrument]:
    found: dict[int, Instrument] = {}
    for name, plain in fields(root.opened("instruments"), "instruments").items():
        instrument = INSTRUMENT.decode(plain, f"instruments.{name}", _NO_NAMES)
        if str(instrument.conid) != name:
            refuse(f"instruments.{name}", f"is conid {instrument.conid}")
        found[instrument.conid] = instrument
    return found


def _market(root: _Part, names: Names) -> Market:
    part = root.part("market")
    known = part.value(tuple[Instrument, ...], "instruments", names)
    index = part.value(int | None, "index")
    told = fields(root.opened("history"), "history")
    at = {whole(name, f"history.{name}"): name for name in told}
    history = {conid: read_history(root.kept, conid, told[name], f"history.{name}") for conid, name in at.items()}
    if index is not None and index not in history:
        refuse("market.index", "has no history")
    beside = {
        "instruments": {one.conid: one for one in known},
        "index": None if index is None else history.pop(index),
        "history": history,
    }
    return MARKET.decode(dict(part.rest()), "market", names, beside)


def _navs(root: _Part) -> tuple[NavPoint, ...]:
    rows = root.kept.blocks(root.opened("navs"), "navs")
    points: tuple[NavPoint, ...] = form(tuple[NavPoint, ...]).decode(rows, "navs", _NO_NAMES)
    return points


def _memory(root: _Part) -> Memory:
    plain = dict(fields(root.opened("memory"), "memory"))
    rows = root.kept.blocks(plain.pop("closed_trades", None), "memory.closed_trades")
    trades = form(tuple[Decimal | None, ...]).decode(rows, "memory.closed_trades", _NO_NAMES)
    beside: dict[str, object] = {"closed_trades": trades, "adoption": None}
    if "adoption" in plain:
        told = root.kept.open(plain.pop("adoption"), "memory.adoption")
        beside["adoption"] = decode(Adoption, told, "memory.adoption", _NO_NAMES)
    return MEMORY.decode(plain, "memory", _NO_NAMES, beside)


def _exchange(root: _Part) -> Exchange | None:
    plain = root.told("exchange")
    if plain is None:
        return None
    told = dict(fields(plain, "exchange"))
    told["instruction"] = root.kept.open(told.get("instruction"), "exchange.instruction")
    return decode(Exchange, told, "exchange", _NO_NAMES)
