"""What the tools answer. These shapes are a contract with the callers: fields are added, never renamed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict

from api_gateway.clientportal.errors import State
from api_gateway.clientportal.records import (
    AccountType,
    Amount,
    Cash,
    Contract,
    MissingQuote,
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
    """`day_trades_remaining` is None where the broker sets no limit or tells none."""

    account: str
    currency: str
    account_type: AccountType | None
    net_liquidation: Amount
    available_funds: Amount
    buying_power: Amount
    day_trades_remaining: int | None
    unrealized_pnl: Amount
    realized_pnl: Amount
    cash: tuple[Cash, ...]
    positions: tuple[Position, ...]
    orders: tuple[OrderRow, ...]
    orders_as_of: datetime
    orders_complete: bool
    strange: tuple[StrangeRow, ...] = ()
    as_of: datetime
    source: Source


class Performance(Record):
    account: str
    currency: str
    points: tuple[NavPoint, ...]
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
    """An order that a gate has allowed. Decimals are strings in plain notation without trailing zeros."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int
    account: str
    conid: int
    side: str
    quantity: str
    limit_price: str
    time_in_force: str
    coid: str
    run_id: str
    policy_hash: str
    expires: int


class PlaceResult(Record):
    """`refused`: this call sent nothing. `unknown`: something went out, its fate is open; reconcile, never resend."""

    outcome: Literal["accepted", "rejected", "already_registered", "refused", "unknown"]
    order_id: str | None = None
    status: str | None = None
    message: str | None = None
    questions: tuple[Question, ...] = ()
