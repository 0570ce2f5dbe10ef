"""Market data snapshots with everything hidden that would mislead: bare first answers, ids without names, odd numbers.

A previous close is marked as one, and a field that did not arrive is listed as missing.
"""

from decimal import Decimal
from typing import Final

from pydantic import Field

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Incomplete, Malformed
from api_gateway.mcp_server.registry.fields import Conids, FieldIds
from api_gateway.mcp_server.registry.reference import FIELDS
from api_gateway.mcp_server.registry.tool import Arguments, Call

_MOST_POLLS: Final = 8
_POLL_SECONDS: Final = 0.25
_MOST_FIELDS: Final = 50
_LAST, _BID, _ASK, _AVAILABILITY = "31", "84", "86", "6509"
# What must read as a number; elsewhere the gateway writes a text such as N/A now and then.
_CORE: Final = frozenset({_LAST, "70", "71", _BID, "85", _ASK, "87", "88", "7295", "7296", "7741", "7762"})
_MARKS: Final = {"C": "previous close", "H": "halted"}
_DATA: Final = {
    "R": "real time",
    "D": "delayed",
    "Z": "frozen",
    "Y": "frozen and delayed",
    "N": "not subscribed",
    "O": "market data agreement not acknowledged",
}


class Snapshot(Arguments):
    conids: Conids
    fields_: FieldIds = Field(alias="fields")


async def poll(call: Call) -> object:
    """One row per contract that the gateway knows, with what it delivers within a few polls."""
    arguments = call.given(Snapshot)
    conids, fields = arguments.conids, arguments.fields_
    asked = fields if _AVAILABILITY in fields or len(fields) == _MOST_FIELDS else [*fields, _AVAILABILITY]
    rows = await _settle(call, conids, asked)
    known = [conid for conid in conids if set(rows.get(conid, ())) & set(asked)]
    if not known:
        raise Incomplete("the gateway delivered none of the fields for any of the contracts")
    return {
        "snapshots": [_snapshot(conid, rows[conid], fields) for conid in known],
        "missing": [conid for conid in conids if conid not in known],
    }


async def _settle(call: Call, conids: list[int], fields: list[str]) -> dict[int, wire.Row]:
    """Polls until every field of every contract is there, or two polls in a row brought nothing new."""
    rows: dict[int, wire.Row] = {}
    unchanged = 0
    for _ in range(_MOST_POLLS):
        answer = await call.around.raw.read(call.request(fields=fields))
        before = {conid: set(row) for conid, row in rows.items()}
        for row in wire.rows(answer, "snapshot"):
            conid = wire.conid(row.get("conid"))
            rows[conid] = {**rows.get(conid, {}), **row}
        if all(set(fields) <= set(rows.get(conid, ())) for conid in conids):
            break
        unchanged = unchanged + 1 if before == {conid: set(row) for conid, row in rows.items()} else 0
        if unchanged == 2 and any(set(row) & set(fields) for row in rows.values()):
            break
        await call.around.raw.pause(_POLL_SECONDS)
    return rows


def _snapshot(conid: int, row: wire.Row, fields: list[str]) -> dict[str, object]:
    availability = wire.text(row, _AVAILABILITY)
    found: dict[str, object] = {
        "conid": conid,
        "updated": wire.instant(row["_updated"]) if row.get("_updated") is not None else None,
        "availability": {"code": availability, "meaning": _DATA.get(availability[:1])} if availability else None,
        "fields": {field: _value(field, row[field]) for field in fields if row.get(field) not in (None, "")},
        "missing": [field for field in fields if row.get(field) in (None, "")],
    }
    return found if "simulator" not in row else {**found, "simulator": row["simulator"]}


def _value(field: str, value: object) -> dict[str, object]:
    label, kind = FIELDS.get(field, (None, "text"))
    found: dict[str, object] = {"label": label, "value": value}
    if kind == "text":
        return found
    try:
        mark, read = _read(field, kind, value)
    except Malformed:
        if field in _CORE:
            raise
        return {**found, "value": None, "text": value}
    if field in (_BID, _ASK) and read <= 0:
        # The gateway writes -1 or 0 where nobody quotes.
        return {**found, "value": None, "text": "nobody quotes"}
    return {**found, "value": read} if not mark else {**found, "value": read, "mark": _MARKS[mark]}


def _read(field: str, kind: str, value: object) -> tuple[str, Decimal]:
    if field == _LAST:
        return wire.marked_price(value)
    if kind == "percent" and isinstance(value, str):
        return "", wire.number(value.strip().removesuffix("%"))
    return "", wire.plain(value) if kind == "price" else wire.number(value)
