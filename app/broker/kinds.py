"""The class of an instrument from the broker's own type, because its security type calls a fund a stock.

Only what is clearly a company's share or an exchange-traded fund has a class; everything else has a reason, which is
shown with the holding. Must never take the security type for the class.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.broker import wire
from app.domain.instrument import AssetClass, Instrument
from app.domain.words import plain

# One share of a company, whatever paper it comes in: receipts are exchanged for the share they stand for.
_SHARES = (
    "COMMON", "COMMON STOCK", "ADR", "GDR", "ADS", "CDI", "DUTCH CERT", "FOREIGN SH.", "LTD PART", "MLP", "NY REG",
    "NY REG SHRS", "ORD", "REIT", "STAPLED SECURITY", "TRACKING STK",
)  # fmt: skip
# An ETC holds what it tracks, as a fund does, though in law it is a note; an ETN is its issuer's promise alone.
_FUNDS = ("ETF", "ETC")
_PREFERRED = "a preferred share"
_OTHERS = {
    "BOND": "a bond",
    "CLOSED-END FUND": "a closed-end fund, which is priced apart from what it holds",
    "CONV PRFD": _PREFERRED,
    "CONVPREFERRED": _PREFERRED,
    "CORPORATE PREFERRED": _PREFERRED,
    "EQUITY WRT": "a warrant",
    "ETMF": "a fund at prices of the day's end",
    "ETN": "an exchange-traded note, its issuer's debt",
    "ETP": "an exchange-traded product that may be a note",
    "FUND OF FUNDS": "a fund that is not exchange-traded",
    "MISC.": "of a kind that the broker does not name",
    "MUTUAL FUND": "a mutual fund",
    "NVDR": "a receipt without votes",
    "OPEN-END FUND": "a mutual fund",
    "PREFERENCE": _PREFERRED,
    "PREFERRED": _PREFERRED,
    "PREFERRED STOCK": _PREFERRED,
    "PUBLIC": "a preferred share or a note",
    "RECEIPT": "a receipt of a kind that the broker does not name",
    "RIGHT": "a right",
    "ROYALTY TRST": "a royalty trust, which pays itself out",
    "SAVINGS SHARE": "a savings share, which is preferred in dividends",
    "UNIT": "a unit of several securities",
    "US DOMESTIC": "of a kind that the broker does not name",
    "WAR": "a warrant",
    "WARRANT": "a warrant",
}
_CLASSES: Mapping[str, AssetClass] = MappingProxyType(
    {plain(word): AssetClass.STOCK for word in _SHARES} | {plain(word): AssetClass.ETF for word in _FUNDS}
)
_REASONS: Mapping[str, str] = MappingProxyType({plain(word): reason for word, reason in _OTHERS.items()})


def instrument_of(answer: wire.PositionAnswer | wire.ContractAnswer, kind: AssetClass) -> Instrument:
    """The listing, of that class."""
    return Instrument(
        answer.conid,
        answer.symbol,
        answer.currency,
        kind,
        name=answer.name,
        industry=answer.industry,
        category=answer.category,
    )


def only_managed(kind: str) -> str:
    """Why something of that kind has no rules."""
    return f"{kind}: only stocks and funds are managed"


def class_of(kind: str | None) -> AssetClass | str:
    """The class, or what it is instead, in words. `kind` is the broker's type, None where it tells none."""
    word = plain(kind or "")
    if not word:
        return "the broker does not tell whether it is a share or a fund"
    return _CLASSES.get(word) or _REASONS.get(word) or f"of the type {kind}"
