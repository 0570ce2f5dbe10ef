"""Reads the rows of orders and executions, ours exactly and those of others as far as they go.

An order of ours that cannot be read raises: its fate decides what is sent next. A row of somebody else's that cannot be
read is a strange one and costs nobody else anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, TypeVar

from api_gateway.clientportal import units, wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.clientportal.records import OrderLeg, OrderRow, StrangeRow, Trade
from api_gateway.clientportal.units import Facts, scaled

# Client order ids of this project's own orders begin with it.
_OURS: Final = "PM"
_SHARES: Final = frozenset({"STK", "ETF"})
# What tells two rows of one execution apart is not always part of it.
_EXECUTION: Final = ("order_id", "conid", "side", "size", "price", "account")
_COMPANY: Final = ("contract_description_1", "company_name")
Record = TypeVar("Record")
Read = TypeVar("Read")


@dataclass(frozen=True)
class Unit:
    """Of a contract: its magnifier, None with the reason where it is not known, and its currency."""

    magnifier: int | None
    reason: str = ""
    currency: str | None = None

    def price(self, quoted: Decimal | None) -> Decimal | None:
        """Raises: Malformed for a price in an unknown unit; nothing costs nothing in any."""
        if not quoted:
            return quoted
        if self.magnifier is None:
            raise Malformed(f"price: its unit is not known ({self.reason})")
        return scaled(quoted, self.magnifier)


DOLLARS: Final = Unit(1, currency="USD")


def is_ours(row: wire.Row) -> bool:
    told = row.get("order_ref")
    return isinstance(told, str) and told.strip().startswith(_OURS)


def any_ours(orders: Iterable[OrderRow]) -> bool:
    return any(order.coid is not None and order.coid.startswith(_OURS) for order in orders)


def priced_as(row: wire.Row) -> int | None:
    """The contract whose unit the row's prices are in: of a combination, its first leg's."""
    legs = _soft(row, partial(wire.legs, row))
    return legs[0][0] if legs else _conid(row)


def order_facts(row: wire.Row) -> Facts:
    """What an order's row tells of its contract's unit."""
    currency = "cashCcy" if row.get("cashCcy") else "currency"
    exchange = "listingExchange" if row.get("listingExchange") else "listing_exchange"
    kind = "secType" if row.get("secType") else "sec_type"
    return units.facts_of(row, currency=currency, exchange=exchange, asset_class=kind)


def trade_facts(row: wire.Row) -> Facts:
    """An execution names no currency, but where it is listed."""
    return units.facts_of(row, currency="currency", exchange="listing_exchange", asset_class="sec_type")


def read_each(
    rows: Iterable[tuple[wire.Row, Unit]],
    read: Callable[[wire.Row, Unit], Record],
    strange: Callable[[object, str], StrangeRow],
) -> tuple[tuple[Record, ...], tuple[StrangeRow, ...]]:
    """Those that can be read, and the others with the reason. Raises: Malformed for one of ours."""
    found: list[Record] = []
    others: list[StrangeRow] = []
    for row, unit in rows:
        try:
            found.append(read(row, unit))
        except Malformed as error:
            if is_ours(row):
                raise
            others.append(strange(row, str(error)))
    return tuple(found), tuple(others)


def strange_order(row: object, reason: str) -> StrangeRow:
    return StrangeRow(what="order", conid=_conid(row), symbol=told(row, "ticker", "description1"), reason=reason)


def strange_trade(row: object, reason: str) -> StrangeRow:
    return StrangeRow(what="trade", conid=_conid(row), symbol=told(row, "symbol", *_COMPANY), reason=reason)


def newest_orders(rows: Sequence[wire.Row]) -> list[wire.Row]:
    """One row per order, the one that was touched last. Raises: Malformed for two of ours of one moment."""
    kept: dict[str, wire.Row] = {}
    for row in rows:
        # A row without a number stands for itself.
        number = _soft(row, partial(wire.identity, row, "orderId")) or f"row {len(kept)}"
        before = kept.get(number)
        if before is None or _touched(row) > _touched(before):
            kept[number] = row
        elif row != before and _touched(row) == _touched(before) and (is_ours(row) or is_ours(before)):
            raise Malformed(f"live orders: two rows that differ stand for order {number}")
    return list(kept.values())


def one_per_execution(rows: Sequence[wire.Row]) -> list[wire.Row]:
    """Raises: Malformed for two rows of ours that tell different things of one execution.

    Of two that differ beside it, such as in a commission that came later, the fuller is kept.
    """
    kept: dict[str, wire.Row] = {}
    for row in rows:
        number = _soft(row, partial(wire.identity, row, "execution_id")) or f"row {len(kept)}"
        before = kept.setdefault(number, row)
        if any(row.get(key) != before.get(key) for key in _EXECUTION) and (is_ours(row) or is_ours(before)):
            raise Malformed(f"trades: two rows that differ stand for execution {number}")
        if before.get("commission") in (None, ""):
            kept[number] = row
    return list(kept.values())


def live_row(row: wire.Row, unit: Unit) -> OrderRow:
    total, filled, remaining = _sizes(row, "totalSize", "filledQuantity", "remainingQuantity")
    return _order(
        row,
        unit,
        order_id=wire.order_id(row, "orderId"),
        symbol=_soft(row, lambda: wire.identity(row, "ticker")),
        quantity=total,
        filled_quantity=filled,
        remaining_quantity=remaining,
        limit_price=_soft(row, lambda: unit.price(wire.named_number(row, "price"))),
        average_price=_soft(row, lambda: unit.price(_nonzero(wire.named_number(row, "avgPrice")))),
        status=_status(row),
        time_in_force=_soft(row, lambda: wire.text(row, "timeInForce")),
        currency=_soft(row, lambda: units.currency_of(row, "cashCcy")),
        security_type=_soft(row, lambda: wire.text(row, "secType")),
    )


def status_row(row: wire.Row, unit: Unit) -> OrderRow:
    """Of an order's status, which is asked for by number, whosever it is. Raises: Malformed."""
    return _order(
        row,
        unit,
        order_id=wire.order_id(row, "order_id"),
        symbol=wire.identity(row, "symbol"),
        quantity=_quantity(row, "total_size"),
        filled_quantity=_quantity(row, "cum_fill"),
        # `size` is what remains.
        remaining_quantity=_quantity(row, "size"),
        limit_price=unit.price(wire.named_number(row, "limit_price")),
        average_price=unit.price(_nonzero(wire.named_number(row, "average_price"))),
        status=wire.required_text(row, "order_status"),
        time_in_force=wire.text(row, "tif"),
        currency=units.currency_of(row, "currency"),
        security_type=wire.text(row, "sec_type"),
    )


