"""Between equal sales those at a loss come first; how much is sold, and what must be, stays as it is."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.decision import plans
from app.decision.tax import Tie, prefer
from app.domain.order import Order
from app.domain.plan import NO_MEMORY, Memory
from app.domain.policy import Policy, Preference
from app.domain.portfolio import Portfolio
from tests.support.worlds import conid, evaluate, even, market, policy

# Four names of Energy, 40 % of NAV, against a limit of 35 %.
NONE = policy(risk_limits__max_sector=0.35, strategies__cut_losers__enabled=False)
LOSSES = policy(risk_limits__max_sector=0.35, strategies__cut_losers__enabled=False, tax__prefer=Preference.LOSSES)


def orders(rules: Policy, account: Portfolio, memory: Memory = NO_MEMORY) -> tuple[Order, ...]:
    """Of every plan but their purchases, in the order in which the plans are offered."""
    found = plans(rules, account, market(), evaluate(rules, account), memory)
    return tuple(order for plan in found for order in plan.orders if order.side.sign < 0)


def sold(found: tuple[Order, ...], *, mandatory: bool = False) -> dict[str, Decimal]:
    return {one.instrument.symbol: one.quantity for one in found if one.mandatory is mandatory}


def test_a_sector_over_its_limit_is_brought_inside_by_what_is_at_a_loss() -> None:
    account = even(costs={"BB": 105})
    before, after = sold(orders(NONE, account)), sold(orders(LOSSES, account))
    assert len(before) == 4
    assert set(after) == {"BB"}
    assert sum(before.values()) - 4 <= sum(after.values()) <= sum(before.values()) + 4


def test_a_name_that_was_bought_within_thirty_days_is_not_preferred() -> None:
    account, lately = even(costs={"BB": 105}), replace(NO_MEMORY, bought={conid("BB"): 21})
    assert sold(orders(LOSSES, account, lately)) == sold(orders(NONE, account, lately))


def test_without_a_loss_nothing_changes() -> None:
    account = even(costs={"BB": 95})
    assert orders(LOSSES, account) == orders(NONE, account)


def test_a_mandatory_sale_is_the_same_whatever_is_preferred() -> None:
    account = even(costs={"BB": 105, "FF": 160})
    before, after = orders(NONE, account), orders(LOSSES, account)
    assert sold(before, mandatory=True) == sold(after, mandatory=True) == {"FF": Decimal(100)}


@settings(max_examples=100)
@given(
    st.dictionaries(st.integers(1, 8), st.floats(0.001, 0.2), min_size=1),
    st.frozensets(st.integers(1, 8)),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.1),
    st.floats(0.0, 0.02),
)
def test_as_much_is_sold_in_all_and_no_more_of_a_name_than_there_is_or_an_order_may_be(
    weights: dict[int, float], first: frozenset[int], excess: float, most: float, least: float
) -> None:
    found = prefer(weights, excess, Tie(first, dict.fromkeys(weights, most), least))
    total = sum(weights.values())
    shares = {conid: weight * min(1.0, excess / total) for conid, weight in weights.items()}
    assert sum(found.values()) == pytest.approx(min(excess, total))
    for one, value in found.items():
        assert -1e-12 <= value <= weights[one] + 1e-12
        assert value <= max(shares[one], most if one in first else 0.0) + 1e-12
        assert one not in first or value >= shares[one] - 1e-12
