"""A day that only sells what it must is no HOLD to people, and is one in the JSON as before."""

import io

from rich.console import Console

from app.commands.events import event_words
from app.commands.terminal import show_report
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.plan import EXITS_ONLY, shown_as
from app.explain.difference import decided
from tests.support.fakes import Office, policy
from tests.support.worlds import changed

WITHOUT = ("cut_losers", "sector_rotation", "reinforce_winners", "rebalance")


def on_screen(width: int, show: object, told: object) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width), told)  # type: ignore[operator]  # either of the terminal's functions
    return out.getvalue()


async def test_a_day_whose_only_orders_are_exits_is_shown_as_exits_only(office: Office) -> None:
    rules = policy()
    for name in WITHOUT:
        rules = changed(rules, f"strategies.{name}.enabled", False)
    office.policy = rules
    outcome = await run_daily(office.desk(), RunRequest(dry_run=True))
    report = outcome.report
    assert report is not None
    assert [order["side"] for order in report["orders"]] == ["SELL"]
    assert (report["decision"]["action"], report["decision"]["shown_as"]) == ("HOLD", EXITS_ONLY)
    assert [(plan["action"], plan["shown_as"]) for plan in report["plans"]] == [("HOLD", EXITS_ONLY)]
    hold = next(one for one in report["explanations"] if one["action"] == "HOLD")
    assert (hold["standing"], hold["shown_as"]) == ("chosen", EXITS_ONLY)
    shown = on_screen(100, show_report, report)
    assert "EXITS ONLY, chosen by rules" in shown
    assert "HOLD" not in shown
    day = decided(report)
    assert (day.action, day.shown_as, day.offered_as) == ("HOLD", EXITS_ONLY, (EXITS_ONLY,))


def test_the_event_of_a_committed_plan_says_so_too() -> None:
    assert event_words("plan_committed", {"action": "HOLD", "intents": [{}], "fence": 1}) == EXITS_ONLY
    assert event_words("plan_committed", {"action": "HOLD", "intents": [], "fence": 1}) == "HOLD"


def test_only_hold_with_orders_has_another_name() -> None:
    assert shown_as("HOLD", 0) == "HOLD"
    assert shown_as("HOLD", 1) == EXITS_ONLY
    assert shown_as("CUT_LOSERS", 1) == "CUT_LOSERS"
