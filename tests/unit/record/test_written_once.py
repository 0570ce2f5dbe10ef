"""What is nearly always as it was the day before is written once, and never in the place of something else."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest

from app.domain.kept import Same
from app.domain.navs import NavKind, NavPoint
from app.domain.policy import Policy
from app.record.capture import Inputs, Told, keep
from app.record.chunks import KeptInputs
from app.record.replay import read
from app.risk import Today
from tests.support.sample import default_policy
from tests.support.worlds import even, market, navs, sessions

POINT = NavPoint(sessions()[0], NavKind.CLOSE, Decimal("100.0"), index=0.0, peak=1.0)


@cache
def today() -> Today:
    return Today(default_policy(), even(), market(), navs())


def kept(day: Today, conceal: Callable[[str], str] = str) -> KeptInputs:
    return keep(Inputs(day), {}, Told({}, {}), conceal)


def with_values(point: NavPoint) -> Today:
    """Of so many days that they fill blocks."""
    return replace(today(), navs=tuple(replace(point, session_date=day) for day in sessions()[:70]))


@pytest.mark.parametrize("equal", [replace(POINT, nav=Decimal("100.00")), replace(POINT, index=-0.0)])
def test_values_that_are_equal_are_written_each_in_its_own_digits(equal: NavPoint) -> None:
    assert equal == POINT
    for point in (POINT, equal, POINT):
        again = read(kept(with_values(point))).inputs.today.navs
        assert {(str(each.nav), str(each.index)) for each in again} == {(str(point.nav), str(point.index))}


def test_a_policy_that_was_changed_is_another_with_another_hash() -> None:
    changed = default_policy().model_copy(update={"version": 3})
    hashes = {default_policy().hash, changed.hash}
    assert len(hashes) == 2
    for policy in (default_policy(), changed, default_policy()):
        assert _policy_in(kept(replace(today(), policy=policy))).version == policy.version
        assert policy.hash in hashes


def test_the_same_policy_under_another_key_is_concealed_anew() -> None:
    named = replace(today(), policy=default_policy().model_copy(update={"name": "of DU1234567"}))
    for other in ("one", "two", "one"):
        found = kept(named, _putting(other))
        assert _policy_in(found).name == f"of {other}"


def test_another_value_has_no_others_identity_while_that_is_kept() -> None:
    keys = {Same(["a list has no hash"]) for _ in range(100)}
    assert len(keys) == 100
    (first, *_) = keys
    assert Same(first.value) == first
    assert first != Same(list(first.value))


def _policy_in(found: KeptInputs) -> Policy:
    return read(found).inputs.today.policy


@cache
def _putting(other: str) -> Callable[[str], str]:
    return lambda text: text.replace("DU1234567", other)