def trade(row: wire.Row, unit: Unit) -> Trade:
    kind = _soft(row, lambda: wire.text(row, "sec_type"))
    return Trade.model_validate(
        {
            "execution_id": _present(wire.identity(row, "execution_id"), "execution_id"),
            "order_id": _order_of(row),
            "coid": _soft(row, lambda: wire.text(row, "order_ref")),
            "conid": wire.contract(row),
            "symbol": _present(wire.identity(row, "symbol", *_COMPANY), "symbol"),
            "side": wire.side(wire.required_text(row, "side")),
            "quantity": _quantity(row, "size"),
            "price": unit.price(_traded_price(row, kind)),
            "commission": _soft(row, lambda: wire.named_number(row, "commission")),
            "time": _trade_time(row),
            "security_type": kind,
            "multiplier": _soft(row, lambda: wire.named_number(row, "multiplier")),
            "net_amount": _soft(row, lambda: wire.named_number(row, "net_amount")),
            "currency": unit.currency,
            "legs": _legs(row),
        }
    )


def _order(row: wire.Row, unit: Unit, **fields: object) -> OrderRow:
    return OrderRow.model_validate(
        {
            "coid": _soft(row, lambda: wire.text(row, "order_ref")),
            "conid": wire.contract(row),
            "side": wire.side(wire.required_text(row, "side")),
            "legs": _legs(row),
            "price_magnifier": unit.magnifier or 1,
            **fields,
        }
    )


def _soft(row: wire.Row, read: Callable[[], Read | None]) -> Read | None:
    """What a stranger's row can do without. Raises: Malformed for a row of ours."""
    try:
        return read()
    except Malformed:
        if is_ours(row):
            raise
        return None


def _legs(row: wire.Row) -> tuple[OrderLeg, ...]:
    return tuple(OrderLeg(conid=conid, ratio=ratio) for conid, ratio in wire.legs(row))


def _sizes(row: wire.Row, *keys: str) -> tuple[Decimal, Decimal, Decimal]:
    """Total, filled and remaining, any of which follows from the other two. Raises: Malformed."""
    total, filled, remaining = (
        _quantity(row, key) if wire.named_number(row, key) is not None else None for key in keys
    )
    if filled is None and total is not None and remaining is not None:
        filled = total - remaining
    if remaining is None and total is not None and filled is not None:
        remaining = total - filled
    if filled is None or remaining is None or min(filled, remaining) < 0:
        raise Malformed(f"{keys[1]} and {keys[2]}: one is missing, or the order is smaller than they are")
    return filled + remaining if total is None else total, filled, remaining


def _status(row: wire.Row) -> str:
    """The broker's word, known or not; the order system's own where a stranger's row has no other."""
    return wire.required_text(row, "status", *(() if is_ours(row) else ("order_ccp_status",)))


def _traded_price(row: wire.Row, kind: str | None) -> Decimal:
    """0 for an option that expired; below it only for what is no share, and nothing of ours costs nothing."""
    if row.get("price") in (None, ""):
        raise Malformed("price is missing")
    found = wire.plain(row["price"])
    if is_ours(row):
        return wire.price(found)
    if found < 0 and (kind is None or kind in _SHARES):
        raise Malformed(f"price: {found:f} for a share")
    return found


def _order_of(row: wire.Row) -> str:
    """The broker writes 0 where no order led to the execution; some rows leave it out."""
    if wire.identity(row, "order_id") is None and not is_ours(row):
        return "0"
    return wire.order_id(row, "order_id")


def _trade_time(row: wire.Row) -> datetime:
    if row.get("trade_time_r") is not None:
        return wire.instant(row["trade_time_r"])
    return wire.compact_time(wire.required_text(row, "trade_time"))


def _touched(row: wire.Row) -> str:
    """Comparable within one list; the later of two moments is the greater text."""
    told = row.get("lastExecutionTime_r") or row.get("lastExecutionTime") or ""
    return f"{told}".rjust(20)


def _quantity(row: wire.Row, key: str) -> Decimal:
    found = wire.named_number(row, key)
    if found is None:
        raise Malformed(f"{key} is missing")
    if found < 0:
        raise Malformed(f"{key} is negative")
    return found


def _nonzero(value: Decimal | None) -> Decimal | None:
    """An average price; the gateway writes 0 while nothing has filled."""
    return value or None


def _present(value: str | None, key: str) -> str:
    if value is None:
        raise Malformed(f"{key} is missing")
    return value


def _conid(row: object) -> int | None:
    try:
        return wire.contract(row) if isinstance(row, Mapping) else None
    except Malformed:
        return None


def told(row: object, *keys: str) -> str | None:
    try:
        return wire.identity(row, *keys) if isinstance(row, Mapping) else None
    except Malformed:
        return None
