"""Which policies a sweep tries: every combination that makes one, and a word on each that makes none."""

import pytest

from app.backtest.sweep.candidates import Varied, candidates, told, varied
from app.domain.errors import UsageError
from app.settings import policy_values, shipped_policy

BASE = policy_values(shipped_policy())
STOP, CUT = "exits.stop_loss_pct", "strategies.cut_losers.trigger_loss_pct"


def test_a_range_has_both_its_ends_and_a_list_is_read_as_the_policy_file_is() -> None:
    assert varied("risk_limits.max_position_pct=5..25/5").values == (5, 10, 15, 20, 25)
    assert varied("risk_limits.correlation=0.5..0.7/0.1").values == (0.5, 0.6, 0.7)
    assert varied("strategies.rebalance.enabled=true,false").values == (True, False)
    assert varied("allocation.frequency=weekly,monthly").values == ("weekly", "monthly")
    assert varied("universe.sectors=[],[Energy, Health Care]").values == ([], ["Energy", "Health Care"])
    assert varied("strategies.reinforce_winners.min_sentiment=null,0.2").values == (None, 0.2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("strategies.cut_losers.triger_los_pct=8,10", "Did you mean strategies.cut_losers.trigger_loss_pct"),
        ("stop_loss_pct=8,10", "Did you mean exits.stop_loss_pct"),
        ("exits.stop_loss_pct", "names no values"),
        ("exits.stop_loss_pct=9..5/1", "A range rises"),
        ("exits.stop_loss_pct=5..9/0", "A range rises"),
        ("exits.stop_loss_pct=1..2/0.0000001", "Take a larger step"),
        ("exits.stop_loss_pct=5,5", "twice"),
        ("exits.stop_loss_pct=1.2.3..5/1", "no range"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_one_line_that_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        varied(text)


def test_a_grid_has_the_base_first_and_names_the_combinations_that_contradict_themselves() -> None:
    found = candidates(BASE, [Varied(STOP, (0, 20, 25)), Varied(CUT, (8, 10))], None, 0)

    assert [told(one.point) for one in found.valid] == [
        f"{STOP}=20, {CUT}=10",
        f"{STOP}=20, {CUT}=8",
        f"{STOP}=25, {CUT}=8",
        f"{STOP}=25, {CUT}=10",
    ]
    assert found.repeated == 1, "20 and 10 are the base's own"
    assert [told(one.point) for one in found.invalid] == [f"{STOP}=0, {CUT}=8", f"{STOP}=0, {CUT}=10"]
    assert "0 sells every position" in found.invalid[0].why
    assert {one.policy.exits.stop_loss for one in found.valid} == {0.2, 0.25}


def test_a_draw_is_of_the_grid_without_repetition_and_the_same_for_the_same_seed() -> None:
    fields = [Varied(STOP, tuple(range(11, 41))), Varied("execution.follow_seconds", tuple(range(1, 1001)))]
    one, same, other = (candidates(BASE, fields, 12, seed) for seed in (1, 1, 2))

    assert len(one.valid) == 13
    assert [c.point for c in one.valid] == [c.point for c in same.valid] != [c.point for c in other.valid]


def test_items_of_lists_and_targets_by_name_can_be_varied_and_the_base_stays_as_it_was() -> None:
    fields = [
        Varied("market.vix_bands.0.max_exposure_pct", (70, 75)),
        Varied("allocation.sectors_pct.Health Care", (21, 20)),
    ]
    found = candidates(BASE, fields, None, 0)

    assert {one.policy.market.vix_bands[0].max_exposure for one in found.valid[1:]} == {0.7, 0.75}
    assert BASE["market"]["vix_bands"][0]["max_exposure_pct"] == 80
    with pytest.raises(UsageError, match="has 3 of these"):
        candidates(BASE, [Varied("market.vix_bands.3.vix", (50.0,))], None, 0)


def test_a_field_named_twice_and_more_policies_than_anybody_waits_for_are_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        candidates(BASE, [Varied(STOP, (9,)), Varied(STOP, (10,))], None, 0)
    with pytest.raises(UsageError, match="--random"):
        candidates(BASE, [Varied("execution.follow_seconds", tuple(range(100_001)))], None, 0)
