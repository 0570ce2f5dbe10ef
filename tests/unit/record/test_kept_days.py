"""A year of three accounts comes out of its bundles as it was: nothing else is needed, and nobody's id is in them."""

import pytest

from app.record.bundle import write_bundle
from app.record.verification import Verdict, verify_bundle
from tests.support.kept_days import POLICIES, SESSIONS, bundle_of_day, kept_days

pytestmark = pytest.mark.real_prices
LARGEST = 250_000


@pytest.mark.parametrize("sessions", [3, pytest.param(SESSIONS, marks=pytest.mark.long)])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_day_is_decided_again_from_its_bundle_to_the_same(policy: str, sessions: int) -> None:
    days = 0
    for kept in kept_days(policy, sessions):
        data = write_bundle(bundle_of_day(kept))
        found = verify_bundle(data)
        assert (found.verdict, found.problems) == (Verdict.EQUAL, ())
        assert found.chunks == len(kept.chunks)
        assert len(data) <= LARGEST
        days += 1
    assert days == sessions
