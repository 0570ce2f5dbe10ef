"""What the client hands out: frozen values with exact decimals and aware times, also the nouns of the tool server.

A field that the broker did not deliver is None; none of them is ever filled in with a guess.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

Amount = Annotated[Decimal, PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")]
"""A decimal that is a plain-notation string on the wire."""

Side = Literal["BUY", "SELL"]
AccountType = Literal["cash", "margin"]
Source = Literal["ibkr", "simulator"]
QuoteKind = Literal["live", "delayed", "frozen", "prev_close", "halted"]


def _series(item: str) -> WithJsonSchema:
    """Schema of a long array without a rule per item, which every caller's SDK would check one by one: 5 ms a call."""
    return WithJsonSchema({"type": "array", "description": f"One {item} per session"})


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Simulator(Record):
    """The marker by which a simulated gateway makes itself known; `now` is its market time at the reading."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    as_of: date
    seed: int
    data: str
    pacing: float
    now: datetime


class StrangeRow(Record):
    """A row that cannot be read far enough to be what it stands among; `reason` names the field."""

    what: Literal["position", "order", "trade", "ledger", "performance", "transaction"]
    conid: int | None
    symbol: str | None
    reason: str


class Cash(Record):
    """`exchange_rate` is in base currency for one of `currency`."""

    currency: str
    cash: Amount
    settled_cash: Amount | None
    exchange_rate: Amount | None


class NavPart(Record):
    """A part of the net liquidation value in base currency, by the broker's own name for it."""

    name: str
    amount: Amount


class ModelHolding(Record):
    """What of a position stands in a model other than the account's own."""

    model: str
    quantity: Amount


class Classification(Record):
    """What a share or fund is, in the broker's words: None is what it does not tell, as of a fund every level.

    `type` tells a fund from a share (COMMON, ETF, ADR and others), whose security type is the same. `sector` is the
    top level of what the issuer does, `industry` and `category` the two below it. None of them is GICS.
    """

    type: str | None = None
    sector: str | None = None
    industry: str | None = None
    category: str | None = None


class Position(Classification):
    """`quantity` is of all models; `asset_class` the broker's word; `note` says what of the row could not be read."""

    conid: int
    symbol: str
    name: str | None
    asset_class: str
    currency: str
    quantity: Amount
    price: Amount | None
    market_value: Amount | None
    average_cost: Amount | None
    unrealized_pnl: Amount | None
    realized_pnl: Amount | None
    multiplier: Amount | None = None
    models: tuple[ModelHolding, ...] = ()
    note: str | None = None

    @property
    def own_quantity(self) -> Decimal:
        """In the account's own model, where orders are given."""
        return self.quantity - sum((each.quantity for each in self.models), Decimal(0))


class Holdings(Record):
    positions: tuple[Position, ...]
    strange: tuple[StrangeRow, ...] = ()


class Summary(Record):
    """`day_trades_remaining` is None where the broker sets no limit or tells none."""

    currency: str
    account_type: AccountType | None
    net_liquidation: Amount | None
    available_funds: Amount | None
    buying_power: Amount | None
    day_trades_remaining: int | None
    strange: tuple[StrangeRow, ...] = ()


class Ledger(Record):
    """Cash per currency, and the account's totals in its base currency; `invested` where it holds anything but cash."""

    cash: tuple[Cash, ...]
    unrealized_pnl: Amount | None
    realized_pnl: Amount | None
    invested: bool
    nav_parts: tuple[NavPart, ...] = ()
    strange: tuple[StrangeRow, ...] = ()


class OrderLeg(Record):
    """Of a combination: what one unit of it buys of a contract, and what it sells where `ratio` is negative."""

    conid: int
    ratio: int


class OrderRow(Record):
    """Prices are in `currency`, the instrument's; a combination's may be negative, and it has `legs`.

    `price_magnifier` is what the broker multiplies them by: 100 where it quotes pence.
    """

    order_id: str
    coid: str | None
    conid: int
    symbol: str | None
    side: Side
    quantity: Amount
    filled_quantity: Amount
    remaining_quantity: Amount
    limit_price: Amount | None
    average_price: Amount | None
    status: str
    time_in_force: str | None
    currency: str | None
    security_type: str | None = None
    legs: tuple[OrderLeg, ...] = ()
    price_magnifier: int = 1


class LiveOrders(Record):
    """`complete` is False where the gateway never said that it has loaded them all, or a row cannot be told whose."""

    orders: tuple[OrderRow, ...]
    strange: tuple[StrangeRow, ...]
    as_of: datetime
    complete: bool


class Trade(Record):
    """Price and amounts are in the instrument's currency.

    The price is 0 for an option that expired, and may be negative for what is no share. `order_id` is "0", as the
    broker writes it, where no order led to the execution.
    """

    execution_id: str
    order_id: str
    coid: str | None
    conid: int
    symbol: str
    side: Side
    quantity: Amount
    price: Amount
    commission: Amount | None
    time: datetime
    security_type: str | None = None
    multiplier: Amount | None = None
    net_amount: Amount | None = None
    currency: str | None = None
    legs: tuple[OrderLeg, ...] = ()


