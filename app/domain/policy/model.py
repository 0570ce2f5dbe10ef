"""The investment policy: every field governs behaviour, an unknown field is an error.

Percent exists in the file only: fields named `…_pct` there become fractions here, without the suffix.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from app.domain.instrument import AssetClass
from app.domain.kept import Same
from app.domain.policy.adoption import AdoptionRules
from app.domain.policy.allocation import Allocation
from app.domain.policy.answers import Answers
from app.domain.policy.fields import Amount, ClockTime, Gain, Percent, Section, Sector, Symbol
from app.domain.policy.recovery import RecoveryRules
from app.domain.policy.tax import Tax


class RiskTolerance(StrEnum):
    """The investor's own word for it; shown in reports and checked against the limits."""

    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    AGGRESSIVE = "aggressive"


class Investor(Section):
    """Whose money it is."""

    risk_tolerance: RiskTolerance
    horizon_years: StrictInt = Field(ge=1, le=60)


class Universe(Section):
    """What may be held. Empty `sectors` admits every sector; `restricted` names are never ordered.

    `max_volatility_30d` is annualised; caps and volumes bind only buys. `sector_of` comes before what anybody else says
    of a name's sector.
    """

    asset_classes: tuple[AssetClass, ...] = (AssetClass.STOCK, AssetClass.ETF)
    symbols: tuple[Symbol, ...] = Field(min_length=1)
    sectors: tuple[str, ...] = ()
    restricted: tuple[Symbol, ...] = ()
    diversified_funds: tuple[Symbol, ...] = ()
    sector_of: dict[Symbol, Sector] = Field(default_factory=dict)
    min_market_cap: Amount = Field(default=Decimal(0), ge=0)
    min_average_volume: Amount = Field(default=Decimal(0), ge=0)
    max_volatility_30d: Percent = Field(default=100)

    def __hash__(self) -> int:
        """What follows from it is kept by it."""
        return hash((self.symbols, self.restricted, self.sectors, tuple(self.sector_of)))


class RiskLimits(Section):
    """Ceilings as fractions of NAV (`min_cash_reserve` is a floor); above `correlation` names move as one."""

    max_drawdown: Percent = Field(default=15)
    max_position: Percent = Field(default=15)
    max_diversified_fund: Percent = Field(default=40)
    max_sector: Percent = Field(default=40)
    max_annual_volatility: Percent = Field(default=20)
    max_var_95_1d: Percent = Field(default=3)
    max_daily_loss: Percent = Field(default=5)
    max_correlated: Percent = Field(default=30)
    correlation: StrictFloat = Field(default=0.7, gt=0, le=1)
    min_cash_reserve: Percent = Field(default=10)
    max_exposure: Percent = Field(default=90)


class DrawdownAction(StrEnum):
    """What a drawdown beyond its limit does."""

    REDUCE = "reduce"
    CUT_LOSERS = "cut_losers"
    HOLD = "hold"


class Exits(Section):
    """Mandatory sales, on price-only return since the adoption or the purchase, where that is later.

    `drawdown_exposure` is what `reduce` reduces to. The stop is never nearer than `volatility_multiple` times a name's
    monthly volatility; 0 is off. A `take_profit_sell` of 0 takes no profit.
    """

    stop_loss: Percent = Field(default=15)
    volatility_multiple: StrictFloat = Field(default=3, ge=0, le=20)
    take_profit: Gain = Field(default=50)
    take_profit_sell: Percent = Field(default=25)
    drawdown_action: DrawdownAction = DrawdownAction.HOLD
    drawdown_exposure: Percent = Field(default=50)

    @property
    def takes_profit(self) -> bool:
        return self.take_profit_sell > 0


class TrendFilter(StrEnum):
    """The market regimes in which a strategy may act."""

    ANY = "any"
    NOT_BEAR = "not_bear"
    BULL = "bull"


class Reinforce(Section):
    """Add to winners."""

    enabled: StrictBool = True
    trigger_gain: Gain = Field(default=20)
    add: Percent = Field(default=25)
    max_times: StrictInt = Field(default=2, ge=0)
    min_sessions_between: StrictInt = Field(default=20, ge=1)
    require_trend: TrendFilter = TrendFilter.NOT_BEAR
    min_sentiment: StrictFloat | None = Field(default=None, ge=-1, le=1)


