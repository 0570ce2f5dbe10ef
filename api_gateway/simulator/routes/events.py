"""The simulator's own endpoints for what happens to the account from outside, and for starting over.

Like the other admin endpoints they are no part of the gateway and are never counted, paced or spoiled.
"""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_gateway.simulator.accounts.account_book import CashRow
from api_gateway.simulator.accounts.dividends import told
from api_gateway.simulator.errors import StartError, refused
from api_gateway.simulator.exchange.contracts import Contract
from api_gateway.simulator.exchange.currencies import Currency
from api_gateway.simulator.faults.broker_rules import BrokerChange
from api_gateway.simulator.orders.order import OrderRequest, Side
from api_gateway.simulator.routes.http import Here, Running, answer, check_account, read_body, unprocessable
from api_gateway.simulator.running_world import Reset
from api_gateway.simulator.world import Split, World

router = APIRouter(prefix="/simulator")

_Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pacing(_Strict):
    scale: Annotated[float, Field(ge=0, le=10)]


class Restart(_Strict):
    """`login` stands for a person who logs in right away."""

    login: bool = False


class ExternalOrder(_Strict):
    """At the market without a limit; `order_ref` is another program's, if it sets one."""

    symbol: str
    side: Side
    quantity: Annotated[int, Field(gt=0)]
    limit_price: _Positive | None = None
    order_ref: str | None = None
    account: str | None = None


class Telling(_Strict):
    """How the list of transactions tells it: so many sessions later, `times` over; None for a row that never comes."""

    late: Annotated[int, Field(ge=0)] | None = 0
    times: Annotated[int, Field(ge=1)] = 1


class CashMove(_Strict):
    """A deposit, or a withdrawal when negative; in base currency unless another one is named.

    Another `kind` is income or a cost, and a return on the account. Without `moves` only the row is there.
    """

    amount: Annotated[Decimal, Field(allow_inf_nan=False)]
    currency: Currency | None = None
    account: str | None = None
    kind: Literal["flow", "interest", "fee", "withholding_tax", "other"] = "flow"
    description: str = ""
    moves: bool = True
    row: Telling = Telling()


class Notification(_Strict):
    """One that is kept and read (`fyi`, with a `code`), or one that every open socket is told."""

    kind: Literal["fyi", "notification", "bulletin"]
    title: str = "Simulated"
    text: str
    code: Literal["SM", "DA", "CT", "UA", "EA"] = "SM"


class SplitOrder(_Strict):
    """`ratio` new shares for each old one: 4 for four for one, 0.1 for one for ten."""

    symbol: str
    ratio: _Positive


class Dividend(_Strict):
    """Per share held now, paid at once to every account. The prices are adjusted closes, nothing falls."""

    symbol: str
    amount: _Positive
    row: Telling = Telling()


# In the words of the list of transactions (documented for dividends alone).
_WORDS = {
    "interest": "Interest",
    "fee": "Other Fees",
    "withholding_tax": "Withholding Tax",
    "other": "Adjustment",
}


def _row(telling: Telling, kind: str, description: str, session: int) -> CashRow | None:
    if telling.late is None:
        return None
    return CashRow(kind, description or kind, session + telling.late, times=telling.times)


def _account(world: World, named: str | None) -> str:
    """The first account unless another is named."""
    account = named or world.account
    check_account(world, account)
    return account


def _stock(world: World, symbol: str) -> Contract:
    contract = world.universe.stock(symbol)
    if contract is None:
        raise refused(400, f"unknown symbol {symbol}")
    return contract


def _broker(world: World) -> dict[str, Any]:
    return asdict(world.rules) | {"halted": list(world.rules.halted)}


@router.post("/reset")
async def reset(request: Request, running: Running) -> JSONResponse:
    """The world as at the start, or with another day, seed, account, broker and faults; the pacing stays."""
    try:
        world = running.reset(await read_body(request, Reset))
    except StartError as error:
        raise refused(400, str(error)) from error
    except ValidationError as error:
        raise unprocessable(error) from error
    return answer({"simulator": world.marker(), "account": world.account, "broker": _broker(world)})


@router.post("/pacing")
async def pacing(request: Request, world: Here) -> JSONResponse:
    """0 lifts every limit; the session status announces the scale."""
    world.pacer.rescale((await read_body(request, Pacing)).scale)
    return answer({"pacing": world.pacer.scale})


