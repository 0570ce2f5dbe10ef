"""Everything a paper account is, as one frozen value: whoever keeps it as JSON has kept the account.

Values and what follows from them directly. Nothing here reads a market, and no change happens in place.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.domain.cash import CashKind
from app.domain.commission import LARGEST_SHARE, LEAST, PER_SHARE, commission
from app.domain.errors import DataError
from app.domain.instrument import Instrument
from app.domain.order import OPEN_STATUSES, BrokerOrder, Side, Trade

Amount = Annotated[Decimal, Field(allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[Decimal, Field(gt=0, le=1)]
AccountType = Literal["margin", "cash"]
Status = Literal["PreSubmitted", "Submitted", "Filled", "Cancelled"]

CENT = Decimal("0.01")
# What a margin account must cover of its stocks' value itself, to open and to keep (Regulation T); a cash account all.
INITIAL_MARGIN, MAINTENANCE_MARGIN = Decimal("0.50"), Decimal("0.25")


class Value(BaseModel):
    """Base of all parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CommissionPlan(Value):
    """Per share, at least `least` for an order, at most `largest_share` of its value; in the instrument's currency."""

    per_share: NotNegative = PER_SHARE
    least: NotNegative = LEAST
    largest_share: NotNegative = LARGEST_SHARE

    def charge(self, quantity: Decimal, value: Decimal) -> Decimal:
        """For so much of one order, in whole cents."""
        charge = commission(quantity, value, self.per_share, self.least, self.largest_share)
        return charge.quantize(CENT, ROUND_HALF_UP)


class Cash(Value):
    """Trade-date cash in one currency; `exchange_rate` is base currency per unit."""

    currency: str
    amount: Amount
    exchange_rate: Positive = Decimal(1)


class Holding(Value):
    """`price` is the last one seen. `realized_pnl` is the session's, and keeps a sold holding listed until it ends."""

    instrument: Instrument
    quantity: NotNegative
    average_cost: NotNegative
    price: Positive
    realized_pnl: Amount = Decimal(0)

    def after(self, fill: "Fill") -> "Holding":
        """Average cost is price only: commissions lower cash and nothing else."""
        if fill.side is Side.BUY:
            quantity = self.quantity + fill.quantity
            cost = (self.quantity * self.average_cost + fill.quantity * fill.price) / quantity
            return self.model_copy(update={"quantity": quantity, "average_cost": cost})
        left = self.quantity - fill.quantity
        gain = fill.quantity * (fill.price - self.average_cost)
        changes = {"quantity": left, "realized_pnl": self.realized_pnl + gain}
        return self.model_copy(update=changes if left else {**changes, "average_cost": Decimal(0)})


