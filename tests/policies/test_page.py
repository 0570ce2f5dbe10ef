"""The pages of the shipped policies: each has its file's own targets, and no word that an interval does not show."""

import pytest

from app.backtest.result import Estimate
from app.settings import load_policy, shipped_policies
from tests.policies.page import FIGURES, PAGES, STOCKS, TARGETS, earned, targets, verdict, with_part


def test_every_shipped_policy_has_a_page_and_every_page_a_policy() -> None:
    assert {file.stem for file in PAGES.glob("*.md")} == set(shipped_policies())


@pytest.mark.parametrize("name", shipped_policies())
def test_the_targets_on_a_policys_page_are_those_of_its_file(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert with_part(text, TARGETS, targets(load_policy(shipped_policies()[name]))) == text
    parts = ("1991-2012", "2013-2022") if name in STOCKS else (FIGURES,)
    assert all(f"<!-- {part}: begin -->" in text for part in parts)
    assert "**Not for** " in text


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.01, 0.03, "more return"), (-0.03, -0.01, "less return"), (-0.01, 0.03, "not told apart"), (0.0, 0.03, "not")],
)
def test_only_an_interval_without_zero_says_anything(low: float, high: float, says: str) -> None:
    assert says in verdict(Estimate((low + high) / 2, low, high), "more return", "less return")


def test_a_rule_has_earned_only_where_the_interval_says_so() -> None:
    unsure, lower = Estimate(0.01, -0.01, 0.03), Estimate(-0.02, -0.03, -0.01)
    assert earned(unsure, unsure) == "not told apart"
    assert earned(lower, unsure) == "cost"
    assert earned(unsure, lower) == "made falls smaller"
    assert earned(Estimate(0.0, 0.0, 0.0), Estimate(0.0, 0.0, 0.0)) == "never acted"


def test_a_page_without_the_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part figures"):
        with_part("# A page", FIGURES, ["words"])