class Trades(Record):
    trades: tuple[Trade, ...]
    strange: tuple[StrangeRow, ...]


class Question(Record):
    """`why` it was left unanswered, None where it was confirmed."""

    message_ids: tuple[str, ...]
    text: str
    confirmed: bool
    why: str | None = None


class Cancellation(Record):
    """What became of a request to cancel one order.

    `requested` the broker took the request, and the order may still fill before it is worked off · `refused` nothing
    was asked of the broker, or it said no · `unknown` the request went out and its answer is lost.
    """

    outcome: Literal["requested", "refused", "unknown"]
    message: str
    questions: tuple[Question, ...] = ()


class NavPoint(Record):
    date: date
    nav: Amount
    cumulative: Amount | None = None


class NavHistory(Record):
    """Closing net asset values, oldest first; `as_of` is the market time of the read.

    A young account has no points, and then perhaps no currency.
    """

    as_of: datetime
    currency: str | None
    points: tuple[NavPoint, ...]
    strange: tuple[StrangeRow, ...] = ()


CashKind = Literal["dividend", "interest", "fee", "withholding_tax", "deposit", "withdrawal", "transfer", "other"]


class CashRow(Record):
    """Cash that no trade explains; negative where it was paid. `conid` is of the contract that it came from.

    `exchange_rate` is the row's own, base currency for one of `currency`. `margin`: how far the amount may be off.
    """

    id: str
    date: date
    kind: CashKind
    amount: Amount
    currency: str
    description: str
    conid: int | None = None
    exchange_rate: Amount | None = None
    margin: Amount = Decimal(0)
    source: Literal["transactions", "performance"]


class CashRows(Record):
    """Newest list of them; `as_of` is the market time of the read."""

    as_of: datetime
    rows: tuple[CashRow, ...]
    strange: tuple[StrangeRow, ...] = ()


class Contract(Classification):
    """`kind` is the `type` by its former name."""

    symbol: str
    conid: int
    name: str
    exchange: str
    currency: str
    asset_class: str
    kind: str | None = None


class KeptContract(Record):
    """`checked` is the session date on which the broker last told the same."""

    contract: Contract
    checked: date


class Unresolved(Record):
    symbol: str
    reason: str


class PriceIncrement(Record):
    """Ticks are multiples of `increment` from the price `lower_edge` upwards."""

    lower_edge: Amount
    increment: Amount


class ContractRules(Record):
    """Increments are in `currency`; `note` says where the broker contradicts itself and what was taken.

    `quantity_increment` is what a purchase is a multiple of: the board lot where the market has one, else one.
    """

    conid: int
    increments: tuple[PriceIncrement, ...]
    quantity_increment: Amount
    currency: str | None
    can_trade: bool
    price_magnifier: int
    note: str | None = None


class Quote(Record):
    """Prices are in the contract's currency, whatever unit it is quoted in: `price_magnifier` is 100 for pence.

    `as_of` is when the gateway received the quote; `marks` say what of it was simulated, derived or invented.
    """

    conid: int
    symbol: str | None
    bid: Amount | None
    ask: Amount | None
    last: Amount | None
    prior_close: Amount | None
    kind: QuoteKind
    volume: Amount | None
    average_volume: Amount | None
    market_cap: Amount | None
    as_of: datetime
    source: Source
    marks: tuple[str, ...]
    price_magnifier: int


class MissingQuote(Record):
    conid: int
    reason: str


class History(Record):
    """Closes of completed sessions, oldest first, in the contract's currency.

    `adjusted` says whether dividends are worked in.
    """

    conid: int
    dates: Annotated[tuple[date, ...], _series("ISO date")]
    closes: Annotated[tuple[float, ...], _series("number")]
    adjusted: bool
    source: Source
    origin: str | None
    as_of: datetime
    price_magnifier: int


class WhatIf(Record):
    amount: Amount
    commission: Amount | None
    equity_after: Amount | None
    initial_margin_after: Amount | None
    maintenance_margin_after: Amount | None
    warnings: tuple[str, ...]
    error: str | None
    currency: str | None


class Limit(Record):
    """A limit order for whole or fractional units, good for the day."""

    account: str
    conid: int
    side: Side
    quantity: Amount
    limit_price: Amount
    time_in_force: str
    coid: str | None = None


class Placement(Record):
    """What became of one order.

    `not_sent` no byte left · `accepted` · `rejected` final · `already_registered` the broker has this cOID ·
    `unknown_question` a question outside the allow-list was left unanswered · `unknown` reconcile.
    """

    outcome: Literal["not_sent", "accepted", "rejected", "already_registered", "unknown_question", "unknown"]
    order_id: str | None = None
    status: str | None = None
    message: str | None = None
    questions: tuple[Question, ...] = ()
