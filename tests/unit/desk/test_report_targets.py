"""The report says where the account is going, what keeps it from there, and when the way back from a fall goes on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from app.commands.terminal import show_report
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.policy import Policy, RecoveryMode
from tests.support.fakes import FakeCalendar, Office, policy
from tests.support.world import TODAY
from tests.support.worlds import changed

CALM = ("cut_losers", "sector_rotation", "reinforce_winners", "rebalance")


def calm(**changes: object) -> Policy:
    rules = policy()
    for name in CALM:
        rules = changed(rules, f"strategies.{name}.enabled", False)
    for path, value in changes.items():
        rules = changed(rules, path.replace("__", "."), value)
    return rules


async def fallen(office: Office) -> dict[str, Any]:
    """The report of the day on which everything is worth less by two fifths."""
    await run_daily(office.desk(), RunRequest())
    office.world.next_day(TODAY + timedelta(days=1))
    office.broker.orders.clear()
    held = office.world.positions
    for number, position in held.items():
        held[number] = replace(position, price=position.price * Decimal("0.6"))
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    return dict(report)


def on_screen(report: Mapping[str, Any]) -> str:
    console = Console(width=300, record=True)
    show_report(console, report)
    return console.export_text()


async def test_after_a_fall_the_report_says_when_it_goes_on(office: Office) -> None:
    office.policy = calm()
    report = await fallen(office)
    told, today = report["targets"]["recovery"], TODAY + timedelta(days=1)
    rules = office.policy.recovery
    assert (told["began"], told["acted"], told["rebased"]) == (today.isoformat(), today.isoformat(), None)
    assert told["cap"] == pytest.approx(told["left"])
    since = {name: FakeCalendar().sessions_between(today, date.fromisoformat(told[name])) for name in (
        "mark_earliest", "mark_latest", "next_step", "ends",
    )}  # fmt: skip
    assert since["mark_earliest"] == since["next_step"] == rules.after_sessions
    assert since["mark_latest"] == rules.most_sessions
    assert since["ends"] == rules.most_sessions + 3 * rules.every_sessions
    text = on_screen(report)
    assert f"on the way back: fell {told['acted_at']:.1%} by {today}; up to {told['cap']:.1%} may be invested" in text
    assert f"falls are counted anew from {told['mark_earliest']} on where the trend is no bear" in text
    assert f"next step: up to {told['next_cap']:.1%} on {told['next_step']} at the earliest" in text


async def test_an_account_that_waits_for_a_person_is_told_no_dates(office: Office) -> None:
    office.policy = calm(recovery__mode=RecoveryMode.PERSON)
    report = await fallen(office)
    told = report["targets"]["recovery"]
    assert (told["mark_latest"], told["next_step"], told["ends"]) == (None, None, None)
    assert "nothing is bought until a person resumes: `portfolio resume`" in on_screen(report)


async def test_a_target_that_nobody_can_buy_is_a_warning_of_the_run_and_of_the_report(office: Office) -> None:
    office.policy = calm(universe__max_volatility_30d=0.0001)
    said: list[str] = []
    report = (await run_daily(office.desk(), RunRequest(dry_run=True), progress=said.append)).report
    assert report is not None
    warnings = report["targets"]["warnings"]
    assert warnings
    assert all("cannot be bought: " in one and "universe.max_volatility_30d" in one for one in warnings)
    assert [line for line in said if line.startswith("warning: ")] == [f"warning: {one}" for one in warnings]
    assert f"WARNING: {warnings[0]}" in on_screen(report)
