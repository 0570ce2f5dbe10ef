"""First contacts on many days: the promises hold for every shipped policy, whatever the market did before."""

from datetime import date
from itertools import product

import pytest

from app.domain.policy import AdoptionMode
from tests.adoption.__main__ import STARTS, broken, measured
from tests.adoption.books import VARIANTS
from tests.adoption.starts import POLICIES, SESSIONS, meet, policy_named, row_of
from tests.support.thinning import thin

pytestmark = pytest.mark.real_prices

# Days on which something from before would act: a drawdown of a year, the bottom of two crashes.
HARD = (date(2008, 9, 2), date(2008, 10, 10), date(2020, 3, 16))
ADOPT, TRANSITION, NOW = AdoptionMode.ADOPT, AdoptionMode.TRANSITION, AdoptionMode.NOW


def test_the_first_days_are_quiet_whenever_a_policy_meets_a_book() -> None:
    rows = list(measured(6, 30, ADOPT, ["twelve"]))
    assert len(rows) == 6 * len(POLICIES)
    assert [text for row in rows for text in broken(row)] == []


@pytest.mark.parametrize("on", HARD)
def test_what_a_market_did_before_sells_nothing(on: date) -> None:
    for name, way in zip(POLICIES, meet([policy_named(name) for name in POLICIES], on, sessions=3), strict=True):
        assert broken(row_of(way, on, name, "twelve")) == ()


@pytest.mark.parametrize(("book", "on"), thin(product(VARIANTS, (date(2013, 6, 3), *HARD)), every=11))
@pytest.mark.parametrize("mode", [ADOPT, TRANSITION])
def test_other_books_are_met_as_quietly(book: str, on: date, mode: AdoptionMode) -> None:
    policies = [policy_named(name, mode) for name in POLICIES]
    for name, way in zip(POLICIES, meet(policies, on, book, 10), strict=True):
        assert broken(row_of(way, on, name, book)) == ()


@pytest.mark.long
def test_sixty_starts_keep_every_promise_for_a_year() -> None:
    rows = list(measured(STARTS, SESSIONS, ADOPT, ["twelve"]))
    assert len(rows) == STARTS * len(POLICIES)
    assert [text for row in rows for text in broken(row)] == []
