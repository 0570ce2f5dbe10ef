"""What the tools answer. These shapes are a contract with the callers: fields are added, never renamed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.records import (
    AccountType,
    Amount,
    Cash,
    CashRow,
    Contract,
    MissingQuote,
    NavPart,
    NavPoint,
    OrderRow,
    Position,
    Question,
    Quote,
    Record,
    Source,
    StrangeRow,
    Trade,
    Unresolved,
)
from api_gateway.settings import TradingMode

# JSON has lists only, and a strict record takes none for a tuple.
Answer = Annotated[tuple[str, str], Field(strict=False)]
Answers = Annotated[tuple[Answer, ...], Field(strict=False, max_length=16)]


class SimulatorMarker(Record):
    """A simulated gateway's world: the day it replays, its seed, and its pacing as a fraction of the broker's."""

    as_of: date
    seed: int
    data: str
    pacing: float


class SessionStatus(Record):
    """`now` is market time: the simulator's where there is one. `remedy` says what a person can do when not READY.

    `since` is when the state began, `previous_state` what was before it, `checked_at` when the gateway was asked. A
    person logs in at `login_url`, and no login outlasts `next_reset`.
    """

    state: State
    message: str
    remedy: str | None
    accounts: tuple[str, ...]
    paper: bool | None
    now: datetime
    simulator: SimulatorMarker | None
    trading_mode: TradingMode
    source: Source
    since: datetime
    previous_state: State | None
    checked_at: datetime
    login_url: str
    next_reset: datetime


class Portfolio(Record):
    """`day_trades_remaining` is None where the broker sets no limit or tells none.

    `nav_parts` are what the broker says the account's value is made of, `strange` the rows that could not be read.
    `orders_as_of` is the age of the list of orders, and `orders_complete` False where the gateway never said that it
    had loaded them.
    """

    account: str
    currency: str
    account_type: AccountType | None
    net_liquidation: Amount | None
    available_funds: Amount | None
    buying_power: Amount | None
    day_trades_remaining: int | None
    unrealized_pnl: Amount | None
    realized_pnl: Amount | None
    cash: tuple[Cash, ...]
    positions: tuple[Position, ...]
    orders: tuple[OrderRow, ...]
    orders_as_of: datetime
    orders_complete: bool
    nav_parts: tuple[NavPart, ...]
    strange: tuple[StrangeRow, ...] = ()
    as_of: datetime
    source: Source


class Performance(Record):
    """A young account has no points, and then perhaps no currency."""

    account: str
    currency: str | None
    points: tuple[NavPoint, ...]
    strange: tuple[StrangeRow, ...] = ()
    as_of: datetime
    source: Source


class CashRows(Record):
    """Cash that no trade explains, by the transactions and by what the performance implies of deposits."""

    account: str
    rows: tuple[CashRow, ...]
    strange: tuple[StrangeRow, ...] = ()
    as_of: datetime
    source: Source


class Contracts(Record):
    contracts: tuple[Contract, ...]
    unresolved: tuple[Unresolved, ...]


class Quotes(Record):
    quotes: tuple[Quote, ...]
    missing: tuple[MissingQuote, ...]


class OrderReport(Record):
    """`orders_complete` is False for a list that proves nothing of an order that is not on it."""

    orders: tuple[OrderRow, ...]
    trades: tuple[Trade, ...]
    as_of: datetime
    source: Source
    strange: tuple[StrangeRow, ...] = ()
    orders_as_of: datetime
    orders_complete: bool


class TradeBoundary(Record):
    """What this server lets through, and how often it said no since it started, by rule."""

    trading_mode: TradingMode
    max_order_value: Amount
    max_messages_per_day: int
    refusals: Mapping[str, int]


class Ticket(Record):
    """An order that a gate has allowed. Decimals are strings in plain notation without trailing zeros.

    `answers`, from version 2 on: ids of questions that the policy confirms in advance, each with its bound.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int = Field(description="1, or 2 with answers")
    account: str = Field(description="Account id")
    conid: int = Field(description="The broker's contract id")
    side: str = Field(description="BUY or SELL")
    quantity: str = Field(description="Number of shares")
    limit_price: str = Field(description="Limit price in the contract's currency")
    time_in_force: str = Field(description="DAY")
    coid: str = Field(description="Client order id")
    run_id: str = Field(description="Run that decided it")
    policy_hash: str = Field(description="Policy that allowed it")
    expires: int = Field(description="Seconds since 1970 after which it is void")
    answers: Answers = Field((), description="Pairs of a question's id and the bound up to which it is confirmed")

    @field_validator("answers", mode="before")
    @classmethod
    def _left_out(cls, value: object) -> object:
        return () if value is None else value


class PlaceResult(Record):
    """`refused`: this call sent nothing. `unknown`: something went out, its fate is open; reconcile, never resend.

    `unknown` with a last question that is not confirmed: the broker asked, nobody answered, and nothing is on its way.
    """

    outcome: Literal["accepted", "rejected", "already_registered", "refused", "unknown"]
    order_id: str | None = None
    status: str | None = None
    message: str | None = None
    questions: tuple[Question, ...] = ()
