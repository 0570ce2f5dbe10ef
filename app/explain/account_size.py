"""What of a policy cannot work for an account as a report found it: its value, and the prices of that day."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.domain.account_size import Account, Listing
from app.explain.day import Report


def account_of(report: Report, most_sent: Decimal | None) -> Account:
    """Of a report that measured something. `most_sent`: the MCP server's own limit of a buy, None where not known."""
    portfolio = report["portfolio"]
    return Account(Decimal(portfolio["nav"]), portfolio["currency"], listings_of(report), most_sent)


def listings_of(report: Report) -> dict[str, Listing]:
    """By symbol; a name that is not held counts as one in the account's own currency."""
    portfolio = report["portfolio"]
    abroad = {row["symbol"]: portfolio["fx_rates"].get(row["currency"]) for row in portfolio["positions"]}
    found = {}
    for row in (report["market"] or {"quotes": ()})["quotes"]:
        price, rate = _price(row), Decimal(abroad.get(row["symbol"]) or 1)
        if price is not None:
            volume = row.get("average_volume")
            found[row["symbol"]] = Listing(price * rate, Decimal(volume) * price * rate if volume else None)
    return found


def _price(row: Mapping[str, Any]) -> Decimal | None:
    known = next((row[name] for name in ("ask", "last", "prior_close") if row.get(name)), None)
    return Decimal(known) if known is not None else None
