"""What was measured, offered, cut and chosen on real days, as it was before the day was one function."""

from datetime import date

import pytest

from app.domain.ruling import DayUse, KillLevel
from app.engine import DayDecision, decide
from app.risk import Today
from app.settings import load_policy, shipped_policy
from tests.support.sample import prices
from tests.support.told import digest, told
from tests.support.walk import Account

pytestmark = pytest.mark.real_prices

DAYS = 60
# Told by the code that composed measure, plans, gate and rules by hand.
RECORDED = [
    ("default_policy", date(2001, 3, 1), "a7f10a1fd7fbf1ea"),
    ("default_policy", date(2008, 8, 1), "c3857c9a35254784"),
    ("default_policy", date(2020, 2, 3), "8804cdc2a695f879"),
    ("aggressive_policy", date(2008, 8, 1), "9ab8d9a757b4755f"),
    ("conservative_policy", date(2001, 3, 1), "68f871c8209146a7"),
]


def text(decided: DayDecision) -> str:
    options = decided.options
    return told(decided.evaluation, options.feasible, options.refusals, options.default)


@pytest.mark.parametrize(("name", "first", "recorded"), RECORDED)
def test_a_walked_day_is_measured_offered_and_chosen_as_recorded(name: str, first: date, recorded: str) -> None:
    policy = load_policy(shipped_policy().with_name(f"{name}.yaml"))
    account, days = Account(prices().dates.index(first)), []
    for _ in range(DAYS):
        day = account.today()
        today = Today(policy, day.portfolio, day.market, day.navs, day.memory)
        decided = decide(today, DayUse(), KillLevel.ACTIVE)
        days.append(text(decided))
        account.carry_out(decided)
    assert digest(days) == recorded
