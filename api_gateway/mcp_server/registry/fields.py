"""The kinds of arguments that the tools take. Each says in its message what would be right.

Whatever becomes part of a path or of a query has a pattern, so that no argument can name another endpoint.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

PERIOD: Final = r"^([1-9]|[12][0-9]|30)min$|^[1-8]h$|^[1-9][0-9]{0,3}d$|^[1-9][0-9]{0,2}[wm]$|^([1-9]|1[0-5])y$"
_LIMITS: Final = {"min": 30, "h": 8, "d": 1000, "w": 792, "m": 182, "y": 15}
_CONID: Final = re.compile(r"[1-9][0-9]{0,11}")
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .&/'+-]{0,40}")
# A bound against nonsense, far above what an account holds.
MOST: Final = 5_000
_MOST_FIELDS, _MOST_SYMBOLS = 50, 100
_NUMBER_SCHEMA: Final = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}]}


def unpacked(value: object) -> object:
    """A list or an object out of its JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _conid(value: object) -> object:
    if isinstance(value, str) and _CONID.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _CONID.fullmatch(str(value)):
        return value
    raise ValueError("a contract id is a positive whole number such as 265598; find it with a contract search")


def _split(value: object, most: int, what: str) -> list[object]:
    # Some hosts hand a list over as its JSON text.
    given = unpacked(value)
    if isinstance(given, str):
        parts: list[object] = [part.strip() for part in given.split(",") if part.strip()]
    else:
        parts = list(given) if isinstance(given, list) else [given]
    if not 1 <= len(parts) <= most or any(isinstance(part, bool) or part is None for part in parts):
        raise ValueError(f"give 1 to {most} {what}, as a list or separated by commas")
    return parts


def _conids(most: int) -> Callable[[object], list[object]]:
    return lambda value: [_conid(each) for each in _split(value, most, "contract ids")]


def listed(value: object) -> object:
    """A list out of its JSON text, or out of names with commas or none between them."""
    given = unpacked(value)
    return [part.strip() for part in given.split(",")] if isinstance(given, str) else given


def text_of(value: object) -> object:
    """An id that was written as a number, as the text that it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def whole(value: object) -> object:
    """A whole number that was written as text."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) else value


def _fields(value: object) -> list[str]:
    found = [str(each) for each in _split(value, _MOST_FIELDS, "field ids")]
    if not all(re.fullmatch(r"[0-9]{2,5}", each) for each in found):
        raise ValueError(
            "a field id is a number such as 31; get_available_fields_iserver_marketdata_fields_get has all"
        )
    return found


def _symbols(value: object) -> list[str]:
    found = [str(each) for each in _split(value, _MOST_SYMBOLS, "symbols")]
    if not all(_SYMBOL.fullmatch(each) for each in found):
        raise ValueError("a symbol is letters, digits, blanks and . & / ' + - only")
    return found


def _symbol(value: str) -> str:
    if not _SYMBOL.fullmatch(value.strip()):
        raise ValueError("a symbol or name is 1 to 41 letters, digits, blanks and . & / ' + - only")
    return value.strip()


def _period(value: str) -> str:
    match = re.fullmatch(r"([1-9][0-9]{0,3})(min|[hdwmy])", value, re.ASCII)
    if match is None:
        raise ValueError(
            "a period is a count and a unit in lower case: min, h, d, w, m or y, such as 30d or 6m; "
            "the gateway would answer another spelling with another period"
        )
    count, unit = int(match[1]), match[2]
    if count > _LIMITS[unit]:
        raise ValueError(f"at most {_LIMITS[unit]}{unit} can be asked for")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("a number is needed")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("a number is needed, such as 101.25") from None
    if not found.is_finite() or (isinstance(value, str) and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value, re.ASCII)):
        raise ValueError("a number in plain notation is needed, such as 101.25")
    return found


AccountId = Annotated[
    str,
    Field(pattern=r"^[A-Z]{1,3}[0-9]{4,10}[A-Z]?$", description="Account id as session_status or the accounts list it"),
]
AccountIds = Annotated[
    list[AccountId], BeforeValidator(listed), Field(min_length=1, max_length=50, description="Account ids")
]
Conid = Annotated[
    int,
    BeforeValidator(_conid),
    WithJsonSchema({"type": "integer", "minimum": 1, "description": "The broker's contract id"}),
]
_CONIDS_SCHEMA: Final = {
    "anyOf": [{"type": "array", "items": {"type": ["integer", "string"]}}, {"type": "string"}],
    "description": "Up to 100 contract ids, as a list or separated by commas",
}
Conids = Annotated[list[int], BeforeValidator(_conids(100)), WithJsonSchema(_CONIDS_SCHEMA)]
ManyConids = Annotated[list[int], BeforeValidator(_conids(MOST)), WithJsonSchema(_CONIDS_SCHEMA)]
FieldIds = Annotated[
    list[str],
    BeforeValidator(_fields),
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "items": {"type": ["string", "integer"]}}, {"type": "string"}],
            "description": "Up to 50 field ids, as a list or separated by commas, such as 31,84,86",
        }
    ),
]
Symbols = Annotated[
    list[str],
    BeforeValidator(_symbols),
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
            "description": "Up to 100 symbols, as a list or separated by commas",
        }
    ),
]
Symbol = Annotated[str, AfterValidator(_symbol)]
Period = Annotated[
    str,
    AfterValidator(_period),
    WithJsonSchema(
        {"type": "string", "pattern": PERIOD, "description": "Length, a count and min, h, d, w, m or y: 30d, 6m, 1y"}
    ),
]
Bar = Annotated[
    Literal["1min", "2min", "3min", "5min", "10min", "15min", "30min", "1h", "2h", "3h", "4h", "8h", "1d", "1w", "1m"],
    Field(description="Length of one bar; 1m is a month"),
]
StartTime = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{8}-[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$",
        description="YYYYMMDD-HH:mm:ss in UTC: the END of the window unless direction is 1; left out, the newest bars",
    ),
]
Exchange = Annotated[str, Field(pattern=r"^[A-Z0-9._]{1,20}$", description="Exchange such as NASDAQ")]
Month = Annotated[
    str,
    Field(pattern=r"^[A-Z]{3}[0-9]{2}$", description="Contract month such as JAN27, as the search lists them"),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="Currency such as USD")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema(_NUMBER_SCHEMA)]
Positive = Annotated[
    Decimal, BeforeValidator(_number), Field(gt=0), WithJsonSchema({**_NUMBER_SCHEMA, "description": "Above zero"})
]
OrderId = Annotated[
    str,
    BeforeValidator(text_of),
    Field(pattern=r"^[1-9][0-9]{0,17}$"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[1-9][0-9]{0,17}$", "description": "The broker's number of one order"}
    ),
]
Page = Annotated[int, Field(ge=0, le=10_000, description="Page, from 0"), BeforeValidator(whole)]
Side = Annotated[Literal["BUY", "SELL"], Field(description="BUY or SELL")]
