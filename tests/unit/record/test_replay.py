"""A day that was kept is decided again from its chunks alone, and comes to the same."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.decision.asking import choice_of
from app.domain.ruling import Cause, DayUse, KillLevel
from app.engine import decide
from app.record.capture import Inputs, Told, keep, outcome_of
from app.record.chunks import KeptInputs
from app.record.compare import first_difference
from app.record.replay import decide_again, read
from app.risk import Today
from tests.support.sample import default_policy, prices
from tests.support.walk import Account
from tests.unit.decision.test_plan_properties import WORLDS
from tests.unit.risk.drawn import World

pytestmark = pytest.mark.slow

CAUSES = (Cause("daily_loss", date(2020, 3, 2), 0.04, 0.03), Cause("var_95_1d", date(2020, 3, 3), 0.031, 0.03))
TOLD = Told({"run_id": "run_1", "book": "DU1234567"}, {"version": "1"})


def conceal(text: str) -> str:
    return text.replace("DU1234567", "account-0")


def kept_day(inputs: Inputs) -> KeptInputs:
    """As the desk keeps it."""
    day = decide(inputs.today, inputs.use, inputs.level, inputs.causes)
    choice = day.options.default
    if inputs.exchange is not None:
        choice = choice_of(day.options.choosable, choice, inputs.exchange.model, inputs.exchange.answer or "")
    return keep(inputs, outcome_of(day.evaluation, day.level, day.options, choice, inputs.exchange), TOLD, conceal)


@settings(max_examples=15)
@given(WORLDS, st.sampled_from(list(KillLevel)), st.sampled_from([None, (), CAUSES]))
def test_a_drawn_day_is_read_as_it_was_and_comes_to_the_same(
    world: World, level: KillLevel, causes: tuple[Cause, ...] | None
) -> None:
    inputs = Inputs(world.today(), world.day, level, causes)
    kept = kept_day(inputs)
    record = read(kept)
    today = inputs.today
    assert record.inputs.today.memory == today.memory
    assert record.inputs.today.navs == today.navs
    assert record.inputs.today.portfolio == replace(today.portfolio, account="account-0")
    assert record.inputs.today.policy == today.policy
    assert first_difference(record.outcome, decide_again(record.inputs)) is None
    assert keep(record.inputs, record.outcome, record.told, conceal) == kept


@pytest.mark.real_prices
def test_walked_days_of_real_prices_come_to_the_same() -> None:
    account = Account(prices().dates.index(date(2008, 9, 2)))
    for _ in range(15):
        day = account.today()
        today = Today(default_policy(), day.portfolio, day.market, day.navs, day.memory)
        record = read(kept_day(Inputs(today, DayUse(1, Decimal("12.50")), KillLevel.ACTIVE, ())))
        assert first_difference(record.outcome, decide_again(record.inputs)) is None
        account.carry_out(decide(today, DayUse(), KillLevel.ACTIVE))