@router.get("/broker")
async def broker(world: Here) -> JSONResponse:
    return answer(_broker(world))


@router.post("/broker")
async def change_broker(request: Request, world: Here) -> JSONResponse:
    change = await read_body(request, BrokerChange)
    # What the market did so far happened under the old rules.
    world.look()
    world.rules.change(change)
    return answer(_broker(world))


@router.post("/restart")
async def restart(request: Request, world: Here) -> JSONResponse:
    """The gateway starts again: session, primers, subscriptions and questions are lost; book and orders are not."""
    wanted = await read_body(request, Restart)
    world.session.log_out()
    world.desk.forget_questions()
    world.sockets.cut()
    if wanted.login:
        world.session.log_in()
    return answer({"loggedIn": world.session.logged_in})


@router.post("/external-order")
async def external_order(request: Request, world: Here) -> JSONResponse:
    wanted = await read_body(request, ExternalOrder)
    order = world.desk.place_elsewhere(
        OrderRequest(
            contract=_stock(world, wanted.symbol),
            side=wanted.side,
            quantity=wanted.quantity,
            order_type="MKT" if wanted.limit_price is None else "LMT",
            limit_price=wanted.limit_price,
            time_in_force="DAY",
            coid=wanted.order_ref,
            account=_account(world, wanted.account),
        ),
        world.look(),
    )
    world.look()
    now = world.desk.order(order.order_id) or order
    return answer({"orderId": now.order_id, "state": now.status.value, "filledQuantity": now.filled_quantity})


@router.post("/cash")
async def cash(request: Request, world: Here) -> JSONResponse:
    moved = await read_body(request, CashMove)
    book, currency = world.books[_account(world, moved.account)], moved.currency or world.rates.base
    if currency not in world.rates.currencies:
        raise refused(400, f"cash: an account in {world.rates.base} keeps no {currency}")
    session, is_flow = world.look().session, moved.kind == "flow"
    words = ("Deposit" if moved.amount > 0 else "Withdrawal") if is_flow else _WORDS[moved.kind]
    row = _row(moved.row, words, moved.description, session)
    if moved.moves:
        book.move_cash(currency, moved.amount, session, external=is_flow, row=row)
    elif row is not None:
        book.announce(currency, moved.amount, session, row)
    return answer({"cash": str(book.cash(currency))})


@router.post("/dividend")
async def dividend(request: Request, world: Here) -> JSONResponse:
    paid = await read_body(request, Dividend)
    contract, session = _stock(world, paid.symbol), world.look().session
    amounts = {account: paid.amount * book.held(contract.conid) for account, book in world.books.items()}
    late = paid.row.late
    row = None if late is None else told(contract, paid.amount, session + late, paid.row.times)
    for account, amount in amounts.items():
        world.books[account].move_cash(contract.currency, amount, session, external=False, row=row if amount else None)
    return answer({"paid": str(sum(amounts.values())), "cash": str(world.book.cash(contract.currency))})


@router.post("/notify")
async def notify(request: Request, world: Here) -> JSONResponse:
    wanted = await read_body(request, Notification)
    if wanted.kind == "fyi":
        notice = world.user_data.post(wanted.code, wanted.title, wanted.text, world.clock.now())
        return answer({"id": notice.notice_id})
    announced = world.sockets.announced
    number = len(announced) + 1
    # Lists where the documentation has objects, and the number of a bulletin as a number (recorded).
    if wanted.kind == "notification":
        row: dict[str, Any] = {"id": str(number), "text": wanted.text, "title": wanted.title}
        announced.append({"topic": "ntf", "args": [row]})
    else:
        announced.append({"topic": "blt", "args": [{"id": number, "message": wanted.text}]})
    return answer({"id": str(number)})


@router.post("/split")
async def split(request: Request, world: Here) -> JSONResponse:
    """Takes effect when the next session opens: quantities, prices, average cost and the price history from then on."""
    wanted = await read_body(request, SplitOrder)
    row = world.look().session + 1
    if row >= len(world.market.history.sessions):
        raise refused(400, "split: the price data ends before the next session")
    world.splits.append(Split(_stock(world, wanted.symbol).conid, wanted.ratio, row))
    return answer({"session": world.market.session_date(row).isoformat()})
