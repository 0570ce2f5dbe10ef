"""The simulator's own endpoints: what happened, what shall go wrong, and what time it is.

They are not part of the gateway: neither counted, paced nor spoiled.
"""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_gateway.simulator.errors import refused
from api_gateway.simulator.faults.fault_box import RULES
from api_gateway.simulator.orders.arrivals import Arrival
from api_gateway.simulator.orders.order import Execution, Order
from api_gateway.simulator.routes.http import Here, answer, check_account, json_body, read_body, unprocessable
from api_gateway.simulator.world import World

router = APIRouter(prefix="/simulator")


class ClockMove(BaseModel):
    """Exactly one of the three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: datetime | None = None
    advance_seconds: float | None = Field(default=None, ge=0, le=1e9)
    next_session: bool = False


def _fill(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.execution_id,
        "quantity": execution.quantity,
        "price": str(execution.price),
        "commission": str(execution.commission),
        "time": execution.time.isoformat(),
    }


def _order_row(world: World, order: Order) -> dict[str, Any]:
    request = order.request
    return {
        "orderId": order.order_id,
        "state": order.status.value,
        "text": order.ended_because,
        "conid": request.contract.conid,
        "account": request.account,
        "symbol": request.contract.symbol,
        "side": request.side,
        "quantity": request.quantity,
        "orderType": request.order_type,
        "limitPrice": str(request.limit_price) if request.limit_price is not None else None,
        "stopPrice": str(request.stop_price) if request.stop_price is not None else None,
        "timeInForce": request.time_in_force,
        "filledQuantity": order.filled_quantity,
        "averagePrice": str(order.average_price) if order.average_price is not None else None,
        "fills": [_fill(one) for one in world.books[request.account].executions if one.order_id == order.order_id],
    }


def _arrival_row(world: World, arrival: Arrival) -> dict[str, Any]:
    """`orderId` and the order's own fields are those of the first order; `orders` has every one."""
    found = [world.desk.order(order_id) for order_id in arrival.order_ids]
    orders = [_order_row(world, order) for order in found if order is not None]
    row: dict[str, Any] = {"state": arrival.state, "text": arrival.text, "orderId": None, "fills": []}
    return (
        row
        | (orders[0] if orders else {})
        | {
            "cOID": arrival.coid,
            "arrivals": len(arrival.stamps),
            "stamps": [
                {"sequence": one.sequence, "monotonic": one.monotonic, "time": one.market.isoformat()}
                for one in arrival.stamps
            ],
            "brokerOrders": len(orders),
            "orders": orders,
        }
    )


@router.get("/orders")
async def orders(world: Here) -> JSONResponse:
    """Every order that ever reached the gateway, accepted or not, with the number of times it was sent.

    `external` are the orders of the account's owner in another program, which never came through the gateway.
    """
    world.look()
    return answer(
        {
            "orders": [_arrival_row(world, one) for one in world.desk.arrivals.rows()],
            "external": [
                _order_row(world, one) | {"order_ref": one.request.coid} for one in world.desk.external_orders()
            ],
        }
    )


@router.get("/state")
async def state(request: Request, world: Here) -> JSONResponse:
    """Of the first account, or of the one given as `account`."""
    account = request.query_params.get("account", world.account)
    check_account(world, account)
    moment = world.look()
    valuation = world.accounting.valuation(account, moment)
    marks = world.accounting.marks(account, moment)
    currencies = {
        currency: {"cash": str(balance.cash), "rate": str(world.rates.rate(currency, moment))}
        for currency, balance in world.accounting.balances(account, moment).items()
    }
    return answer(
        {
            "simulator": world.marker(),
            "account": account,
            "accounts": list(world.accounts),
            "scenario": world.scenario.name,
            "book": book.text if (book := request.app.state.book) is not None else None,
            "market_open": moment.is_open,
            "cash": str(valuation.cash),
            "net_liquidation": str(valuation.net_liquidation),
            "positions": [
                {
                    "symbol": position.contract.symbol,
                    "conid": position.contract.conid,
                    "quantity": position.quantity,
                    "average_cost": str(position.average_cost),
                    "price": str(marks[position.contract.conid]),
                }
                for position in world.books[account].positions()
            ],
        }
        | ({"currencies": currencies} if len(currencies) > 1 else {})
    )


@router.get("/calls")
async def calls(world: Here) -> JSONResponse:
    """Gateway requests since the start, by method and path template; refused and spoiled ones included."""
    return answer({"total": world.calls.total(), "calls": dict(sorted(world.calls.items()))})


def _target(world: World, move: ClockMove) -> datetime:
    asked = (move.to is not None) + (move.advance_seconds is not None) + move.next_session
    if asked != 1:
        raise refused(400, "clock: give one of to, advance_seconds, next_session")
    if move.to is not None:
        return move.to
    if move.advance_seconds is not None:
        return world.clock.now() + timedelta(seconds=move.advance_seconds)
    morning = world.market.calendar.next_morning(world.clock.now())
    if morning is None:
        raise refused(400, f"clock: no session after {world.clock.now().date()}; the price data ends there")
    return morning


@router.post("/clock")
async def move_clock(request: Request, world: Here) -> JSONResponse:
    move = await read_body(request, ClockMove)
    world.look()
    world.clock.move_to(_target(world, move))
    world.look()
    return answer({"now": world.marker()["now"]})


@router.get("/clock")
async def clock(world: Here) -> JSONResponse:
    return answer({"now": world.marker()["now"]})


def _active(world: World) -> JSONResponse:
    return answer(
        {
            "faults": [
                fault.rule.model_dump(mode="json") | {"left": fault.left, "waiting": fault.waiting}
                for fault in world.faults.active()
            ]
        }
    )


@router.post("/faults")
async def add_faults(request: Request, world: Here) -> JSONResponse:
    """One rule or a list of them; all or none are taken. Standing conditions among them are not listed here."""
    body = await json_body(request)
    try:
        rules = RULES.validate_python(body if isinstance(body, list) else [body])
    except ValidationError as error:
        raise unprocessable(error) from error
    world.script(rules)
    return _active(world)


@router.get("/faults")
async def list_faults(world: Here) -> JSONResponse:
    return _active(world)


@router.delete("/faults")
async def clear_faults(world: Here) -> JSONResponse:
    world.faults.clear()
    return _active(world)
