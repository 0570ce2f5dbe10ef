"""What was measured, against which limit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.domain.instrument import Instrument
from app.domain.market import Trend
from app.domain.recovery import Recovery
from app.domain.totals import total_of

# From this multiple of its limit on a breach is CRITICAL.
CRITICAL_ABOVE = 1.25


class Severity(StrEnum):
    """How a value stands to its limit: below 0.8, up to 1, up to 1.25, above; or not computable."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"


_OVER = (Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Metric:
    """One measurement as a fraction. `value` is None where it cannot be computed, and `note` says why.

    A metric without a limit is shown beside the limited ones and breaches nothing. `acts_as` is the severity that the
    rules act upon where it is another: of a breach that was there when the account was taken over.
    """

    name: str
    value: float | None
    limit: float | None
    severity: Severity
    floor: bool = False
    note: str | None = None
    acts_as: Severity | None = None

    @property
    def breached(self) -> bool:
        """The limit is not met; an unknown value breaches nothing but blocks risk increases."""
        return self.severity in _OVER

    @property
    def acting(self) -> Severity:
        """The severity that the rules act upon."""
        return self.acts_as or self.severity

    @property
    def acts(self) -> bool:
        """The limit is not met, and not only by what was found when the account was taken over."""
        return self.acting in _OVER

    @property
    def is_inherited(self) -> bool:
        """The limit is not met, and only by what was found when the account was taken over."""
        return self.breached and not self.acts


class ExitRule(StrEnum):
    """Why a position, or a part of it, must or may be sold."""

    STOP_LOSS = "stop_loss"
    DRAWDOWN = "drawdown"
    LIMIT_BREACH = "limit_breach"
    TAKE_PROFIT = "take_profit"


@dataclass(frozen=True, slots=True)
class ExitDue:
    """A mandatory sale, with the value that triggered it and the threshold; `metric` names the breached limit.

    `fraction` of the position is sold once this rule and the rules before it are honoured: of several rules on one
    position the largest fraction holds. A name that may not be ordered today is listed like any other.
    """

    rule: ExitRule
    conid: int
    symbol: str
    fraction: float
    value: float
    threshold: float
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a weight is from its attainable target; all fractions of NAV."""

    kind: str
    name: str
    weight: float
    target: float
    attainable: float

    @property
    def difference(self) -> float:
        """Weight minus attainable target."""
        return self.weight - self.attainable


@dataclass(frozen=True, slots=True)
class ExposureCap:
    """One reason why the invested share may not exceed `limit`; `buys_only` where nothing is sold for it."""

    rule: str
    limit: float
    buys_only: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One portfolio measured against one policy. Ratios are fractions of NAV; `nav` in base currency.

    `weights` of what is managed, by conid; `drawdown` is None when no NAV history is known, never zero for want of
    data. `eligible` are the names that may be bought today, by symbol. `inherited`: breaches from before the account
    was taken over, which are worked off and not acted upon, each with how far it was over its limit then.
    `settled`: the account is where its targets want it, or was since it was taken over. `targets`: the target vector,
    by conid, of what is held and of what is to be bought. `recovery`: on the way back from a fall; `marked`: the
    session from which falls are counted, None from the adoption. `cap_rose`: the session since which more may be
    invested and no rebalance has been.
    """

    nav: Decimal
    cash_weight: float
    exposure: float
    weights: dict[int, float]
    sector_weights: dict[str, float]
    metrics: tuple[Metric, ...]
    drawdown: float | None
    exits_due: tuple[ExitDue, ...]
    drifts: tuple[Drift, ...]
    caps: tuple[ExposureCap, ...]
    trend: Trend | None
    vix: float | None
    eligible: tuple[Instrument, ...]
    inherited: Mapping[str, float] = field(default_factory=dict)
    settled: bool = False
    targets: Mapping[int, float] = field(default_factory=dict)
    recovery: Recovery | None = None
    marked: date | None = None
    cap_rose: date | None = None

    def metric(self, name: str) -> Metric:
        """The measurement of that name; KeyError for a name nobody measures."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)

    @property
    def drawdown_acted_at(self) -> float | None:
        """Where the drawdown action last acted in a fall from which the account has not begun to come back."""
        waits = self.recovery is not None and self.recovery.rebased is None
        return self.recovery.acted_at if self.recovery is not None and waits else None

    @property
    def managed_exposure(self) -> float:
        """What of the exposure the rules manage."""
        return total_of(abs(weight) for weight in self.weights.values())

    @property
    def max_exposure(self) -> float:
        """The tightest of all caps: up to it may be bought."""
        return min(cap.limit for cap in self.caps)

    @property
    def exposure_limit(self) -> float:
        """The tightest of the caps that are sold for."""
        return min(cap.limit for cap in self.caps if not cap.buys_only)

    @property
    def breaches(self) -> tuple[Metric, ...]:
        """Metrics over their limit."""
        return tuple(metric for metric in self.metrics if metric.breached)

    @property
    def acting_breaches(self) -> tuple[Metric, ...]:
        """Those that are acted upon."""
        return tuple(metric for metric in self.metrics if metric.acts)

    @property
    def risk_may_rise(self) -> bool:
        """Volatility index and trend are known, and so is every limited metric."""
        known = all(metric.severity is not Severity.UNKNOWN for metric in self.metrics if metric.limit is not None)
        return known and self.vix is not None and self.trend is not None


def position_key(conid: int) -> str:
    """What the breach of one name's limit is kept under."""
    return f"max_position:{conid}"


def sector_key(sector: str) -> str:
    """What the breach of one sector's limit is kept under."""
    return f"max_sector:{sector}"
