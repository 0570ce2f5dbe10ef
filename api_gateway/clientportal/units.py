"""In which unit a price is quoted: some exchanges quote in hundredths of the currency that the account is kept in.

A price that leaves this client is in the currency. What the broker is sent, and what it tells of prices and grids, is
in the unit of the quote: the currency times the contract's magnifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed

# Names of hundredths that stand in the place of a currency: pence, agorot, South African cents.
_HUNDREDTHS: Final[Mapping[str, str]] = {
    "GBX": "GBP",
    "GBp": "GBP",
    "ILA": "ILS",
    "ILa": "ILS",
    "ZAC": "ZAR",
    "ZAc": "ZAR",
}
# Listings in these are quoted now in the currency, now in hundredths of it: only the broker can tell.
_EITHER: Final = frozenset(_HUNDREDTHS.values())
_MAGNIFIERS: Final = (1, 10, 100, 1_000, 10_000)
# Grain futures are quoted in cents of the dollar.
_SCALED_IN_DOLLARS: Final = frozenset({"FUT", "FOP", "CMDTY"})
_US_LISTINGS: Final = frozenset({"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "PINK", "IEX"})
_SHARES: Final = frozenset({"STK", "ETF"})


@dataclass(frozen=True)
class Facts:
    """What is known of a contract besides its id, as far as the broker told it."""

    currency: str | None = None
    exchange: str | None = None
    asset_class: str | None = None

    @property
    def is_plain(self) -> bool:
        """Quoted in dollars for certain, so that nobody has to be asked: not so of a share listed abroad."""
        if self.asset_class in _SHARES and self.exchange is not None:
            return self.exchange in _US_LISTINGS and self.currency in ("USD", None)
        return self.currency == "USD" and self.asset_class not in _SCALED_IN_DOLLARS

    @property
    def is_share_in_one_unit(self) -> bool:
        """Of a currency whose hundredths nobody quotes shares in."""
        return self.asset_class in _SHARES and self.currency is not None and self.currency not in _EITHER

    @property
    def is_us_share(self) -> bool:
        return self.asset_class in _SHARES and self.exchange in _US_LISTINGS


def facts_of(row: wire.Row, *, currency: str, exchange: str, asset_class: str) -> Facts:
    """Out of a row, by its names of the three; what cannot be read is unknown."""
    try:
        told = currency_of(row, currency)
    except Malformed:
        told = None
    return Facts(told, _word(row, exchange), _word(row, asset_class))


def currency_of(row: wire.Row, key: str) -> str | None:
    """The currency, also where the row names hundredths of it; None where it names none."""
    told = wire.text(row, key)
    return _HUNDREDTHS.get(told) or wire.currency(row, key) if told else None


def in_currency(money: wire.Money | None) -> wire.Money | None:
    """An amount that is in hundredths of a currency, in that currency."""
    major = _HUNDREDTHS.get(money.currency or "") if money else None
    return wire.Money(money.amount / 100, major) if money and major else money


def magnifier_of(rules: wire.Row, facts: Facts) -> int:
    """What the contract's rules multiply a price in its currency by.

    Raises: Malformed where none is told and the listing could be quoted either way.
    """
    told = wire.named_number(rules, "priceMagnifier")
    if told and (told not in _MAGNIFIERS or (facts.is_plain and told != 1)):
        raise Malformed(f"contract rules: a priceMagnifier of {told:f}")
    if told:
        return int(told)
    if wire.text(rules, "cashCcy") in _HUNDREDTHS:
        return 100
    currency = currency_of(rules, "cashCcy") or facts.currency
    if currency in _EITHER or (currency is None and not facts.is_plain):
        raise Malformed(
            f"contract rules: priceMagnifier is missing, and quotes in {currency or 'a currency that is not named'} "
            "may be in the currency or in hundredths of it"
        )
    return 1


def scaled(price: Decimal, magnifier: int) -> Decimal:
    """A quoted price in the contract's currency."""
    return price if magnifier == 1 else price / magnifier


def _word(row: wire.Row, key: str) -> str | None:
    """An exchange without its segment, or a class."""
    found = row.get(key)
    return found.strip().partition(".")[0] or None if isinstance(found, str) else None
