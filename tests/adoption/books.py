"""Books that a person might bring, at the sample's prices, as older than the policy that meets them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from app.backtest.books import ACCOUNT
from app.backtest.reader import Reader
from app.broker.paper.book import Cash, Close, Holding, PaperBook
from tests.support.sample import PERCENT

CAPITAL = Decimal(250_000)
# A year: what the account was worth before is what the broker would tell of it.
HELD_SESSIONS = 252
ZERO, ONE = Decimal(0), Decimal(1)

Cost = Callable[[Decimal, Decimal], Decimal]


def bought_then(bought: Decimal, price: Decimal) -> Decimal:
    """The broker's average cost is what was paid."""
    del price
    return bought


def lost(share: Decimal) -> Cost:
    """The broker's average cost says that so much of it was lost, whatever the prices of the year."""
    return lambda bought, price: (price / (ONE - share)).quantize(Decimal("0.0001"))


@dataclass(frozen=True, slots=True)
class Brought:
    """What share of the capital each name is, in percent; `then` where that was so a year ago, else on the day."""

    percent: Mapping[str, Decimal | int]
    cost: Cost = bought_then
    then: bool = False
    capital: Decimal = CAPITAL


TWELVE_EVEN = {symbol: Decimal(100) / 12 for symbol in sorted(PERCENT)}
VARIANTS: Mapping[str, Brought] = {
    # The findings': bought a year before the policy came, and left alone.
    "twelve": Brought(PERCENT, then=True),
    "one_name": Brought({"AAPL": 95}, then=True),
    "one_name_now": Brought({"AAPL": 95}),
    "one_sector": Brought({"JNJ": 30, "PFE": 30, "UNH": 30}),
    "all_in": Brought(TWELVE_EVEN),
    "all_cash": Brought({}),
    "margin_loan": Brought({symbol: share * Decimal("1.3") for symbol, share in TWELVE_EVEN.items()}),
    "losses": Brought(PERCENT, cost=lost(Decimal("0.6"))),
    "gains": Brought(PERCENT, cost=lost(Decimal(-2))),
    "small": Brought(PERCENT, capital=Decimal(2_000)),
    "large": Brought(PERCENT, capital=Decimal(50_000_000)),
}


def book_of(brought: Brought, reader: Reader, row: int) -> PaperBook:
    """The account at the close of that row, with what it was worth at the closes of the year before."""
    first = row - HELD_SESSIONS
    chosen_at = first if brought.then else row
    names = {one.symbol: one for one in reader.history.instruments}
    holdings: list[Holding] = []
    cash = brought.capital
    for symbol, percent in sorted(brought.percent.items()):
        instrument = names[symbol]
        at, price = _price(reader, chosen_at, instrument.conid), _price(reader, row, instrument.conid)
        quantity = (brought.capital * percent / 100 / at).to_integral_value(ROUND_FLOOR)
        cash -= quantity * at
        if quantity:
            cost = brought.cost(_price(reader, first, instrument.conid), price)
            holdings.append(Holding(instrument=instrument, quantity=quantity, average_cost=cost, price=price))
    return PaperBook(
        account=ACCOUNT,
        currency="USD",
        session_date=reader.history.dates[row],
        day=reader.history.dates[row],
        cash=(Cash(currency="USD", amount=cash),),
        holdings=tuple(holdings),
        closes=_closes(reader, range(first, row + 1), holdings, cash),
    )


def _closes(reader: Reader, rows: range, holdings: Sequence[Holding], cash: Decimal) -> tuple[Close, ...]:
    worth = (
        (row, cash + sum((one.quantity * _price(reader, row, one.instrument.conid) for one in holdings), ZERO))
        for row in rows
    )
    return tuple(Close(session_date=reader.history.dates[row], nav=nav) for row, nav in worth if nav > 0)


def _price(reader: Reader, row: int, conid: int) -> Decimal:
    price = reader.price(row, conid)
    if price is None:
        raise ValueError(f"{conid} has no price on {reader.history.dates[row]}")
    return price
