"""The audit of intents: what the plan and every later event say of an order is what its row must hold."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, Row, Text, select, type_coerce

from app.domain.order import OrderState
from app.ledger import former
from app.ledger.schema import intents

_AMOUNTS = ("quantity", "reference_price", "limit_price", "filled_quantity", "average_price", "value")
# Never changed after the plan.
_IDENTITY = ("rule", "rules", "conid", "symbol", "side", "leg", "mandatory", "exit")
_COUNTED = ("state", "sends", "sent_at", "absent_reads")
# What no event repeats: an intent is planned with nothing sent, filled or missed.
_UNTOLD: Mapping[str, Any] = {"filled_quantity": "0", "sends": 0, "absent_reads": 0}

Key = tuple[str, str, str]


def as_planned(planned: Mapping[str, Any]) -> dict[str, Any]:
    """What the plan's event says of one intent, by column."""
    told = {name: planned[name] for name in _IDENTITY if name in planned}
    if "rule" in told and "rules" not in told:
        told["rules"] = former.rules(told["rule"])
    return {"state": OrderState.PLANNED.value, **told, **_amounts(planned)}


def as_changed(payload: Mapping[str, Any], at: str) -> dict[str, Any]:
    """What an event at that time says has changed, by column."""
    if "absent_reads" in payload:
        return {"absent_reads": payload["absent_reads"]}
    # Earlier versions took the time of the event itself.
    sent = {"sends": 1, "sent_at": payload.get("sent_at", at)} if payload["to"] == OrderState.SENDING else {}
    return {"state": payload["to"], **sent, **_amounts(payload)}


def check_intents(connection: Connection, told: Mapping[Key, Mapping[str, Any]]) -> Iterator[str]:
    """Every row against what was told of it, and the other way round."""
    expected = dict(told)
    texts = [type_coerce(intents.c[name], Text).label(name) for name in (*_AMOUNTS, "sent_at")]
    plain = [intents.c[name] for name in ("book", "run_id", "coid", *_IDENTITY, "state", "sends", "absent_reads")]
    stored = select(*plain, *texts).order_by(intents.c.book, intents.c.run_id, intents.c.position)
    for row in connection.execute(stored):
        known = expected.pop((row.book, row.run_id, row.coid), None)
        place = f"book {row.book}, intent {row.coid} of run {row.run_id}"
        if known is None:
            yield f"{place}: no intact event tells of it"
        elif differing := list(_differing(row, known)):
            yield f"{place}: its {', '.join(differing)} is not what the events say"
    for book, run_id, coid in expected:
        yield f"book {book}, intent {coid} of run {run_id}: is missing"


def _amounts(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in _AMOUNTS if payload.get(name) is not None}


def _differing(row: Row[Any], known: Mapping[str, Any]) -> Iterator[str]:
    for name in _COUNTED:
        if getattr(row, name) != known.get(name, _UNTOLD.get(name)):
            yield name
    for name in _IDENTITY:
        # Earlier versions did not tell the leg.
        if name in known and getattr(row, name) != known[name]:
            yield name
    for name in _AMOUNTS:
        if not _same_amount(getattr(row, name), known.get(name, _UNTOLD.get(name))):
            yield name


def _same_amount(stored: object, told: Any) -> bool:  # noqa: ANN401 (JSON)
    if stored is None or told is None:
        return stored is told
    try:
        return Decimal(str(stored)) == Decimal(told)
    except (InvalidOperation, TypeError, ValueError):
        return False
