"""No shipped policy is trapped: a sample of the worlds in every run, all of them with `make way-back`."""

from collections.abc import Iterator

import pytest

from app.backtest.synthetic.markets import MARKETS
from app.settings import shipped_policies
from tests.support.thinning import thin
from tests.way_back.worlds import World, all_worlds, is_of_stocks, lead, policy_named

STOCKS = tuple(name for name in shipped_policies() if is_of_stocks(policy_named(name)))
FUNDS = tuple(name for name in shipped_policies() if name not in STOCKS)


def _few() -> Iterator[World]:
    for number, market in enumerate(MARKETS):
        yield World(market, "0", (STOCKS[number % len(STOCKS)],), "even")
        yield World(market, "0", (FUNDS[number % len(FUNDS)],), "all_cash")


@pytest.mark.parametrize("world", thin(_few(), every=4), ids=lambda one: f"{one.suite}-{one.policies[0]}")
def test_no_drawn_market_traps_a_policy(world: World) -> None:
    for row in lead(world):
        assert row.broken == ()


@pytest.mark.real_prices
def test_a_year_from_a_day_of_the_sample_keeps_every_promise() -> None:
    for row in lead(World("starts", "2008-06-02", STOCKS[-1:], "all_cash", 150)):
        assert row.broken == ()


@pytest.mark.long
@pytest.mark.real_prices
def test_no_world_of_a_small_sample_traps_a_policy() -> None:
    """As `make way-back`, with fewer seeds."""
    for world in all_worlds(12, 3, 1, tuple(shipped_policies())):
        for row in lead(world):
            assert row.broken == ()
