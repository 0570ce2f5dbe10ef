"""The account after the run's orders: as it was read, with their fills and fees. Nothing is guessed.

Of prices it has those of the reading: a second look at the broker would hold up the day's end, and may lag.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.desk.report.part import CENT, Amount, Part
from app.desk.stages.memory import fee_of
from app.desk.states import AccountRead, MarketRead, OrderResult
from app.domain.errors import DataError
from app.domain.order import OrderState, Side, Trade

ZERO = Decimal(0)
STILL_OPEN = frozenset({OrderState.ACKED, OrderState.PARTIAL})
IN_DOUBT = frozenset({OrderState.SENDING, OrderState.UNKNOWN})


class HeldPart(Part):
    """A holding; `price` in its own currency, `value` in the account's. Null where nobody tells the price or rate."""

    symbol: str
    conid: int
    quantity: Amount
    price: Amount | None
    value: Amount | None
    weight: float | None


class AfterPart(Part):
    """The state after the orders, in `currency`, at the prices that the account was read with.

    `proceeds` of sales and `spent` on purchases are before fees. `commissions_from`: `executions`, or `previews` of the
    broker where one of the orders has no other word of its fee. `price_difference`: paid more, or got less, than at the
    prices that the orders were sized with; a gain where negative. `nav` and `cash` are null where a fill's price or
    rate is not known; `unknown` says what is not, `open_orders` what may still be filled.
    """

    currency: str
    nav: Amount | None
    cash: Amount | None
    positions: tuple[HeldPart, ...]
    unmanaged: Amount
    proceeds: Amount | None
    spent: Amount | None
    commissions: Amount | None
    commissions_from: str | None
    price_difference: Amount | None
    open_orders: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Filled:
    """One order's fill in base currency; `value`, `fee` and `rate` None where not known. `seen`: it was read so."""

    one: OrderResult
    rate: Decimal | None
    value: Decimal | None
    fee: Decimal | None
    executed: bool
    seen: bool

    @property
    def moved(self) -> Decimal:
        """Shares, negative for a sale."""
        return self.one.order.side.sign * self.one.filled_quantity


def after_part(run: AccountRead) -> AfterPart:
    """Of a close or a reconciliation as it was read: what it settles, others had ordered."""
    results = () if run.at_close else run.results
    fills = [_filled(run, one) for one in results if one.filled_quantity > 0]
    new = [fill for fill in fills if not fill.seen]
    portfolio, held = run.portfolio, _held(run, new)
    known = all(fill.value is not None for fill in new)
    cash = portfolio.total_cash - sum(((f.value or ZERO) * f.one.order.side.sign + (f.fee or ZERO) for f in new), ZERO)
    worth = [value for _, _, value in held.values()]
    nav = sum((value or ZERO for value in worth), cash + portfolio.unmanaged_value)
    nav_known = known and None not in worth
    return AfterPart(
        currency=portfolio.currency,
        nav=nav.quantize(CENT) if nav_known else None,
        cash=cash.quantize(CENT) if known else None,
        positions=_positions(run, held, nav if nav_known else None),
        unmanaged=portfolio.unmanaged_value.quantize(CENT),
        proceeds=_sum(f.value for f in fills if f.one.order.side is Side.SELL),
        spent=_sum(f.value for f in fills if f.one.order.side is Side.BUY),
        commissions=_sum(f.fee for f in fills),
        commissions_from=("executions" if all(f.executed for f in fills) else "previews") if fills else None,
        price_difference=_sum(_difference(f) for f in fills),
        open_orders=tuple(_words(one) for one in results if one.state in STILL_OPEN),
        unknown=tuple(_not_known(results, fills)),
    )


def _filled(run: AccountRead, one: OrderResult) -> _Filled:
    rate, price = _rate(run, one), one.average_price
    executed = _executed_fee(run.trades, one)
    fee = executed if executed is not None else _previewed_fee(one)
    return _Filled(
        one=one,
        rate=rate,
        value=None if rate is None or price is None else one.filled_quantity * price * rate,
        fee=None if rate is None or fee is None else fee * rate,
        executed=executed is not None,
        seen=one.coid in run.tax_basis.filled,
    )


