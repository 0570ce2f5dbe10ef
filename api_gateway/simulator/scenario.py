"""The accounts a simulation starts with, and what is expected of them on stress dates, as a validated YAML file.

Weights are percent in the file and only there. An unknown symbol, an unknown field or weights above the whole refuse
the start and name the culprit.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from api_gateway.simulator.errors import StartError
from api_gateway.simulator.exchange.currencies import DOLLAR, Currency
from api_gateway.simulator.exchange.universe import MOST, stock

SCENARIOS = Path(__file__).parent / "scenarios"
DEFAULT_SCENARIO = SCENARIOS / "default.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _known(symbol: str) -> str:
    if stock(symbol) is None:
        raise ValueError(f"unknown symbol {symbol}")
    return symbol


Known = Annotated[str, AfterValidator(_known)]


class Holding(_Strict):
    symbol: Known
    weight_pct: Annotated[Decimal, Field(gt=0, le=100)]


class Expectation(_Strict):
    """Plain words for people; nothing computes with it."""

    as_of: date
    market: str
    exits_due: str
    expected: str


class Spread(_Strict):
    """Equal parts of `weight_pct` in each of the first `names` stocks of the universe, instead of holdings."""

    names: Annotated[int, Field(ge=1, le=MOST)]
    weight_pct: Annotated[Decimal, Field(gt=0, le=100)]


class Exchanged(_Strict):
    """Part of the capital that is kept as cash in another currency."""

    currency: Currency
    weight_pct: Annotated[Decimal, Field(gt=0, le=100)]


class Carried(_Strict):
    """A line of any security type that comes on top of the capital and that nothing trades.

    `price` stands still, follows the market's of `conid`, or is missing (null). `average_cost` is the broker's: of one
    unit, multiplier included.
    """

    conid: Annotated[int, Field(gt=0)]
    description: str
    security_type: str
    quantity: Decimal
    price: Decimal | Literal["market"] | None
    average_cost: Decimal = Decimal(0)
    currency: Currency = DOLLAR
    multiplier: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    model: str = ""

    @model_validator(mode="after")
    def market_has_it(self) -> Self:
        known = stock(self.description)
        if self.price == "market" and (known is None or known.conid != self.conid):
            raise ValueError(
                f"{self.description}: no stock of this world under {self.conid}, so it has no market price"
            )
        return self


class Accrued(_Strict):
    """Announced and earned, not yet paid; part of the account's value in its base currency."""

    dividends: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)


class Payer(_Strict):
    """A dividend of `yield_pct` a year, in equal parts each so many sessions, to who holds when the session opens."""

    symbol: Known
    yield_pct: Annotated[Decimal, Field(gt=0, le=100)]
    every_sessions: Annotated[int, Field(ge=1, le=300)]


class Opening(_Strict):
    """What one account starts with: holdings one by one, or spread evenly. The capital is in the base currency.

    Holdings may cost more than the capital by what is `borrowed_pct` of it.
    """

    account: Annotated[str, Field(pattern=r"^DU\d{7}$")]
    starting_capital: Annotated[Decimal, Field(gt=0)]
    holdings: tuple[Holding, ...] = ()
    cash: tuple[Exchanged, ...] = ()
    spread: Spread | None = None
    carried: tuple[Carried, ...] = ()
    accrued: Accrued = Accrued()
    borrowed_pct: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(0)

    @model_validator(mode="after")
    def within_the_whole(self) -> Self:
        if self.holdings and self.spread is not None:
            raise ValueError("give holdings or spread, not both")
        listed = [holding.symbol for holding in self.holdings] + [one.currency for one in self.cash]
        twice = sorted({name for name in listed if listed.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} listed more than once")
        weights = [holding.weight_pct for holding in self.holdings] + [one.weight_pct for one in self.cash]
        total, most = sum(weights, Decimal(0)), 100 + self.borrowed_pct
        if total > most:
            raise ValueError(f"weights sum to {total} %, at most {most} %")
        return self


class Scenario(Opening):
    """The first account, and `others` of the same login, all of one type and bought on the same day.

    `dividends` are paid to every account from that day on.

    `groups` are names beside the accounts that are none, such as All. A `young` login has no statements yet, and
    so no performance.
    """

    name: str
    description: str
    currency: Currency
    account_type: Literal["margin", "cash"]
    bought_sessions_before: Annotated[int, Field(ge=1, le=300)]
    others: tuple[Opening, ...] = ()
    groups: tuple[str, ...] = ()
    young: bool = False
    dividends: tuple[Payer, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @property
    def openings(self) -> tuple[Opening, ...]:
        return (self, *self.others)

    @model_validator(mode="after")
    def accounts_differ(self) -> Self:
        if len({one.account for one in self.openings}) <= len(self.others):
            raise ValueError("an account is listed more than once")
        return self

    @model_validator(mode="after")
    def lines_have_rates(self) -> Self:
        for line in (line for opening in self.openings for line in opening.carried):
            if line.currency not in (self.currency, DOLLAR):
                raise ValueError(f"{line.description} is in {line.currency}: give {self.currency} or {DOLLAR}")
        return self

    @model_validator(mode="after")
    def cash_is_in_other_currencies(self) -> Self:
        kept = {one.currency for opening in self.openings for one in opening.cash}
        if self.currency in kept:
            raise ValueError(f"cash in {self.currency} is what is left of the capital")
        if kept and self.currency == DOLLAR:
            raise ValueError("there are no exchange rates for an account in USD")
        return self


def scenario_file(name: str) -> Path:
    """A scenario by the name under which it comes with the simulator, or any file."""
    shipped = SCENARIOS / f"{name}.yaml"
    return shipped if shipped.parent == SCENARIOS and shipped.is_file() else Path(name)


def load_scenario(path: Path) -> Scenario:
    """Raises: StartError with one line naming the file and the field."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartError(f"scenario {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise StartError(f"scenario {path}: not YAML ({str(error).splitlines()[0]})") from error
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "scenario"
        raise StartError(f"scenario {path.name}: {where}: {first['msg']}") from error
