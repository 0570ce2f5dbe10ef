"""What a paper account is worth, what it may spend, and why an order cannot be had. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from app.broker.paper.book import CENT, INITIAL_MARGIN, MAINTENANCE_MARGIN, PaperBook
from app.domain.errors import DataError
from app.domain.instrument import ContractRules, Instrument
from app.domain.order import Side, WhatIf


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that somebody would like to have. `limit_price` None: whatever the market asks."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    limit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Valuation:
    """In base currency. A margin account is lent half of a purchase; in a cash account only settled cash is spent."""

    cash: Decimal
    settled_cash: Decimal
    stocks: Decimal
    margin_account: bool

    @property
    def nav(self) -> Decimal:
        """Cash plus positions."""
        return self.cash + self.stocks

    def initial_margin(self, stocks: Decimal) -> Decimal:
        """Of so much in stocks."""
        return stocks * (INITIAL_MARGIN if self.margin_account else 1)

    def maintenance_margin(self, stocks: Decimal) -> Decimal:
        """Of so much in stocks."""
        return stocks * (MAINTENANCE_MARGIN if self.margin_account else 1)

    @property
    def available_funds(self) -> Decimal:
        """Equity that no margin binds; in a cash account the settled cash."""
        return self.nav - self.initial_margin(self.stocks) if self.margin_account else self.settled_cash

    @property
    def buying_power(self) -> Decimal:
        """What purchases may cost together."""
        return max(self.available_funds / (INITIAL_MARGIN if self.margin_account else 1), Decimal(0))


def valued(book: PaperBook) -> Valuation:
    """At the prices seen last. Raises: DataError for a holding in a currency without a rate."""
    return Valuation(
        cash=sum((one.amount * book.rate(one.currency) for one in book.cash), Decimal(0)),
        settled_cash=sum((book.settled_in(one.currency) * book.rate(one.currency) for one in book.cash), Decimal(0)),
        stocks=sum((h.quantity * h.price * book.rate(h.instrument.currency) for h in book.holdings), Decimal(0)),
        margin_account=book.account_type == "margin",
    )


def shape_problem(wanted: Wanted, rules: ContractRules) -> str | None:
    """Why no exchange takes an order of that quantity and price."""
    if not wanted.quantity > 0 or wanted.quantity % max(Decimal(1), rules.quantity_increment):
        return "Order quantity must be a positive whole number of shares"
    if wanted.limit_price is None:
        return None
    try:
        fits = wanted.limit_price > 0 and rules.floor(wanted.limit_price) == wanted.limit_price
    except ValueError:
        fits = False
    return None if fits else "The price does not conform to the minimum price variation for this contract."


def short_problem(book: PaperBook, wanted: Wanted, *, only_ours: bool = False) -> str | None:
    """Why a sale would sell what is not held, or what open sales (`only_ours`: our own) sell already."""
    if wanted.side is Side.BUY:
        return None
    conid = wanted.instrument.conid
    held = book.held(conid)
    promised = sum(
        (
            order.remaining
            for order in book.open_orders(Side.SELL)
            if order.instrument.conid == conid and (not only_ours or order.is_ours)
        ),
        Decimal(0),
    )
    if wanted.quantity <= held - promised:
        return None
    return f"no_short: sell of {wanted.quantity:f}, {held:f} held, {held - promised:f} not already being sold"


def funds_problem(book: PaperBook, wanted: Wanted, price: Decimal) -> str | None:
    """Why a purchase cannot be paid for, with open ones and commissions; `price` is its limit, or the market's."""
    if wanted.side is Side.SELL:
        return None
    currency = wanted.instrument.currency
    try:
        rate = book.rate(currency)
        power, needed = _power_and_need(book, currency)
    except DataError as error:
        return error.cause
    scale = Decimal(1) if book.account_type == "cash" else rate
    needed += _cost(book, wanted.quantity, price) * scale
    if needed <= power:
        return None
    what = f"settled cash in {currency}" if book.account_type == "cash" else f"buying power in {book.currency}"
    return f"YOUR ORDER IS NOT ACCEPTED: {what} is {power:.2f}, open buys and this order need {needed:.2f}"


def _power_and_need(book: PaperBook, currency: str) -> tuple[Decimal, Decimal]:
    """What may be spent and what open purchases need of it; a cash account spends each currency by itself."""
    costs = [
        (order.instrument.currency, _cost(book, order.remaining, order.limit_price or _seen(book, order.instrument)))
        for order in book.open_orders(Side.BUY)
    ]
    if book.account_type == "cash":
        return book.settled_in(currency), sum((cost for other, cost in costs if other == currency), Decimal(0))
    return valued(book).buying_power, sum((cost * book.rate(other) for other, cost in costs), Decimal(0))


def _cost(book: PaperBook, quantity: Decimal, price: Decimal) -> Decimal:
    return quantity * price + book.commission.charge(quantity, quantity * price)


def _seen(book: PaperBook, instrument: Instrument) -> Decimal:
    holding = book.holding(instrument.conid)
    if holding is None:
        raise DataError(f"an open order for {instrument.symbol} has no price that bounds it")
    return holding.price


def what_if(book: PaperBook, wanted: Wanted, price: Decimal, error: str | None) -> WhatIf:
    """What the order would cost in its currency, and do to the account in base, at its limit; in whole cents."""
    try:
        rate = book.rate(wanted.instrument.currency)
    except DataError as unknown:
        return WhatIf(None, None, None, None, None, error=error or unknown.cause)
    value = wanted.quantity * price
    fee = book.commission.charge(wanted.quantity, value)
    now = valued(book)
    stocks = now.stocks + wanted.side.sign * value * rate
    return WhatIf(
        amount=value.quantize(CENT),
        commission=fee.quantize(CENT),
        equity_after=(now.nav - fee * rate).quantize(CENT),
        initial_margin_after=now.initial_margin(stocks).quantize(CENT),
        maintenance_margin_after=now.maintenance_margin(stocks).quantize(CENT),
        error=error,
    )