def _rate(run: AccountRead, one: OrderResult) -> Decimal | None:
    """Base currency per unit of the name's; what comes of the record alone does not tell its currency."""
    held = run.portfolio.position(one.order.instrument.conid)
    currency = held.instrument.currency if held is not None else one.order.instrument.currency
    try:
        return run.portfolio.rate(currency)
    except DataError:
        return None


def _executed_fee(trades: Iterable[Trade], one: OrderResult) -> Decimal | None:
    own = [trade for trade in trades if trade.coid == one.coid]
    fees = [trade.commission for trade in own if trade.commission is not None]
    whole = len(fees) == len(own) and sum((trade.quantity for trade in own), ZERO) == one.filled_quantity
    return sum(fees, ZERO) if whole else None


def _previewed_fee(one: OrderResult) -> Decimal | None:
    said = one.what_if
    return fee_of(said.commission, said.amount, one.filled_quantity, one.average_price) if said else None


def _difference(fill: _Filled) -> Decimal | None:
    order = fill.one.order
    if fill.value is None or fill.rate is None:
        return None
    return order.side.sign * (fill.value - fill.one.filled_quantity * order.reference_price * fill.rate)


Holding = tuple[str, Decimal, Decimal | None]


def _held(run: AccountRead, new: Iterable[_Filled]) -> Mapping[int, Holding]:
    """Conid → (symbol, quantity, value in base currency)."""
    portfolio, moved = run.portfolio, dict[int, list[_Filled]]()
    for fill in new:
        moved.setdefault(fill.one.order.instrument.conid, []).append(fill)
    found: dict[int, Holding] = {}
    for position in portfolio.positions:
        conid = position.instrument.conid
        quantity = position.quantity + sum((f.moved for f in moved.pop(conid, ())), ZERO)
        worth = quantity * position.price * portfolio.rate(position.instrument.currency)
        found[conid] = position.instrument.symbol, quantity, worth
    for conid, fills in moved.items():
        quantity, last = sum((f.moved for f in fills), ZERO), fills[-1]
        price = _price(run, conid) or last.one.average_price
        worth_now = None if price is None or last.rate is None else quantity * price * last.rate
        found[conid] = last.one.order.instrument.symbol, quantity, worth_now
    return {conid: holding for conid, holding in found.items() if holding[1] != 0}


def _price(run: AccountRead, conid: int) -> Decimal | None:
    held = run.portfolio.position(conid)
    if held is not None:
        return held.price
    quote = run.market.quotes.get(conid) if isinstance(run, MarketRead) else None
    return quote.price if quote is not None and quote.two_sided else None


def _positions(run: AccountRead, held: Mapping[int, Holding], nav: Decimal | None) -> tuple[HeldPart, ...]:
    fills = {one.order.instrument.conid: one.average_price for one in run.results}
    return tuple(
        HeldPart(
            symbol=symbol,
            conid=conid,
            quantity=quantity,
            price=_price(run, conid) or fills.get(conid),
            value=None if value is None else value.quantize(CENT),
            weight=None if value is None or not nav else float(value / nav),
        )
        for conid, (symbol, quantity, value) in sorted(held.items(), key=lambda row: (row[1][0], row[0]))
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """None where one of them is not known."""
    found = list(amounts)
    return None if None in found else sum((one for one in found if one is not None), ZERO).quantize(CENT)


def _not_known(results: Iterable[OrderResult], fills: Iterable[_Filled]) -> Iterable[str]:
    yield from (f"what became of {_words(one)}" for one in results if one.state in IN_DOUBT)
    for fill in fills:
        if fill.value is None:
            yield f"what {_words(fill.one)} was filled for"
        elif fill.fee is None:
            yield f"the fee of {_words(fill.one)}: the cash is told before it"


def _words(one: OrderResult) -> str:
    return f"{one.order.side} {one.order.quantity:f} {one.order.instrument.symbol}"
