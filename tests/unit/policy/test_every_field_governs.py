"""Every field of the policy changes what is ordered, refused, sent or told; a new field needs a pair that shows it."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from app.domain.policy import Policy
from app.domain.policy.problems import all_fields, problems
from tests.support.fakes import Office
from tests.unit.policy.pairs import QUIET, DayPair, Pair, differing, document
from tests.unit.policy.pairs_decided import DECIDED
from tests.unit.policy.pairs_traded import DAYS, EXECUTION, SINGLE, TOLD

pytestmark = pytest.mark.slow

PURE = {**DECIDED, **EXECUTION, **TOLD}


def policies(field: str, pair: Pair | DayPair, *base: dict[str, object]) -> tuple[Policy, Policy]:
    """The two; they differ in that field and in no other."""
    first, second = (
        Policy.model_validate(document(*base, pair.base, {field: value})) for value in (pair.first, pair.second)
    )
    assert differing(first, second) == {field.removesuffix("_pct")}
    return first, second


@pytest.mark.parametrize("field", tuple(all_fields()))
def test_every_field_of_the_schema_has_exactly_one_pair(field: str) -> None:
    assert [field in pairs for pairs in (PURE, DAYS, SINGLE)].count(True) == 1


def test_no_pair_is_of_a_field_that_is_not_in_the_schema() -> None:
    assert {*PURE, *DAYS, *SINGLE} <= set(all_fields())


@pytest.mark.parametrize("field", sorted(PURE))
def test_two_policies_that_differ_in_one_field_decide_differently(field: str) -> None:
    pair = PURE[field]
    first, second = policies(field, pair, dict(QUIET))
    assert pair.outcome(first) == pair.outcome(first)
    assert pair.outcome(first) != pair.outcome(second)


@pytest.mark.parametrize("field", sorted(DAYS))
async def test_two_policies_that_differ_in_one_field_have_different_days(
    field: str, office_of: Callable[[Policy], Office]
) -> None:
    pair = DAYS[field]
    first, second = policies(field, pair, {"execution.follow_seconds": 0})
    day = await pair.day(office_of(first))
    assert day == await pair.day(office_of(first))
    assert day != await pair.day(office_of(second))


@pytest.mark.parametrize("field", sorted(SINGLE))
def test_a_field_with_one_value_refuses_every_other(field: str) -> None:
    accepted, refused = SINGLE[field]
    Policy.model_validate(document({field: accepted}))
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(document({field: refused}))
    assert problems(caught.value)[0].startswith(f"{field}: ")