class RotationTrigger(StrEnum):
    """When sectors are compared: on every change of their ranking's leader or laggard, or once a period."""

    REGIME_CHANGE = "regime_change"
    PERIOD = "period"


class Rotate(Section):
    """Move from the weakest sector held to the preferred one, by return over `evaluation_sessions`."""

    enabled: StrictBool = True
    trigger: RotationTrigger = RotationTrigger.REGIME_CHANGE
    evaluation_sessions: StrictInt = Field(default=63, ge=20, le=252)
    move: Percent = Field(default=5)
    preferred_sectors: tuple[str, ...] = ()
    require_trend: TrendFilter = TrendFilter.ANY


class CutLosers(Section):
    """Sell what lost more than `trigger_loss`, before the stop does; `volatility_multiple` as of the stop."""

    enabled: StrictBool = True
    trigger_loss: Percent = Field(default=10)
    volatility_multiple: StrictFloat = Field(default=2, ge=0, le=20)
    sell: Percent = Field(default=100)


class Rebalance(Section):
    """Correct drift towards the attainable targets."""

    enabled: StrictBool = True


class Strategies(Section):
    """The discretionary actions. `cool_down_sessions`: a name sold at a loss is not bought back for so long.

    Within `min_holding_sessions` what was bought is sold by exits alone, and what was sold is not bought.
    """

    reinforce_winners: Reinforce = Reinforce()
    sector_rotation: Rotate = Rotate()
    cut_losers: CutLosers = CutLosers()
    rebalance: Rebalance = Rebalance()
    cool_down_sessions: StrictInt = Field(default=31, ge=0)
    min_holding_sessions: StrictInt = Field(default=21, ge=0)


class VixBand(Section):
    """At or above `vix` points the invested share may not exceed `max_exposure`."""

    vix: StrictFloat = Field(gt=0)
    max_exposure: Percent


class MarketRules(Section):
    """What the market's state allows. Thresholds are the index's distance from its 200-session average.

    A band, once entered, is left only `vix_hysteresis` points below its edge.
    """

    vix_bands: tuple[VixBand, ...] = ()
    vix_hysteresis: StrictFloat = Field(default=2, ge=0)
    bull_threshold: Percent = Field(default=2)
    bear_threshold: Percent = Field(default=5)
    bear_exposure: Percent = Field(default=70)

    @model_validator(mode="after")
    def _bands_tighten(self) -> "MarketRules":
        edges = [band.vix for band in self.vix_bands]
        caps = [band.max_exposure for band in self.vix_bands]
        if edges != sorted(set(edges)) or caps != sorted(caps, reverse=True):
            raise ValueError("vix_bands must rise in vix and fall in max_exposure_pct")
        return self


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    IOC = "IOC"


class Fx(StrEnum):
    """What becomes of a buy that the cash in its own currency does not cover: none is made, or it is cut to that cash.

    `convert` would exchange money first; no such order exists, and a policy that asks for it is refused.
    """

    REFUSE = "refuse"
    HOLD = "hold"
    CONVERT = "convert"


_LARGEST_ORDER = frozenset({"max_order_value", "max_order_nav_pct", "max_order_volume_pct"})


