"""Rows of positions as one holding per contract, whatever the account holds.

A row that is strange costs its own name, never the others. What of a row cannot be read is said in the holding's note;
a row that cannot be a holding at all is set aside with the reason. Only another account's rows spoil the answer.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.classification import of_definition
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import Holdings, ModelHolding, Position, StrangeRow
from api_gateway.clientportal.row_reader import RowReader

UNKNOWN: Final = "UNKNOWN"
# The broker's names for what stands in no model.
_OWN_MODEL: Final = frozenset({"", "core", "independent"})
SHARES: Final = frozenset({"STK", "ETF"})
_CENT_UNITS: Final = (Decimal(99), Decimal(101))
_AMOUNTS: Final = ("market_value", "unrealized_pnl", "realized_pnl")


@dataclass(frozen=True)
class _Held:
    model: str
    legs: str
    position: Position


def rows_of(answer: object, account: str) -> list[object]:
    """Whatever they hold. Raises: Malformed for what is no list, and for another account's row."""
    if not isinstance(answer, list):
        raise Malformed(f"positions: expected a list, found {type(answer).__name__}")
    for row in answer:
        if isinstance(row, dict) and isinstance(row.get("acctId"), str):
            wire.same_account(row, "acctId", expected=account)
    return answer


def named(rows: Iterable[object]) -> Set[int]:
    """Contracts of which something is held, as far as the rows say."""
    found: set[int] = set()
    for row in rows:
        if isinstance(row, dict) and not _is_closed(row):
            conid = RowReader().read("conid", partial(_conid, row))
            found |= {conid} if conid is not None else set()
    return found


def holdings(rows: Sequence[object]) -> Holdings:
    """Closed positions (quantity zero) are dropped."""
    by_conid: defaultdict[int, list[_Held]] = defaultdict(list)
    strange: list[StrangeRow] = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            if _is_closed(row):
                continue
            found = _held(row)
        else:
            found = _strange(None, None, f"row {number} of the positions is no object")
        if isinstance(found, StrangeRow):
            strange.append(found)
        elif found not in by_conid[found.position.conid]:
            by_conid[found.position.conid].append(found)
    merged = [_merged(each) for each in by_conid.values()]
    return Holdings(
        positions=tuple(each for each in merged if isinstance(each, Position)),
        strange=(*strange, *(each for each in merged if isinstance(each, StrangeRow))),
    )


def _is_closed(row: wire.Row) -> bool:
    return RowReader().number(row, "position") == 0


def _strange(conid: int | None, symbol: str | None, reason: str) -> StrangeRow:
    return StrangeRow(what="position", conid=conid, symbol=symbol, reason=reason)


def _held(row: wire.Row) -> _Held | StrangeRow:
    """A holding needs a contract, a quantity and a currency; all else may be missing."""
    doubts, grave = RowReader(), RowReader()
    conid = grave.read("conid", partial(_conid, row))
    quantity = grave.number(row, "position")
    currency = grave.read("currency", partial(wire.currency, row, "currency"))
    asset_class = _asset_class(row, doubts)
    symbol = _symbol(row, asset_class, doubts)
    if conid is None or quantity is None or currency is None:
        return _strange(conid, symbol, str(grave.note))
    if symbol is None:
        doubts.add("the row names no symbol")
    legs, model = _legs(row), _model(row, doubts)
    if legs:
        doubts.add(f"a combination of {legs}")
    price = doubts.number(row, "marketPrice", "mktPrice")
    value = doubts.number(row, "marketValue", "mktValue")
    cost = doubts.number(row, "avgCost")
    unrealized = doubts.number(row, "unrealizedPnl")
    if asset_class in SHARES:
        price = _in_currency(price, quantity, value)
        cost = _in_currency(cost, quantity, None if value is None or unrealized is None else value - unrealized)
    position = Position(
        conid=conid,
        symbol=symbol or str(conid),
        name=doubts.text(row, "name"),
        asset_class=asset_class,
        currency=currency,
        quantity=quantity,
        price=price,
        market_value=value,
        average_cost=cost,
        unrealized_pnl=unrealized,
        realized_pnl=doubts.number(row, "realizedPnl"),
        multiplier=doubts.read("multiplier", partial(wire.optional_number, row, "multiplier")) or None,
        models=(ModelHolding(model=model, quantity=quantity),) if model else (),
        note=doubts.note,
        **dict(of_definition(row)),
    )
    return _Held(model, legs, position)


