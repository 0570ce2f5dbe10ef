"""From the JSON of an order request to a typed request, with the refusal texts the gateway answers with.

Wrong types and enumerations are status 400 (IBKR documentation); what the order system itself refuses is status 200
with an "error" key (observed on live paper accounts).
"""

from decimal import Decimal
from typing import Any, cast

from api_gateway.simulator.errors import order_error, refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.universe import Universe
from api_gateway.simulator.orders.order import OrderRequest, OrderType, Side, TimeInForce
from api_gateway.simulator.wire import whole_number

_INCREMENTS = ((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01")))

_LARGEST_NUMBER = 1e9


def increment_at(price: Decimal) -> Decimal:
    """The tick of a US stock: one cent, below one dollar a hundredth of it."""
    return next(tick for edge, tick in reversed(_INCREMENTS) if price >= edge)


def increment_rules() -> list[dict[str, float]]:
    """The ticks by price, as contracts and positions carry them."""
    return [{"lowerEdge": float(edge), "increment": float(tick)} for edge, tick in _INCREMENTS]


def single_order(body: object) -> dict[str, Any]:
    """The one order of `{"orders": [...]}` or of a bare list; both forms are in use."""
    orders = body.get("orders") if isinstance(body, dict) else body
    if not isinstance(orders, list) or not orders or not all(isinstance(one, dict) for one in orders):
        raise refused(400, "orders request includes parameter with incorrect type")
    if len(orders) > 1:
        raise order_error("Several orders in one request are accepted for brackets and OCA groups only")
    return cast(dict[str, Any], orders[0])


def _number(raw: dict[str, Any], name: str) -> Decimal | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(400, "orders request includes parameter with incorrect type")
    if not abs(value) <= _LARGEST_NUMBER:
        raise refused(400, "orders request includes parameter with incorrect type")
    return Decimal(str(value))


def _text(raw: dict[str, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise refused(400, "orders request includes parameter with incorrect type")
    return value or None


def conid_of(raw: dict[str, Any]) -> int:
    """Accepts `conid` as a number or `conidex` as text, alone or with "@exchange"."""
    value = raw.get("conid") or raw.get("conidex")
    if value is None:
        raise refused(400, "conid or conidex is required")
    conid = whole_number(str(value).split("@")[0])
    if conid is None:
        raise refused(400, "orders request includes parameter with incorrect type")
    return conid


def _contract(raw: dict[str, Any], universe: Universe) -> Contract:
    contract = universe.by_conid.get(conid_of(raw))
    if contract is None:
        raise order_error("no sec defs returned forSecDef request")
    if not contract.tradable:
        raise order_error(f"No trading permissions for {contract.symbol} on {contract.exchange}")
    return contract


def _side(raw: dict[str, Any]) -> Side:
    side = _text(raw, "side")
    if side not in ("BUY", "SELL"):
        raise refused(400, "Invalid Side (must be 'BUY' or 'SELL').")
    return cast(Side, side)


def _order_type(raw: dict[str, Any]) -> OrderType:
    order_type = _text(raw, "orderType")
    if order_type not in ("LMT", "MKT", "STP"):
        raise refused(400, "Unknown order type")
    return cast(OrderType, order_type)


def _time_in_force(raw: dict[str, Any]) -> TimeInForce:
    time_in_force = _text(raw, "tif")
    if time_in_force is None:
        raise order_error("null time in force")
    if time_in_force not in ("DAY", "GTC", "IOC"):
        raise order_error(f"Invalid time in force {time_in_force}")
    return cast(TimeInForce, time_in_force)


def _price(raw: dict[str, Any], order_type: OrderType) -> Decimal | None:
    """The limit of a limit order and the stop of a stop order have the same name (documented)."""
    price = _number(raw, "price")
    if order_type == "MKT":
        if price is not None:
            raise order_error("Invalid order price fields")
        return None
    if price is None or price <= 0 or raw.get("auxPrice") is not None:
        raise order_error("Invalid order price fields")
    if price % increment_at(price):
        raise order_error("The price does not conform to the minimum price variation for this contract.")
    return price


def _refuse_what_is_not_played(raw: dict[str, Any]) -> None:
    """What would change the order's meaning if it were overlooked."""
    if raw.get("cashQty") is not None or raw.get("fxQty") is not None:
        # The account's properties say supportsCashQty false; the wording is not recorded.
        raise order_error("Cash quantity orders are not supported for this account")
    for name in ("strategy", "parentId", "isSingleGroup", "useAdaptive"):
        if raw.get(name):
            raise order_error(f"Order field {name} is not supported for this account")


def _quantity(raw: dict[str, Any]) -> int:
    """Whole shares (documented)."""
    quantity = _number(raw, "quantity")
    if quantity is None or quantity <= 0 or quantity != int(quantity):
        raise order_error("Order quantity must be a positive whole number of shares")
    return int(quantity)


def parse_order(body: object, account: str, universe: Universe) -> OrderRequest:
    """Raises: GatewayRefusal, with status 400 or 200 as the gateway would answer."""
    return parse_terms(single_order(body), account, universe)


def parse_terms(raw: dict[str, Any], account: str, universe: Universe) -> OrderRequest:
    """One order's fields; a modification sends them without a list around. Raises: GatewayRefusal."""
    contract = _contract(raw, universe)
    named = _text(raw, "acctId")
    if named is not None and named != account:
        raise refused(400, "orders request includes an account that is not the one addressed")
    order_type = _order_type(raw)
    _refuse_what_is_not_played(raw)
    price = _price(raw, order_type)
    return OrderRequest(
        contract=contract,
        side=_side(raw),
        quantity=_quantity(raw),
        order_type=order_type,
        limit_price=price if order_type == "LMT" else None,
        time_in_force=_time_in_force(raw),
        coid=_text(raw, "cOID"),
        account=account,
        stop_price=price if order_type == "STP" else None,
    )
