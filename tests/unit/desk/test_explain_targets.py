"""What `policy explain` says of targets, of the choice of names, and of the way back from a fall."""

from typing import Any

import pytest

from app.domain.policy import Policy, Score, Weighting
from tests.support.fakes import Office, policy
from tests.support.worlds import changed
from tests.unit.desk.test_explain_settings import reported, today

WAY_BACK: dict[str, Any] = {
    "mode": "staged",
    "began": "2026-10-01",
    "rebased": None,
    "cap": 0.45,
    "mark_earliest": "2026-12-01",
    "mark_latest": "2026-12-30",
    "next_step": "2026-12-01",
    "next_cap": 0.56,
}


def _rules(**fields: object) -> Policy:
    rules = policy()
    for path, value in fields.items():
        rules = changed(rules, path.replace("__", "."), value)
    return rules


async def test_fixed_targets_are_told_against_what_is_held(office: Office) -> None:
    report = await reported(office)
    held = next(row for row in report["portfolio"]["positions"] if row["symbol"] == "KO")["weight"]
    told = today(_rules(allocation__symbols={"KO": 0.05, "VTI": 0.1}), report)["allocation.symbols_pct"]
    assert told == f"KO {held:.1%} against 5.0%, VTI 0.0% against 10.0%"
    assert today(policy(), report)["allocation.symbols_pct"] == "no target of a single name"


async def test_how_many_names_of_each_sector_are_held_is_told(office: Office) -> None:
    report = await reported(office)
    sectors = [row["sector"] for row in report["portfolio"]["positions"]]
    told = today(_rules(allocation__selection__names=2), report)["allocation.selection.names"] or ""
    for each in told.removeprefix("held: ").split(" and ")[0].split(", "):
        count, _, sector = each.partition(" of ")
        assert int(count) == sectors.count(sector), each


async def test_who_joins_and_who_leaves_a_selection_is_told_by_a_run_under_that_policy(office: Office) -> None:
    rules = _rules(
        allocation__selection__names=1, allocation__selection__scores={Score.TREND: 1.0}, allocation__sectors={}
    )
    rules = changed(rules, "allocation.weighting", Weighting.EQUAL)
    words = today(rules, await reported(office, rules))
    assert words["allocation.selection.scores"] == words["allocation.selection.keep_ranks"]
    joins, _, leaves = (words["allocation.selection.scores"] or "").partition("; ")
    assert joins.startswith("to be bought: ")
    assert leaves.startswith("to be given up: ")
    assert leaves != "to be given up: none"
    assert (words["allocation.weighting"] or "").startswith("the largest targets: ")
    assert today(rules, await reported(office))["allocation.selection.scores"] == (
        "the newest run was made under another policy and does not tell"
    )


@pytest.mark.parametrize(
    ("found", "mode", "mark", "steps"),
    [
        (
            {},
            "on the way back since 2026-10-01: bought up to 45.0%",
            "falls count anew from 2026-12-01 where the trend is no bear, from 2026-12-30 in any case",
            "up to 56.0% on 2026-12-01 at the earliest, unless the account falls anew",
        ),
        (
            {"rebased": "2026-11-10"},
            "on the way back since 2026-10-01: bought up to 45.0%",
            "falls count from 2026-11-10",
            "up to 56.0% on 2026-12-01 at the earliest, unless the account falls anew",
        ),
        (
            {"mode": "person", "cap": 0.0, "mark_earliest": None, "mark_latest": None, "next_step": None},
            "on the way back since 2026-10-01: bought up to 0.0%; a person has to resume first",
            "falls count anew once a person has resumed",
            "no step before a person has resumed",
        ),
    ],
)
async def test_where_an_account_stands_on_its_way_back_is_told(
    office: Office, found: dict[str, Any], mode: str, mark: str, steps: str
) -> None:
    report = await reported(office)
    words = today(policy(), report | {"targets": {"recovery": WAY_BACK | found}})
    assert words["recovery.mode"] == mode
    assert words["recovery.after_sessions"] == words["recovery.most_sessions"] == mark
    assert words["recovery.step_pct"] == words["recovery.every_sessions"] == steps


async def test_without_a_fall_there_is_no_way_back(office: Office) -> None:
    words = today(policy(), await reported(office))
    assert {words[field] for field in words if field.startswith("recovery.")} == {
        "the account is on no way back from a fall"
    }