def _conid(row: wire.Row) -> int:
    """Raises: Malformed where there is none, or where its two spellings are not one."""
    told = [row.get(key) for key in ("conid", "conidEx", "conidex")]
    heads = [re.split("[@;]", each.strip(), maxsplit=1)[0] if isinstance(each, str) else each for each in told]
    found = {wire.conid(each) for each in heads if each not in (None, "")}
    if not found:
        raise Malformed("there is none")
    if len(found) > 1:
        raise Malformed(f"a row with two contract ids, {' and '.join(map(str, sorted(found)))}")
    return found.pop()


def _legs(row: wire.Row) -> str:
    """Of a combination, as the broker writes them: contract and signed ratio."""
    told = (row.get(key) for key in ("conidEx", "conidex", "conid"))
    return next((each.partition(";;;")[2] for each in told if isinstance(each, str) and ";;;" in each), "")


def _asset_class(row: wire.Row, doubts: RowReader) -> str:
    told = [doubts.text(row, key) for key in ("secType", "assetClass")]
    found = list(dict.fromkeys(each.upper() for each in told if each is not None))
    if set(found) <= SHARES and found:
        return found[0]
    if len(found) > 1:
        doubts.add(f"secType and assetClass are not one: {' and '.join(found)}")
    return found[0] if len(found) == 1 else UNKNOWN


def _symbol(row: wire.Row, asset_class: str, doubts: RowReader) -> str | None:
    """Near-real-time rows carry the ticker as description; a derivative's ticker is the underlying's."""
    descriptions = ("description", "contractDesc")
    keys = ("ticker", *descriptions) if asset_class in SHARES else (*descriptions, "ticker")
    return doubts.text(row, *keys)


def _model(row: wire.Row, doubts: RowReader) -> str:
    """Blank for the account's own."""
    told = row.get("model")
    if told is not None and not isinstance(told, str):
        doubts.add("model is no text")
        return UNKNOWN
    found = (told or "").strip()
    return "" if found.casefold() in _OWN_MODEL else found


def _in_currency(price: Decimal | None, quantity: Decimal, value: Decimal | None) -> Decimal | None:
    """A price in hundredths (pence) in the currency that the value is in."""
    if price is None or not value:
        return price
    lowest, highest = _CENT_UNITS
    return price / 100 if lowest <= price * quantity / value <= highest else price


def _merged(rows: Sequence[_Held]) -> Position | StrangeRow:
    """The rows of one contract as one holding; every model's quantity counts."""
    first = rows[0].position
    if len(rows) == 1:
        return first
    if len({(each.model, each.legs) for each in rows}) < len(rows):
        told = " and ".join(f"{each.position.quantity:f}" for each in rows)
        return _strange(first.conid, first.symbol, f"rows that differ stand for the same holding: position {told}")
    positions = [each.position for each in rows]
    if len({(each.currency, each.asset_class) for each in positions}) > 1:
        return _strange(first.conid, first.symbol, "rows of one contract in two currencies, or of two kinds")
    own = next((each.position for each in rows if not each.model), first)
    quantity = sum((each.quantity for each in positions), Decimal(0))
    return own.model_copy(
        update={
            "quantity": quantity,
            **{name: _total(positions, name) for name in _AMOUNTS},
            "price": _common_price(rows),
            "average_cost": _average_cost(positions, quantity),
            "models": tuple(holding for each in positions for holding in each.models),
            "note": "; ".join(each.note for each in positions if each.note) or None,
        }
    )


def _total(positions: Sequence[Position], name: str) -> Decimal | None:
    amounts = [getattr(each, name) for each in positions]
    return None if None in amounts else sum(amounts, Decimal(0))


def _common_price(rows: Sequence[_Held]) -> Decimal | None:
    """The last that is told, for the rows of one contract are moments apart; that of two combinations is none."""
    if any(each.legs for each in rows):
        return None
    return next((each.position.price for each in reversed(rows) if each.position.price is not None), None)


def _average_cost(positions: Sequence[Position], quantity: Decimal) -> Decimal | None:
    """Over all rows, where they are on one side."""
    if not quantity or any(each.average_cost is None or each.quantity * quantity < 0 for each in positions):
        return None
    cost = sum((each.average_cost * each.quantity for each in positions if each.average_cost is not None), Decimal(0))
    return round(cost / quantity, 8)
