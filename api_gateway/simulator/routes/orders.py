"""Order endpoints: preview, place, answer questions, modify, read, cancel.

Every placement is counted before anything can refuse it, so that the record shows what was sent, not what worked.
"""

import re

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import GatewayRefusal, refused
from api_gateway.simulator.orders import order_view as view
from api_gateway.simulator.orders.order import Order
from api_gateway.simulator.orders.order_desk import PendingReply
from api_gateway.simulator.orders.validation import parse_order, parse_terms, single_order
from api_gateway.simulator.routes.http import Here, answer, check_account, json_body, json_object
from api_gateway.simulator.wire import whole_number
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

_CANCEL_ALL = "-1"
_MAXIMUM_TRADE_DAYS = 7
_MAXIMUM_SUPPRESSIONS = 51


def _outcome(result: Order | PendingReply) -> JSONResponse:
    return answer(view.accepted(result) if isinstance(result, Order) else view.question(result))


def _arrival(world: World, body: object) -> str:
    try:
        coid = single_order(body).get("cOID")
    except GatewayRefusal:
        coid = None
    known = coid if isinstance(coid, str) and coid else None
    return world.desk.arrivals.arrived(known, world.monotonic(), world.clock.now())


@router.post("/iserver/account/{account}/orders")
async def place(account: str, request: Request, world: Here) -> JSONResponse:
    body = await json_body(request)
    key = _arrival(world, body)
    try:
        world.session.require_accounts()
        check_account(world, account)
        order = parse_order(body, account, world.universe)
        primed = world.session.snapshot_reads.get(order.contract.conid, 0) > 0
        result = world.desk.place(key, order, world.look(), primed, world.session.suppressed_questions)
    except GatewayRefusal as refusal:
        world.desk.arrivals.note(key, "Refused", refusal.text or "")
        raise
    return _outcome(result)


@router.post("/iserver/account/{account}/order/{order_id}")
async def modify(account: str, order_id: str, request: Request, world: Here) -> JSONResponse:
    """One order object with all original fields, not a list; may ask questions as a placement does."""
    raw = await json_object(request)
    world.session.require_accounts()
    check_account(world, account)
    number = whole_number(order_id)
    if number is None:
        raise refused(400, f"OrderID {order_id} doesn't exist")
    terms, session = parse_terms(raw, account, world.universe), world.session
    primed = session.snapshot_reads.get(terms.contract.conid, 0) > 0
    return _outcome(world.desk.modify(number, terms, world.look(), primed, session.suppressed_questions))


@router.post("/iserver/reply/{reply_id}")
async def reply(reply_id: str, request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    confirmed = (await json_object(request)).get("confirmed")
    if not isinstance(confirmed, bool):
        raise refused(400, "Bad Request: confirmed must be true or false")
    return _outcome(world.desk.reply(reply_id, confirmed, world.look()))


@router.post("/iserver/account/{account}/orders/whatif")
async def whatif(account: str, request: Request, world: Here) -> JSONResponse:
    body = await json_body(request)
    world.session.require_accounts()
    check_account(world, account)
    order, moment = parse_order(body, account, world.universe), world.look()
    try:
        world.desk.check(order, moment)
    except GatewayRefusal as refusal:
        return answer(view.preview(world, order, moment, refusal.text))
    return answer(view.preview(world, order, moment, None))


def _snake(status: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", status).lower()


def _read_account(world: World, request: Request) -> str:
    """Lists show one account: the one that is asked for, or the one that is selected."""
    account = request.query_params.get("accountId", world.selected)
    check_account(world, account)
    return account


@router.get("/iserver/account/orders")
async def live_orders(request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    account, filters = _read_account(world, request), request.query_params.get("filters", "")
    forced = request.query_params.get("force") == "true"
    if world.session.first_read("orders") or forced:
        # Empty although orders exist; forcing a refresh answers blank as well (observed on live paper accounts).
        return answer({"orders": [], "snapshot": False})
    world.desk.looked()
    moment = world.look()
    wanted = {part.strip() for part in filters.split(",") if part.strip()}
    if wanted and world.rules.filtered_orders_empty:
        return answer({"orders": [], "snapshot": True})
    rows = [
        view.live_order(order)
        for order in world.desk.orders_of_the_day(moment.now)
        if order.request.account == account
        and (not wanted or _snake(order.status.value) in wanted)
        and world.lists.shows("orders", str(order.order_id), order.placed_at, moment.now)
    ]
    return answer({"orders": rows, "snapshot": True})


@router.get("/iserver/account/order/status/{order_id}")
async def order_status(order_id: str, world: Here) -> JSONResponse:
    world.session.require_accounts()
    world.desk.looked()
    moment = world.look()
    today = {order.order_id: order for order in world.desk.orders_of_the_day(moment.now)}
    number = whole_number(order_id)
    order = today.get(number) if number is not None else None
    if order is None or order.request.account != world.selected:
        # Also for an order of an earlier day, and of another account than the one selected (documented).
        raise refused(503, "Service Unavailable")
    return answer(view.order_status(order))


@router.get("/iserver/account/trades")
async def trades(request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    text = request.query_params.get("days", "1")
    days, account = whole_number(text), _read_account(world, request)
    if days is None or not 1 <= days <= _MAXIMUM_TRADE_DAYS:
        raise refused(400, f"Bad Request: days must be 1 to {_MAXIMUM_TRADE_DAYS}")
    if world.session.first_read("trades"):
        return answer([])
    world.desk.looked()
    moment = world.look()
    since = moment.session - days + 1
    book = world.books[account]
    recent = [
        one
        for one in book.executions
        if one.session >= since and world.lists.shows("trades", one.execution_id, one.time, moment.now)
    ]
    return answer([view.trade(account, one, book.held(one.contract.conid)) for one in reversed(recent)])


@router.delete("/iserver/account/{account}/order/{order_id}")
async def cancel(account: str, order_id: str, world: Here) -> JSONResponse:
    """Accepts the request only. Order id -1 cancels everything, as the real gateway does."""
    world.session.require_accounts()
    check_account(world, account)
    number = whole_number(order_id)
    if number is None and order_id != _CANCEL_ALL:
        raise refused(400, f"OrderID {order_id} doesn't exist")
    world.look()
    if number is None:
        world.desk.cancel_all(account)
        return answer({"msg": "Request was submitted", "order_id": -1, "conid": -1, "account": None})
    order = world.desk.cancel(number, account)
    conid = order.request.contract.conid
    return answer({"msg": "Request was submitted", "order_id": order.order_id, "conid": conid, "account": account})


@router.post("/iserver/questions/suppress")
async def suppress(request: Request, world: Here) -> JSONResponse:
    """For this brokerage session only; unknown ids are accepted, an empty list is an error."""
    world.session.require_accounts()
    ids = (await json_object(request)).get("messageIds")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MAXIMUM_SUPPRESSIONS:
        raise refused(500, "Bad Request: messageIds")
    world.session.suppressed_questions |= {str(one) for one in ids}
    return answer({"status": "submitted"})


@router.post("/iserver/questions/suppress/reset")
async def suppress_none(world: Here) -> JSONResponse:
    world.session.require_accounts()
    world.session.suppressed_questions = frozenset()
    return answer({"status": "submitted"})
