"""How the gateway writes numbers and times: strings with commas, suffixes and prefixes, and several kinds of epoch.

Formatting only; what is written was decided elsewhere.
"""

import re
from datetime import datetime
from decimal import Decimal

from api_gateway.simulator.exchange.hours import NEW_YORK


def whole_number(text: str) -> int | None:
    """An id or a count out of a URL: ASCII digits, at most twelve; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None


def price_text(value: float) -> str:
    """Two decimals at least, four at most: "125.67", "125.674", "0.4321"."""
    text = f"{value:.4f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def size_text(value: int) -> str:
    return f"{value:,}"


def short_text(value: float) -> str:
    """ "12.5K", "43.2M"; whole millions are the largest unit used here."""
    if value >= 1e6:
        return f"{value / 1e6:.1f}M" if value < 1e9 else f"{value / 1e6:.0f}M"
    return f"{value / 1e3:.1f}K" if value >= 1e3 else f"{value:.0f}"


def percent_text(fraction: float) -> str:
    return f"{100 * fraction:.2f}%"


def money_text(value: Decimal, currency: str) -> str:
    """ "1,977.60 USD"; whole amounts carry no decimals: "1 USD"."""
    text = f"{value:,.2f}"
    return f"{text.removesuffix('.00')} {currency}"


def number_text(value: Decimal) -> str:
    return f"{value:.2f}"


def epoch_ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def epoch_s(instant: datetime) -> int:
    return int(instant.timestamp())


def compact_time(instant: datetime) -> str:
    """UTC as YYMMDDHHMMSS, the form of an order's last execution."""
    return f"{instant:%y%m%d%H%M%S}"


def day_text(instant: datetime) -> str:
    """The New York date as YYYYMMDD."""
    return f"{instant.astimezone(NEW_YORK):%Y%m%d}"
