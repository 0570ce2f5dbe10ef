"""How near to a limit counts as at it: what the sums of floats are off by, and nothing that anybody could trade on."""

TOLERANCE = 1e-9
_DIGITS = 9


def by_size(value: float) -> float:
    """What to sort a worked-out number by, nine digits of it, so that the last bits of a sum hardly ever decide."""
    return float(f"{value:.{_DIGITS}g}")
