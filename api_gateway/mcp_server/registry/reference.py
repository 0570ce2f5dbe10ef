"""Tables that the gateway documents and does not serve: field ids, data availability, lengths of history.

State of November 2026, with labels of our own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

AS_OF: Final = "2026-11-01"
FieldType = Literal["price", "number", "percent", "text"]


def _table(written: str, kind: FieldType) -> dict[str, tuple[str, FieldType]]:
    """Rows of `id label`, one per line."""
    rows = (line.strip().partition(" ") for line in written.strip().splitlines())
    return {field: (label, kind) for field, _, label in rows}


_PRICES: Final = """
31 last price
70 high
71 low
73 market value
74 average price
75 unrealized profit and loss
78 daily profit and loss
79 realized profit and loss
82 change
84 bid price
86 ask price
7292 cost basis
7293 high of 52 weeks
7294 low of 52 weeks
7295 open of the day
7296 close of the day
7635 mark
7674 exponential moving average of 200 days
7675 exponential moving average of 100 days
7676 exponential moving average of 50 days
7677 exponential moving average of 20 days
7695 break even
7741 prior close
7920 daily profit and loss, unrounded
7921 cost basis, unrounded
"""
_NUMBERS: Final = """
85 ask size
87 volume, rounded to thousands or millions
88 bid size
6008 contract id
6457 contract id of the underlying
7059 last size
7085 put/call ratio by open interest
7086 put/call ratio by volume
7089 option volume
7184 tradable: 1 or 0
7282 average volume of 90 days
7285 put/call ratio
7289 market capitalisation (not in the documented table)
7290 price to earnings (not in the documented table)
7308 delta
7309 gamma
7310 theta
7311 vega
7636 shares that can be shorted
7638 open interest of options
7644 how easily the share can be shorted, as a level
7671 dividends of the next 12 months
7672 dividends of the last 12 months
7696 delta in terms of the S&P 500
7697 open interest of futures
7762 volume, exact
7768 trading permission: 1 or 0
"""
_PERCENTS: Final = """
80 unrealized profit and loss, %
83 change, %
7084 implied to historical volatility, %
7087 historical volatility of 30 days, %
7088 historical volatility at the close, %
7283 implied volatility of options, %
7284 historical volatility, % (superseded by 7087)
7607 change of option volume, %
7633 implied volatility of the strike, %
7637 fee rate for borrowing the share, %
7639 share of the account's value, %
7678 price to exponential moving average of 200 days, %
7679 price to exponential moving average of 100 days, %
7681 price to exponential moving average of 20 days, %
7682 change since the open, %
7694 probability of the greatest return, %
7698 yield of the last price, %
7699 yield of the bid, %
7700 probability of the greatest return, %
7702 probability of the greatest loss, %
7703 probability of a profit, %
7720 yield of the ask, %
7724 price to exponential moving average of 50 days, %
"""
_TEXTS: Final = """
55 symbol
58 text
76 position, formatted
77 unrealized profit and loss, formatted
201 right of an option: P or C
6004 exchange
6070 security type
6072 months
6073 regular expiry
6119 marker of delivery
6508 service parameters
6509 availability of market data
7051 company name
7057 exchanges of the ask
7058 exchange of the last trade
7068 exchanges of the bid
7094 contract id and exchange
7219 description of the contract
7220 description of the contract, second form
7221 listing exchange
7280 industry
7281 category
7683 coming event
7684 date of the coming event
7685 coming meeting of analysts
7686 coming earnings
7687 coming other event
7688 recent meeting of analysts
7689 recent earnings
7690 recent other event
7704 type of organization
7705 class of debt
7706 ratings
7707 state code of a bond
7708 type of a bond
7714 last trading date
7715 issue date
"""
FIELDS: Final[Mapping[str, tuple[str, FieldType]]] = MappingProxyType(
    dict(
        sorted(
            {
                **_table(_PRICES, "price"),
                **_table(_NUMBERS, "number"),
                **_table(_PERCENTS, "percent"),
                **_table(_TEXTS, "text"),
            }.items(),
            key=lambda item: int(item[0]),
        )
    )
)
"""Field id → label and how its value reads."""

_UNDOCUMENTED: Final = frozenset({"7289", "7290"})


def field_table() -> list[dict[str, object]]:
    return [
        {"id": field, "label": label, "type": kind, "documented": field not in _UNDOCUMENTED}
        for field, (label, kind) in FIELDS.items()
    ]


AVAILABILITY: Final[Mapping[str, object]] = MappingProxyType(
    {
        "field": "6509",
        "first": {
            "R": "real time",
            "D": "delayed, as a rule by 15 to 20 minutes",
            "Z": "frozen: the last that was recorded, real time",
            "Y": "frozen and delayed",
            "N": "not subscribed",
            "O": "the market data agreement of the API is not acknowledged",
        },
        "second": {"P": "a snapshot is available", "p": "consolidated over the exchanges"},
        "third": {"B": "the order book is available", "d": "details of performance are on"},
        "last_price_prefix": {"C": "the previous close, nothing has traded yet", "H": "trading is halted"},
    }
)

_MINUTES: Final = ("1min", "2min", "3min", "5min", "10min", "15min", "30min")
_STEPS: Final = (
    ("1min", "1min", "1min", "1min"),
    ("1h", "1min", "8h", "1min"),
    ("1d", "1min", "8h", "1min"),
    ("1w", "10min", "1w", "15min"),
    ("1m", "1h", "1m", "30min"),
    ("3m", "2h", "1m", "1d"),
    ("6m", "4h", "1m", "1d"),
    ("1y", "8h", "1m", "1d"),
    ("2y", "1d", "1m", "1d"),
    ("3y", "1d", "1m", "1w"),
    ("15y", "1w", "1m", "1w"),
)
HISTORY_RULES: Final[Mapping[str, object]] = MappingProxyType(
    {
        "periods": {"min": "1-30", "h": "1-8", "d": "1-1000", "w": "1-792", "m": "1-182", "y": "1-15"},
        "bars": [*_MINUTES, "1h", "2h", "3h", "4h", "8h", "1d", "1w", "1m"],
        "steps": [
            {"period": period, "smallest_bar": smallest, "largest_bar": largest, "default_bar": default}
            for period, smallest, largest, default in _STEPS
        ],
        "most_points": 1000,
        "most_at_a_time": 5,
        "notes": [
            "Units are in lower case; 1m is a month. Upper case is refused: the gateway would answer another period.",
            "startTime is the END of the window unless direction is 1; without it the newest bars are answered.",
        ],
    }
)
