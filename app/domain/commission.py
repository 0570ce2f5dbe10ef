"""What Interactive Brokers takes for an order of US shares by its fixed pricing, in the instrument's currency."""

from decimal import Decimal

# In dollars: a euro or a pound is near enough where it is only estimated.
PER_SHARE, LEAST, LARGEST_SHARE = Decimal("0.005"), Decimal(1), Decimal("0.01")


def commission(
    quantity: Decimal,
    value: Decimal,
    per_share: Decimal = PER_SHARE,
    least: Decimal = LEAST,
    largest_share: Decimal = LARGEST_SHARE,
) -> Decimal:
    """Per share, at least `least` for an order, at most `largest_share` of its value; not rounded."""
    return min(max(quantity * per_share, least), value * largest_share)
