"""Books that people bring, each met and led for nine weeks: what a sensible person expects holds."""

import pytest

from tests.adoption.scenarios import broken, run, scenarios

pytestmark = pytest.mark.real_prices


@pytest.mark.parametrize("name", scenarios())
def test_a_book_is_met_as_a_sensible_person_would_expect(name: str) -> None:
    scenario = scenarios()[name]
    assert list(broken(scenario, run(scenario))) == []