class Execution(Section):
    """How orders are made and what a day may use. Order values in base currency, times of the exchange.

    The largest order is the tightest of `max_order_value`, `max_order_nav` (of NAV) and `max_order_volume` (of a day's
    average volume) that are named; the smallest is the smaller of `min_order_value` and `min_order_nav`.

    `answer_questions`: the broker's question → the most it is confirmed for, None where another field bounds it.
    """

    order_type: str = Field(default="LMT", pattern="^LMT$")
    limit_offset: Percent = Field(default=0.1)
    time_in_force: TimeInForce = TimeInForce.DAY
    min_order_value: Amount = Field(default=Decimal(500), ge=0)
    min_order_nav: Percent | None = Field(default=None)
    max_order_value: Amount | None = Field(default=None, gt=0)
    max_order_nav: Percent | None = Field(default=None)
    max_order_volume: Percent | None = Field(default=None)
    max_orders_per_day: StrictInt = Field(default=20, ge=1)
    max_turnover: Percent = Field(default=30)
    price_collar: Percent = Field(default=3)
    max_price_jump: Percent = Field(default=15)
    max_quote_age_seconds: StrictInt = Field(default=15, ge=1)
    allow_delayed_quotes: StrictBool = False
    trade_from: ClockTime = time(9, 30)
    trade_until: ClockTime = time(16, 0)
    avoid_open_minutes: StrictInt = Field(default=15, ge=0, le=180)
    avoid_close_minutes: StrictInt = Field(default=15, ge=0, le=180)
    latest_start: ClockTime = time(15, 30)
    slots: dict[str, ClockTime] = Field(default_factory=dict)
    max_share_of_volume: Percent = Field(default=1)
    max_commission: Percent = Field(default=1)
    follow_seconds: StrictInt = Field(default=60, ge=0)
    fx: Fx = Fx.REFUSE
    answer_questions: Answers = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _some_largest_order(cls, values: object) -> object:
        """A file that names no bound has the one of before there was a choice."""
        if not isinstance(values, Mapping) or _LARGEST_ORDER & values.keys():
            return values
        return {**values, "max_order_value": 25000}

    @model_validator(mode="after")
    def _has_a_largest_order(self) -> "Execution":
        if self.max_order_value is None and self.max_order_nav is None and self.max_order_volume is None:
            raise ValueError(f"one of {', '.join(sorted(_LARGEST_ORDER))} must be given: nothing else bounds an order")
        return self


class ApprovalScope(StrEnum):
    """Which orders wait for a person."""

    DISCRETIONARY = "discretionary"
    ALL = "all"


class Mode(StrEnum):
    """How far a run may go, strictest first."""

    PREVIEW = "preview"
    APPROVE = "approve"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return list(Mode).index(self)


class Approval(Section):
    """Whether orders wait for a person, which of them, and for how long."""

    mode: Mode = Mode.AUTO
    scope: ApprovalScope = ApprovalScope.DISCRETIONARY
    expires_minutes: StrictInt = Field(default=120, ge=1)
    price_tolerance: Percent = Field(default=2)
    review_after_runs: StrictInt = Field(default=0, ge=0)


class Occasion(StrEnum):
    """What a person can be told about."""

    RUN_FAILED = "run_failed"
    NOT_READY = "not_ready"
    MISSED = "missed"
    HALTED = "halted"
    EXIT_BLOCKED = "exit_blocked"
    ORDER_UNCERTAIN = "order_uncertain"
    APPROVAL_NEEDED = "approval_needed"
    APPROVAL_EXPIRED = "approval_expired"
    REVIEW_DUE = "review_due"


class Notifications(Section):
    """Where and about what a person is told."""

    urls: tuple[str, ...] = ()
    on: tuple[Occasion, ...] = (
        Occasion.RUN_FAILED,
        Occasion.NOT_READY,
        Occasion.EXIT_BLOCKED,
        Occasion.ORDER_UNCERTAIN,
        Occasion.REVIEW_DUE,
    )


class Policy(Section):
    """One investor's rules, complete."""

    name: str = Field(min_length=1)
    version: StrictInt = Field(ge=1)
    currency: str = Field(pattern="^[A-Z]{3}$")
    investor: Investor
    universe: Universe
    risk_limits: RiskLimits = RiskLimits()
    exits: Exits = Exits()
    allocation: Allocation = Allocation()
    strategies: Strategies = Strategies()
    market: MarketRules = MarketRules()
    execution: Execution = Execution()
    approval: Approval = Approval()
    notifications: Notifications = Notifications()
    adoption: AdoptionRules = AdoptionRules()
    tax: Tax = Tax()
    recovery: RecoveryRules = RecoveryRules()

    @property
    def hash(self) -> str:
        """Identifies what the policy says, whatever its file looks like."""
        return _hash(Same(self))


@lru_cache(maxsize=64)
def _hash(policy: Same[Policy]) -> str:
    canonical: Any = policy.value.model_dump(mode="json")
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
