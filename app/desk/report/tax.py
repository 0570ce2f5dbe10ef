"""Realised and unrealised gains in the report: numbers of this record, not advice."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from app.desk.report.part import CENT, Amount, Part
from app.desk.tax import TaxName, TaxView, order_fills
from app.domain.disposals import Money, Term
from app.domain.order import Order, Side
from app.domain.tax import NameRecord, name_record
from app.domain.tax_year import NO_TALLY, Tally, at_rate, planned, realised, unrealised

NOTE = (
    "Numbers of this record, not advice, by the policy's lot method. The broker's own statement decides, and knows "
    "what is not here: trades by other hands and in other accounts, lots from before the record, corporate actions, "
    "and losses that similar securities put off."
)


class GainPart(Part):
    """Sums of sales, or of lots as if they were sold; null where a rate is not known.

    `gain` is before what is `deferred` to shares bought within 30 days; `counted`, which the terms add up to, after.
    `unknown` shares have no known cost or price and are in `quantity` only.
    """

    quantity: Amount
    proceeds: Amount | None
    cost: Amount | None
    gain: Amount | None
    deferred: Amount | None
    counted: Amount | None
    short_term: Amount | None
    long_term: Amount | None
    unknown_term: Amount | None
    unknown: Amount


class TaxNamePart(Part):
    """One name, in its own currency; `counted_base` of the year in the account's, at the rates of the fills' days.

    `bought_until`: until when a sale at a loss is put off because the name was bought. `loss_until`: until when buying
    it puts off `open_loss`.
    """

    symbol: str
    conid: int
    currency: str
    realised: GainPart
    counted_base: Amount | None
    unrealised: GainPart
    bought_until: date | None
    open_loss: Amount
    loss_until: date | None


class TaxTotalPart(Part):
    """All names of one currency; of the base currency all names, where `base`."""

    currency: str
    base: bool
    realised: GainPart
    today: GainPart
    unrealised: GainPart


class TaxPart(Part):
    """Of one year up to the day. `unknown`: what these figures do not know, in words."""

    year: int
    as_of: date
    lot_method: str
    names: tuple[TaxNamePart, ...]
    totals: tuple[TaxTotalPart, ...]
    unknown: tuple[str, ...]
    note: str = NOTE


class PlannedTaxPart(Part):
    """What a plan's orders for one name would bring at their reference prices, before commissions; its own currency.

    `late`: what buying would put off of earlier losses. `bought_until`: a loss is put off because the name was bought;
    `loss_until`: buying it until then would put off what the sale loses.
    """

    symbol: str
    side: str
    currency: str
    sales: GainPart
    late: Amount
    bought_until: date | None
    loss_until: date | None


class _Row:
    """One name, counted once."""

    def __init__(self, name: TaxName, record: NameRecord, view: TaxView, first: date) -> None:
        self.name, self.record = name, record
        price = None if name.price is None else at_rate(name.price, name.rate)
        self.year = realised(record, first, view.day)
        self.today = realised(record, view.day, view.day)
        self.held = unrealised(record, price, view.day)


def tax_part(view: TaxView, year: int | None = None) -> TaxPart:
    """Of the day's year, or of an earlier one; what is held is always today's."""
    wanted = year or view.day.year
    rows, unknown = [], [] if view.whole else ["what was held when the record began"]
    for name in view.names:
        record = name_record(name.known, view.method)
        if record is None:
            unknown.append(f"{name.symbol} is held short, and is left out")
            continue
        last = view if wanted == view.day.year else TaxView(view.currency, date(wanted, 12, 31), view.method, ())
        rows.append(_Row(name, record, last, date(wanted, 1, 1)))
        unknown += _unknown(name.symbol, record)
    currencies = sorted({row.name.currency for row in rows} or {view.currency})
    totals = [_total(c, [r for r in rows if r.name.currency == c], base=c == view.currency) for c in currencies]
    if currencies != [view.currency]:
        totals = [one.model_copy(update={"base": False}) for one in totals] + [_total(view.currency, rows, base=True)]
    return TaxPart(
        year=wanted,
        as_of=view.day,
        lot_method=view.method.value,
        names=tuple(_name(row, view.day) for row in rows if row.year.quantity or row.held.quantity),
        totals=tuple(totals),
        unknown=tuple(unknown),
    )


def planned_tax(view: TaxView, orders: Iterable[Order]) -> tuple[PlannedTaxPart, ...]:
    """By name; one that sells nothing and puts nothing off is left out."""
    listed = tuple(orders)
    known = {one.conid: one for one in view.names}
    parts = []
    for conid, fills in order_fills(listed, view.day).items():
        name = known.get(conid)
        found = planned(name.known, fills, view.method) if name else None
        if name is None or found is None or not (found.sales.quantity or found.late.own):
            continue
        parts.append(
            PlannedTaxPart(
                symbol=name.symbol,
                side=(Side.SELL if found.sales.quantity else Side.BUY).value,
                currency=name.currency,
                sales=_gain(found.sales),
                late=_cents(found.late.own),
                bought_until=found.bought_until if found.sales.deferred.own > 0 else None,
                loss_until=found.loss_open_until,
            )
        )
    return tuple(parts)


def _name(row: _Row, today: date) -> TaxNamePart:
    losses = row.record.open_losses(today)
    left = sum((-one.gain.own * one.open_loss / one.quantity for one in losses if one.gain), Fraction(0))
    return TaxNamePart(
        symbol=row.name.symbol,
        conid=row.name.conid,
        currency=row.name.currency,
        realised=_gain(row.year),
        counted_base=_maybe_cents(row.year.counted.base),
        unrealised=_gain(row.held),
        bought_until=row.record.bought_until(today) if row.held.quantity else None,
        open_loss=_cents(left),
        loss_until=max((one.until for one in losses), default=None),
    )


def _total(currency: str, rows: Iterable[_Row], *, base: bool) -> TaxTotalPart:
    year, today, held = NO_TALLY, NO_TALLY, NO_TALLY
    for row in rows:
        year, today, held = year + row.year, today + row.today, held + row.held
    return TaxTotalPart(
        currency=currency,
        base=base,
        realised=_gain(year, base=base),
        today=_gain(today, base=base),
        unrealised=_gain(held, base=base),
    )


def _unknown(symbol: str, record: NameRecord) -> list[str]:
    """Why a figure of the name may not be the broker's."""
    said = []
    undated = sum((lot.quantity for lot in record.lots if lot.since is None), Fraction(0))
    undated += sum((one.quantity for one in record.disposals if one.lot.since is None), Fraction(0))
    if undated:
        said.append(f"{symbol}: when {_plain(undated):f} shares were bought, and so their term")
    if record.other_hands:
        verb = "came" if record.other_hands > 0 else "left"
        said.append(f"{symbol}: {_plain(abs(record.other_hands)):f} shares that {verb} without a fill on record")
    if record.split != 1:
        said.append(f"{symbol}: counted as split, {record.split.numerator} for {record.split.denominator}")
    if record.feeless:
        said.append(f"{symbol}: the commission of {record.feeless} fills, counted as none")
    return said


def _gain(tally: Tally, *, base: bool = False) -> GainPart:
    def amount(money: Money) -> Decimal | None:
        return _maybe_cents(money.base if base else money.own)

    return GainPart(
        quantity=_plain(tally.quantity),
        proceeds=amount(tally.proceeds),
        cost=amount(tally.cost),
        gain=amount(tally.gain),
        deferred=amount(tally.deferred),
        counted=amount(tally.counted),
        short_term=amount(tally.terms[Term.SHORT]),
        long_term=amount(tally.terms[Term.LONG]),
        unknown_term=amount(tally.terms[Term.UNKNOWN]),
        unknown=_plain(tally.unknown),
    )


def _maybe_cents(amount: Fraction | None) -> Decimal | None:
    return None if amount is None else _cents(amount)


def _cents(amount: Fraction) -> Decimal:
    return (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(CENT) + Decimal(0)


def _plain(quantity: Fraction) -> Decimal:
    """In millionths at most, without zeros at the end."""
    exact = Decimal(quantity.numerator) / Decimal(quantity.denominator)
    return Decimal(f"{exact.quantize(Decimal('0.000001')).normalize():f}")
