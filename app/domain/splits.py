"""The usual ratios in which shares are split, either way."""

from fractions import Fraction

SPLITS = tuple(Fraction(n, d) for n, d in ((3, 2), (2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (10, 1), (20, 1)))
SPLIT_TOLERANCE = 0.03
BOTH_WAYS = tuple(wanted for ratio in SPLITS for wanted in (ratio, 1 / ratio))
_SIZES = tuple((wanted, float(wanted)) for wanted in BOTH_WAYS)


def split_ratio(value: float) -> Fraction | None:
    """The usual ratio that `value` or its inverse is close to."""
    return next((wanted for wanted, size in _SIZES if abs(value / size - 1) <= SPLIT_TOLERANCE), None)
