"""What the portfolio should look like: fixed weights, then classes, then sectors, then the names of each."""

from enum import StrEnum

from pydantic import Field, StrictFloat, StrictInt

from app.domain.policy.fields import CASH, Percent, Section, Symbol
from app.domain.totals import total_of


class Frequency(StrEnum):
    """How often drift may be corrected."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"

    @property
    def sessions(self) -> int:
        """Trading sessions between two corrections."""
        return {"daily": 1, "weekly": 5, "monthly": 21, "quarterly": 63}[self.value]


class Score(StrEnum):
    """What ranks names, from their closes alone; higher is better.

    `momentum_12_1`: return over the 252 sessions that ended 21 sessions ago. `low_volatility`: minus the volatility of
    63 daily returns. `trend`: the last close against the average of 200. `near_high`: the last close against the
    highest of 252.
    """

    MOMENTUM_12_1 = "momentum_12_1"
    LOW_VOLATILITY = "low_volatility"
    TREND = "trend"
    NEAR_HIGH = "near_high"


class Selection(Section):
    """Which names of a sector, or of a class without sectors, are held.

    Without `names` those that are held answer for it, and others only where their limits leave too little room.
    `scores` ranks, each by its share of the whole; a name that is held stays until it is `keep_ranks` behind.
    """

    names: StrictInt | None = Field(default=None, ge=1)
    scores: dict[Score, StrictFloat] = Field(default_factory=dict)
    keep_ranks: StrictInt = Field(default=2, ge=0)


class Weighting(StrEnum):
    """How a sector's or class's weight is shared by its names.

    `as_held` keeps the proportions that there are. `min_variance`, `risk_parity` and `hrp` need the extra `optimise`.
    """

    AS_HELD = "as_held"
    EQUAL = "equal"
    INVERSE_VOLATILITY = "inverse_volatility"
    SCORE = "score"
    MIN_VARIANCE = "min_variance"
    RISK_PARITY = "risk_parity"
    HRP = "hrp"


class Allocation(Section):
    """Target weights as fractions of NAV. Without `sectors`, what a class gets is spread over its names.

    `symbols` by name or fund; `asset_classes` by asset class and "CASH", the `symbols` in them; `sectors` by GICS
    sector, of the stocks without those in `symbols`.
    """

    # Named here and not in PERCENT_FIELDS: the universe has lists of the same names.
    symbols: dict[Symbol, Percent] = Field(default_factory=dict, validation_alias="symbols_pct")
    asset_classes: dict[str, Percent] = Field(default_factory=dict, validation_alias="asset_classes_pct")
    sectors: dict[str, Percent] = Field(default_factory=dict, validation_alias="sectors_pct")
    selection: Selection = Selection()
    weighting: Weighting = Weighting.AS_HELD
    drift_threshold: Percent = Field(default=5)
    frequency: Frequency = Frequency.MONTHLY

    @property
    def invested(self) -> float:
        """What the targets invest in all; 0 where there are none."""
        # Sorted: however a file or a record orders them, the sum is the same to the bit.
        classes = total_of(sorted(target for name, target in self.asset_classes.items() if name != CASH))
        return classes or total_of(sorted((*self.symbols.values(), *self.sectors.values())))
