"""The units of the policy file and what every section shares.

Percent exists in the file only: fields named `…_pct` there become fractions in code, without the suffix. A value of the
wrong kind is refused, never converted: YAML's `yes` is not 1 %, and a quoted number is text.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import time
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat

from app.domain.instrument import GICS_SECTORS


def _as_fraction(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent:g} is not a percentage between 0 and 100")
    return percent / 100


def _as_gain(percent: float) -> float:
    if not percent > 0:
        raise ValueError(f"{percent:g} is not a percentage above 0")
    return percent / 100


def _as_amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{value!r} is not a number")
    # 500 and 500.0 are the same amount and must give the same hash.
    return Decimal(str(value)).normalize() + Decimal(0)


def _as_clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f"{value!r} is not a time of day like 09:30")
    return time.fromisoformat(value)


def _as_sector(name: str) -> str:
    if name not in GICS_SECTORS:
        raise ValueError(f"{name!r} is not a GICS sector; these are: {', '.join(GICS_SECTORS)}")
    return name


_USUAL_LEAST = 0.01
# Below a hundredth is usual for these; what they would be if a fraction was written for a percentage is not.
_FINE_LEAST = {"limit_offset": 0.0005, "max_var_95_1d": 0.0005, "price_collar": 0.0005}

Percent = Annotated[StrictFloat, AfterValidator(_as_fraction)]
"""A share: percent in the file, a fraction between 0 and 1 here."""

Gain = Annotated[StrictFloat, AfterValidator(_as_gain)]
"""A rise in value: percent in the file and without an upper end, a fraction here."""

Amount = Annotated[Decimal, BeforeValidator(_as_amount)]
"""Base currency."""

ClockTime = Annotated[time, BeforeValidator(_as_clock_time)]
"""The exchange's local time of day, to the minute."""

Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9. ]*$")]
"""A ticker as the broker writes it."""

Sector = Annotated[str, AfterValidator(_as_sector)]
"""A GICS sector."""

CASH = "CASH"
"""The class of what is not invested, beside the asset classes."""


def _in_file(name: str) -> str:
    """Fields that hold fractions are written in percent in the file."""
    return PERCENT_FIELDS.get(name, name)


# Every percent field, once: the name in code → the name in the file.
PERCENT_FIELDS = {
    name: f"{name}_pct"
    for name in (
        "max_volatility_30d",
        "max_drawdown",
        "max_position",
        "max_diversified_fund",
        "max_sector",
        "max_annual_volatility",
        "max_var_95_1d",
        "max_daily_loss",
        "max_correlated",
        "min_cash_reserve",
        "max_exposure",
        "stop_loss",
        "take_profit",
        "take_profit_sell",
        "drawdown_exposure",
        "drift_threshold",
        "trigger_gain",
        "trigger_loss",
        "add",
        "sell",
        "move",
        "step",
        "bull_threshold",
        "bear_threshold",
        "bear_exposure",
        "hysteresis_exposure",
        "limit_offset",
        "max_turnover",
        "turnover",
        "min_order_nav",
        "max_order_nav",
        "max_order_volume",
        "max_share_of_volume",
        "max_commission",
        "price_tolerance",
        "price_collar",
        "max_price_jump",
    )
}


class Section(BaseModel):
    """Strict, frozen, read by the names of the file."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        alias_generator=AliasGenerator(validation_alias=_in_file),
    )


def slips(section: Section) -> Iterator[tuple[str, float]]:
    """(path in the file, fraction) of every share so small that a fraction may have been written for a percentage."""
    for path, name, share in _shares(section, ""):
        if 0 < share < _FINE_LEAST.get(name, _USUAL_LEAST):
            yield path, share


def _shares(section: Section, prefix: str) -> Iterator[tuple[str, str, float]]:
    """(path in the file, name in code, fraction)."""
    for name, field in type(section).model_fields.items():
        in_file = str(field.validation_alias)
        value = getattr(section, name)
        if in_file.endswith("_pct"):
            items: Mapping[str, float | None] = value if isinstance(value, Mapping) else {"": value}
            known = ((key, share) for key, share in items.items() if share is not None)
            yield from ((f"{prefix}{in_file}.{key}".rstrip("."), name, share) for key, share in known)
        else:
            rows = {f".{row}": item for row, item in enumerate(value)} if isinstance(value, tuple) else {"": value}
            for row, item in rows.items():
                if isinstance(item, Section):
                    yield from _shares(item, f"{prefix}{in_file}{row}.")


def written(section: Section, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(path in the file, plain value as the file writes it) of every field; items of lists of sections by number."""
    for name, field in type(section).model_fields.items():
        path, value = f"{prefix}{field.validation_alias}", getattr(section, name)
        if isinstance(value, Section):
            yield from written(value, f"{path}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for row, item in enumerate(value):
                yield from written(item, f"{path}.{row}.")
        else:
            yield path, _plain(value, percent=path.endswith("_pct"))


def _plain(value: object, *, percent: bool) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item, percent=percent) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item, percent=percent) for item in value]
    if isinstance(value, float):
        return float(f"{value * 100:.10g}") if percent else value
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, str) else value
