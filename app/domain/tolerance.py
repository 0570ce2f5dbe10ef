"""How near to a limit counts as at it: what the sums of floats are off by, and nothing that anybody could trade on."""

TOLERANCE = 1e-9
_DIGITS = 9


def by_size(value: float) -> float:
    """What to sort a worked-out number by: those that only the last bits of their sums tell apart are equal."""
    return float(f"{value:.{_DIGITS}g}")