class PaperOrder(Value):
    """Good from when its session opens until it closes; `limit_price` is None for another program's market order."""

    order_id: str
    instrument: Instrument
    side: Side
    quantity: Positive
    limit_price: Positive | None
    coid: str | None
    placed_at: AwareDatetime
    opens: AwareDatetime
    closes: AwareDatetime
    status: Status
    filled_quantity: NotNegative = Decimal(0)
    filled_value: NotNegative = Decimal(0)
    commission: NotNegative = Decimal(0)
    ended_at: AwareDatetime | None = None

    @property
    def remaining(self) -> Decimal:
        """Quantity that has not filled."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """It can still fill."""
        return self.status in OPEN_STATUSES

    @property
    def is_ours(self) -> bool:
        """Placed by this system, by its id."""
        return self.row().is_ours

    def row(self) -> BrokerOrder:
        """As the order list shows it."""
        filled = self.filled_quantity
        return BrokerOrder(
            order_id=self.order_id,
            conid=self.instrument.conid,
            side=self.side,
            quantity=self.quantity,
            filled_quantity=filled,
            status=self.status,
            symbol=self.instrument.symbol,
            coid=self.coid,
            limit_price=self.limit_price,
            average_price=self.filled_value / filled if filled else None,
            currency=self.instrument.currency,
        )


class Fill(Value):
    """One execution; `session_date` is the session that it happened in."""

    execution_id: str
    order_id: str
    conid: int
    currency: str
    side: Side
    quantity: Positive
    price: Positive
    commission: Amount
    time: AwareDatetime
    session_date: date
    coid: str | None

    @property
    def cash_flow(self) -> Decimal:
        """What it changes the cash of its currency by, commission included."""
        return -self.side.sign * self.quantity * self.price - self.commission

    def trade(self) -> Trade:
        """As the list of executions shows it."""
        return Trade(
            execution_id=self.execution_id,
            order_id=self.order_id,
            conid=self.conid,
            side=self.side,
            quantity=self.quantity,
            price=self.price,
            time=self.time,
            coid=self.coid,
            commission=self.commission,
        )


class PaidRow(Value):
    """Cash that came or went without a trade, as the broker lists it; `conid` of the contract that paid it."""

    day: date
    kind: CashKind
    currency: str
    amount: Amount
    conid: int | None = None


class Close(Value):
    """The account's value at a session's close, in base currency."""

    session_date: date
    nav: Amount


class UsedTicket(Value):
    """`expires` in Unix seconds; a ticket past it is refused anyway and forgotten."""

    coid: str
    expires: int


class Registered(Value):
    """A client order id that the broker took, by market time."""

    coid: str
    at: AwareDatetime


class PaperBook(Value):
    """One paper account. `session_date` is the last session that it has seen open, `day` the exchange's last date.

    `participation` bounds what an instrument fills in a session, as a fraction of its average daily volume where the
    quote has one; None for no bound. Orders are the day's, fills the last sessions'.
    """

    version: Literal[1] = 1
    account: str
    currency: str
    session_date: date
    day: date
    account_type: AccountType = "margin"
    commission: CommissionPlan = CommissionPlan()
    participation: Fraction | None = None
    cash: tuple[Cash, ...]
    holdings: tuple[Holding, ...] = ()
    orders: tuple[PaperOrder, ...] = ()
    fills: tuple[Fill, ...] = ()
    closes: tuple[Close, ...] = ()
    used_tickets: tuple[UsedTicket, ...] = ()
    registered: tuple[Registered, ...] = ()
    orders_made: int = 0
    paid_rows: tuple[PaidRow, ...] = ()

    def holding(self, conid: int) -> Holding | None:
        """Also one that was sold in this session."""
        return next((one for one in self.holdings if one.instrument.conid == conid), None)

    def held(self, conid: int) -> Decimal:
        """Quantity of one instrument."""
        holding = self.holding(conid)
        return holding.quantity if holding else Decimal(0)

    def open_orders(self, side: Side | None = None) -> tuple[PaperOrder, ...]:
        """Of one side, or all; oldest first."""
        return tuple(one for one in self.orders if one.is_open and side in (None, one.side))

    def rate(self, currency: str) -> Decimal:
        """Base currency per unit. Raises: DataError where the account was told none."""
        if currency == self.currency:
            return Decimal(1)
        for one in self.cash:
            if one.currency == currency:
                return one.exchange_rate
        raise DataError(f"the paper account has no exchange rate from {currency} to {self.currency}")

    def cash_in(self, currency: str) -> Decimal:
        """Trade-date cash."""
        return next((one.amount for one in self.cash if one.currency == currency), Decimal(0))

    def settled_in(self, currency: str) -> Decimal:
        """Cash that may be spent: the proceeds of this session's sales settle when the next one opens."""
        proceeds = sum(
            (
                fill.cash_flow
                for fill in self.fills
                if fill.currency == currency and fill.session_date >= self.session_date and fill.cash_flow > 0
            ),
            Decimal(0),
        )
        return self.cash_in(currency) - proceeds

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kept = [one.currency for one in self.cash]
        if len(set(kept)) != len(kept) or self.currency not in kept:
            raise ValueError(f"cash in {', '.join(kept)}: each currency once, and {self.currency} among them")
        for holding in self.holdings:
            if holding.instrument.currency not in kept:
                raise ValueError(f"{holding.instrument.symbol} is held without cash, and a rate, in its currency")
        return self

    def changed(self, **changes: object) -> "PaperBook":
        """The same account with other parts."""
        return self.model_copy(update=changes)

    def paid(self, currency: str, amount: Decimal) -> "PaperBook":
        """The book with so much more cash of a currency. Raises: DataError for one that the account does not keep."""
        if not any(one.currency == currency for one in self.cash):
            raise DataError(f"the paper account keeps no cash in {currency}")
        return self.changed(
            cash=tuple(
                one.model_copy(update={"amount": one.amount + amount}) if one.currency == currency else one
                for one in self.cash
            )
        )

    def paid_as(self, row: PaidRow) -> "PaperBook":
        """As `paid`, and the row stays on the list."""
        return self.paid(row.currency, row.amount).changed(paid_rows=(*self.paid_rows, row))

    def with_order(self, order: PaperOrder) -> "PaperBook":
        """The book with one order added, or in place of the one with its id."""
        if any(one.order_id == order.order_id for one in self.orders):
            return self.changed(orders=tuple(order if o.order_id == order.order_id else o for o in self.orders))
        return self.changed(orders=(*self.orders, order))

    def with_holding(self, holding: Holding) -> "PaperBook":
        """The book with one holding added, or in place of that of its instrument."""
        conid = holding.instrument.conid
        if self.holding(conid) is None:
            return self.changed(holdings=(*self.holdings, holding))
        return self.changed(holdings=tuple(holding if h.instrument.conid == conid else h for h in self.holdings))
