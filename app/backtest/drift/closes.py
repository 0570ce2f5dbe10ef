"""Closes of one source held against those that were kept, each in the shares that were counted then."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from statistics import median

import numpy as np

from app.backtest.history import Dividend
from app.domain.market import PriceSeries

Closes = Mapping[date, float]

# Sessions whose median says in which shares a source counts.
_COMPARED = 20
# A relative difference below it is rounding.
_ROUNDING = 1e-4
# Where more of the closes differ, it is not the same series: another adjustment, or another name.
_MOST_REVISED = 1 / 3


@dataclass(frozen=True)
class Source:
    """Closes as they are given now, by conid and session."""

    name: str
    closes: Mapping[int, Closes]
    dividends: tuple[Dividend, ...] = ()
    others: set[int] = field(default_factory=set)

    def close(self, kept: PriceSeries, day: date) -> Decimal | None:
        """Of that session in the shares of `kept`; None where the source has none, or another series."""
        closes = self.closes.get(kept.conid, {})
        scale = self._scale(kept)
        if scale is None or day not in closes:
            return None
        return price_of(closes[day] * scale)

    def revised(self, kept: PriceSeries) -> PriceSeries | None:
        """`kept` with the closes of now; None where they are the same."""
        scale, closes = self._scale(kept), self.closes.get(kept.conid, {})
        if scale is None:
            return None
        now = np.array([closes.get(day, old / scale) * scale for day, old in zip(kept.dates, kept.closes, strict=True)])
        differs = np.abs(now / kept.closes - 1) > _ROUNDING
        if not differs.any():
            return None
        if differs.mean() > _MOST_REVISED:
            self.others.add(kept.conid)
            return None
        return replace(kept, closes=np.where(differs, now, kept.closes))

    def _scale(self, kept: PriceSeries) -> float | None:
        return scale(kept, self.closes.get(kept.conid, {}))


def scale(kept: PriceSeries, other: Closes) -> float | None:
    """Kept closes for one of the other's; None where they share no session."""
    both = [(old, other[day]) for day, old in zip(kept.dates, kept.closes.tolist(), strict=True) if day in other]
    ratios = [old / new for old, new in both[-_COMPARED:] if new > 0]
    if not ratios:
        return None
    found = median(ratios)
    return 1.0 if abs(found - 1) <= _ROUNDING else found


def by_day(series: PriceSeries) -> Closes:
    """Its closes by session."""
    return dict(zip(series.dates, series.closes.tolist(), strict=True))


def price_of(close: float) -> Decimal:
    """As fine as any tick."""
    return Decimal(f"{close:.4f}")
