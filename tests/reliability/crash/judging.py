"""Compares what the simulator received and holds with what the ledger says, through connections of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, Row, text

from app.domain.order import OrderState
from app.ledger.sql_ledger import SqlLedger
from tests.reliability.crash.witness import Sighting

_INTENTS = text("SELECT i.*, r.plan AS plan FROM intents i JOIN runs r ON r.run_id = i.run_id ORDER BY i.coid")
_RUNS = text("SELECT session_date, slot, status FROM runs WHERE NOT dry_run")
_BROKER_ENDS = {
    "Filled": {OrderState.FILLED},
    "Cancelled": {OrderState.CANCELLED},
    "Inactive": {OrderState.CANCELLED, OrderState.REJECTED},
}
_NOT_THERE = {OrderState.ABANDONED, OrderState.REJECTED, OrderState.NOT_SENT, OrderState.PLANNED}


@dataclass(frozen=True)
class Broker:
    """The simulator's own record: `orders` as its arrival list has them, quantities by symbol before and after."""

    orders: Sequence[Mapping[str, Any]]
    before: Mapping[str, Decimal]
    after: Mapping[str, Decimal]


@dataclass(frozen=True)
class Judgement:
    """What is wrong, each a sentence; `not_placed` counts intents that never became an order, which is allowed."""

    duplicates: tuple[str, ...]
    unrecorded: tuple[str, ...]
    beyond_plan: tuple[str, ...]
    mismatches: tuple[str, ...]
    not_placed: int = 0

    @property
    def violations(self) -> tuple[str, ...]:
        """All of them."""
        return self.duplicates + self.unrecorded + self.beyond_plan + self.mismatches


def judge(broker: Broker, engine: Engine, seen: Sequence[Sighting]) -> Judgement:
    """After the last sweep."""
    with engine.connect() as connection:
        intents = list(connection.execute(_INTENTS))
        runs = list(connection.execute(_RUNS))
    by_coid = {row.coid: row for row in intents}
    arrived = {str(row["cOID"]): row for row in broker.orders}
    return Judgement(
        duplicates=tuple(_duplicates(arrived)),
        unrecorded=tuple(_unrecorded(arrived, seen)),
        beyond_plan=tuple(_beyond(arrived, by_coid)),
        mismatches=(
            *_mismatches(arrived, intents),
            *_holdings(broker, intents),
            *_unfinished(runs),
            *SqlLedger(engine).verify().problems,
        ),
        not_placed=sum(not _broker_orders(arrived, row.coid) for row in intents),
    )


def _duplicates(arrived: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for coid, row in arrived.items():
        if row["brokerOrders"] > 1:
            yield f"{row['brokerOrders']} broker orders of {coid}"
        elif row["arrivals"] > 1:
            yield f"{coid} arrived {row['arrivals']} times"


def _unrecorded(arrived: Mapping[str, Mapping[str, Any]], seen: Sequence[Sighting]) -> Iterator[str]:
    for sighting in seen:
        if not sighting.recorded:
            yield f"{sighting.coid} went out with its intent {sighting.state or 'not sent'} in the ledger"
    unseen = set(arrived) - {sighting.coid for sighting in seen}
    yield from (f"{coid} arrived past the witness" for coid in sorted(unseen))


def _beyond(arrived: Mapping[str, Mapping[str, Any]], intents: Mapping[str, Row[Any]]) -> Iterator[str]:
    for coid, row in arrived.items():
        intent = intents.get(coid)
        if intent is None:
            yield f"{coid} arrived and no committed plan has it"
            continue
        if intent.plan is None:
            yield f"{coid} arrived and its run has committed no plan"
        for order in row["orders"]:
            same = (order["conid"], order["side"]) == (intent.conid, intent.side)
            if not same or Decimal(str(order["quantity"])) > Decimal(intent.quantity):
                yield f"{coid} is {order['side']} {order['quantity']} of {order['symbol']} beyond its intent"


def _broker_orders(arrived: Mapping[str, Mapping[str, Any]], coid: str) -> Sequence[Mapping[str, Any]]:
    row = arrived.get(coid)
    orders: Sequence[Mapping[str, Any]] = row["orders"] if row else ()
    return orders


def _mismatches(arrived: Mapping[str, Mapping[str, Any]], intents: Sequence[Row[Any]]) -> Iterator[str]:
    for intent in intents:
        state, filled = OrderState(intent.state), Decimal(intent.filled_quantity)
        orders = _broker_orders(arrived, intent.coid)
        if not orders and (state not in _NOT_THERE or filled != 0):
            yield f"{intent.symbol} is {state} with {filled} filled in the ledger and not at the broker"
        for order in orders:
            ends = _BROKER_ENDS.get(order["state"])
            if ends is None or state not in ends:
                yield f"{intent.symbol} is {order['state']} at the broker and {state} in the ledger"
            elif filled != Decimal(str(order["filledQuantity"])):
                yield f"{intent.symbol} has {order['filledQuantity']} filled at the broker, {filled} in the ledger"


def _holdings(broker: Broker, intents: Sequence[Row[Any]]) -> Iterator[str]:
    expected = dict(broker.before)
    for intent in intents:
        sign = 1 if intent.side == "BUY" else -1
        expected[intent.symbol] = expected.get(intent.symbol, Decimal(0)) + sign * Decimal(intent.filled_quantity)
    for symbol in sorted({*expected, *broker.after}):
        held, wanted = broker.after.get(symbol, Decimal(0)), expected.get(symbol, Decimal(0))
        if held != wanted:
            yield f"{held} {symbol} are held, {wanted} by the ledger's fills"


def _unfinished(runs: Sequence[Row[Any]]) -> Iterator[str]:
    for slot in ("daily", "close"):
        found = [row.status for row in runs if row.slot == slot and row.status not in {"failed", "not_ready"}]
        if found != ["done"]:
            yield f"the runs of the {slot} slot ended as {', '.join(found) or 'nothing'}"
