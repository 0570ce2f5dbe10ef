"""The shipped policies where a person begins: money in an account, and instruments that the policy names."""

from decimal import Decimal

import pytest

from app.backtest.assumptions import Assumptions
from app.backtest.books import cash_book
from app.backtest.replay import WARM_UP, Replayed, replay
from app.backtest.synthetic.draw import draw
from app.backtest.synthetic.names import NAMES
from app.domain.order import Side
from app.domain.policy.fields import CASH
from app.settings import load_policy, shipped_policies
from tests.support.thinning import thin

SESSIONS = 10
MARKETS = [("collapse", seed) for seed in range(6)] + [("slow_bear", seed) for seed in range(6)]


def begun(name: str, seed: int) -> tuple[Replayed, ...]:
    """Ten sessions of each shipped policy that begin with money alone."""
    market = draw(name, seed, NAMES["all"])
    book = cash_book(market, WARM_UP - 1, Decimal(100_000))
    policies = [load_policy(file) for file in shipped_policies().values()]
    return replay(policies, market, book, Assumptions(), market.dates[WARM_UP], market.dates[WARM_UP + SESSIONS])


@pytest.mark.parametrize(("market", "seed"), thin(MARKETS, 6))
def test_money_alone_is_four_fifths_of_its_way_to_the_targets_within_ten_sessions(market: str, seed: int) -> None:
    for way in begun(market, seed):
        targets = way.policy.allocation
        wanted = sum(share for kind, share in targets.asset_classes.items() if kind != CASH)
        allowed = min(day.allowed for day in way.days)
        assert float(way.exposure[-1]) >= 0.8 * min(wanted, allowed), way.policy.name
        assert not any(done.order.side is Side.SELL for done in way.done), way.policy.name
