"""The simulator's own endpoints: what happened, what shall go wrong, and what time it is.

They are not part of the gateway: neither counted, paced nor spoiled.
"""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_gateway.simulator.errors import refused
from api_gateway.simulator.faults import FaultRule
from api_gateway.simulator.order_desk import Arrival
from api_gateway.simulator.orders import Execution
from api_gateway.simulator.web import Here, answer, json_body
from api_gateway.simulator.world import World

router = APIRouter(prefix="/simulator")


class ClockMove(BaseModel):
    """Exactly one of the three."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: datetime | None = None
    advance_seconds: float | None = Field(default=None, ge=0, le=1e9)
    next_session: bool = False


def _first_problem(error: ValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return answer({"error": f"{where}: {first['msg']}", "statusCode": 422}, 422)


def _fill(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.execution_id,
        "quantity": execution.quantity,
        "price": str(execution.price),
        "commission": str(execution.commission),
        "time": execution.time.isoformat(),
    }


def _arrival_row(world: World, key: str, arrival: Arrival) -> dict[str, Any]:
    row: dict[str, Any] = {
        "cOID": arrival.coid,
        "state": arrival.state,
        "text": arrival.text,
        "arrivals": world.desk.arrival_counts[key],
        "orderId": arrival.order_id,
        "fills": [],
    }
    order = world.desk.order(arrival.order_id) if arrival.order_id is not None else None
    if order is None:
        return row
    request = order.request
    return row | {
        "state": order.status.value,
        "text": order.ended_because,
        "conid": request.contract.conid,
        "symbol": request.contract.symbol,
        "side": request.side,
        "quantity": request.quantity,
        "orderType": request.order_type,
        "limitPrice": str(request.limit_price) if request.limit_price is not None else None,
        "timeInForce": request.time_in_force,
        "filledQuantity": order.filled_quantity,
        "averagePrice": str(order.average_price) if order.average_price is not None else None,
        "fills": [_fill(one) for one in world.book.executions if one.order_id == order.order_id],
    }


@router.get("/orders")
async def orders(world: Here) -> JSONResponse:
    """Every order that ever reached the gateway, accepted or not, with the number of times it was sent."""
    world.look()
    return answer({"orders": [_arrival_row(world, key, one) for key, one in world.desk.arrivals.items()]})


@router.get("/state")
async def state(world: Here) -> JSONResponse:
    moment = world.look()
    valuation = world.desk.valuation(moment)
    marks = world.desk.marks(moment)
    return answer(
        {
            "simulator": world.marker(),
            "account": world.account,
            "scenario": world.scenario.name,
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
                for position in world.book.positions()
            ],
        }
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
    try:
        move = ClockMove.model_validate(await json_body(request))
    except ValidationError as error:
        return _first_problem(error)
    world.look()
    world.clock.move_to(_target(world, move))
    world.look()
    return answer({"now": world.marker()["now"]})


@router.get("/clock")
async def clock(world: Here) -> JSONResponse:
    return answer({"now": world.marker()["now"]})


def _active(world: World) -> JSONResponse:
    return answer({"faults": [fault.rule.model_dump() | {"left": fault.left} for fault in world.faults.active()]})


@router.post("/faults")
async def add_faults(request: Request, world: Here) -> JSONResponse:
    """One rule or a list of them; all or none are taken."""
    body = await json_body(request)
    try:
        rules = tuple(FaultRule.model_validate(one) for one in (body if isinstance(body, list) else [body]))
    except ValidationError as error:
        return _first_problem(error)
    world.faults.add(rules)
    return _active(world)


@router.get("/faults")
async def list_faults(world: Here) -> JSONResponse:
    return _active(world)


@router.delete("/faults")
async def clear_faults(world: Here) -> JSONResponse:
    world.faults.clear()
    return _active(world)


@router.post("/login")
async def log_in(world: Here) -> JSONResponse:
    """What a person does in the browser after a logout."""
    world.session.log_in()
    return answer({"loggedIn": True})
