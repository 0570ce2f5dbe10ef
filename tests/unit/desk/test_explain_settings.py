"""What a policy's settings come to on a day, and what two policies make of it, from reports alone."""

from decimal import Decimal
from typing import Any

import pytest

from app.commands.policy_comments import comments
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.policy import Mode, Policy
from app.domain.policy.fields import written
from app.domain.policy.problems import all_fields
from app.domain.unmanaged import UnmanagedHolding
from app.explain.difference import changes, decided
from app.explain.settings import noise, policy_fields
from app.settings import shipped_policy
from tests.support.fakes import Office, policy
from tests.support.worlds import changed

DOES = comments(shipped_policy().read_text(encoding="utf-8"))


async def reported(office: Office, rules: Policy | None = None) -> dict[str, Any]:
    """A preview of the made-up day, in which AAPL is past its stop, MSFT a loser and JPM a winner."""
    office.policy = rules or policy()
    result = await run_daily(office.desk(), RunRequest(dry_run=True))
    assert result.report is not None
    return dict(result.report)


def today(rules: Policy, report: dict[str, Any] | None) -> dict[str, str | None]:
    return {setting.field: setting.today for setting in policy_fields(rules, DOES, report)}


def unnumbered(path: str) -> str:
    return ".".join(part for part in path.split(".") if not part.isdigit())


def test_without_a_report_every_field_says_what_it_does_and_nothing_of_today() -> None:
    told = policy_fields(policy(), DOES, None)
    assert [setting.field for setting in told] == [path for path, _ in written(policy())]
    assert all(setting.does for setting in told)
    assert {setting.today for setting in told} == {None}


async def test_every_field_of_the_schema_is_told_what_it_does_and_what_it_comes_to_today(office: Office) -> None:
    told = policy_fields(policy(), DOES, await reported(office))
    assert {unnumbered(setting.field) for setting in told} == set(all_fields())
    for setting in told:
        assert setting.does, setting.field
        assert setting.today, setting.field
        assert "does not tell" not in setting.today, setting.field


async def test_the_frequency_says_how_long_drift_still_rests(office: Office) -> None:
    report = await reported(office)
    assert today(policy(), report)["allocation.frequency"] == "none is on record: drift may be corrected"
    report["memory"]["last_rotation"] = 8
    words = "the last rebalance or rotation was 8 sessions ago: drift rests 13 more"
    assert today(policy(), report)["allocation.frequency"] == words


async def test_what_a_measurement_leaves_out_is_told_with_it(office: Office) -> None:
    report = await reported(office)
    metric = next(m for m in report["evaluation"]["metrics"] if m["name"] == "var_95_1d")
    metric["note"] = "without the moves of USD against EUR: no history of exchange rates"
    assert (today(policy(), report)["risk_limits.max_var_95_1d_pct"] or "").endswith(f": LOW, {metric['note']}")


async def test_what_the_ledger_remembers_of_names_is_told(office: Office) -> None:
    report = await reported(office)
    report["memory"] |= {"sold_at_loss": {"BAC": 5, "GE": 40}, "reinforced": {"JPM": [3, 30]}}
    report["memory"]["profit_levels_taken"] = {"JPM": 1}
    taking = changed(changed(policy(), "exits.take_profit", 0.3), "exits.take_profit_sell", 0.25)
    words = today(taking, report)
    assert words["strategies.cool_down_sessions"] == "not bought back: BAC for 26 more sessions"
    assert words["strategies.reinforce_winners.max_times"] == "added to: JPM 2 of 2"
    assert words["strategies.reinforce_winners.min_sessions_between"] == "too recent: JPM 3 sessions ago"
    assert words["exits.take_profit_sell_pct"] == "no profit is due"
    report["memory"]["profit_levels_taken"] = {}
    assert today(taking, report)["exits.take_profit_sell_pct"] == "25% of JPM is sold"


async def test_news_that_nobody_read_are_told_as_insufficient(office: Office) -> None:
    report = await reported(office)
    words = today(policy(), report)["strategies.reinforce_winners.min_sentiment"] or ""
    assert words == "insufficient news: known of 0 of 12 holdings; nothing asks for it"
    asked = changed(policy(), "strategies.reinforce_winners.min_sentiment", 0.1)
    words = today(asked, report)["strategies.reinforce_winners.min_sentiment"] or ""
    assert "insufficient news" in words
    assert "what is unknown or lower is not added to" in words


async def test_values_are_those_of_the_file(office: Office) -> None:
    values = {setting.field: setting.value for setting in policy_fields(policy(), DOES, await reported(office))}
    assert values["risk_limits.max_var_95_1d_pct"] == 3
    assert values["execution.trade_from"] == "09:30"
    assert values["execution.min_order_value"] == "500"
    assert values["market.vix_bands.1.max_exposure_pct"] == 60


async def test_names_beyond_a_threshold_and_the_nearest_one_are_told(office: Office) -> None:
    words = today(policy(), await reported(office))
    assert words["exits.stop_loss_pct"] == "sold: AAPL (-23.1%)"
    assert words["strategies.cut_losers.trigger_loss_pct"] == "losers to cut: AAPL (-23.1%), MSFT (-11.5%)"
    assert words["exits.take_profit_pct"] == words["exits.take_profit_sell_pct"] == "profits are never taken"
    taking = today(changed(policy(), "exits.take_profit_sell", 0.25), await reported(office))
    assert taking["exits.take_profit_pct"] == "nothing is that far; nearest is JPM at +33.3%, 16.7% away"
    assert words["market.vix_bands.0.vix"] == "the volatility index is 15.0: the band is not reached"
    assert words["execution.min_order_value"] == "0.20% of net asset value"
    assert words["execution.min_order_nav_pct"] == "the smallest order is 500 USD, 0.20% of net asset value"
    assert words["execution.max_order_nav_pct"] == "the largest order is 50,000 USD, 20.00% of net asset value"
    by_volume = today(changed(policy(), "execution.max_order_volume", 0.00001), await reported(office))
    assert (by_volume["execution.max_order_volume_pct"] or "").startswith("the largest order is 5,000 USD, 2.00% of")
    assert (words["risk_limits.max_position_pct"] or "").startswith("max_position is 6.8%: LOW")


async def test_another_policy_judges_the_same_day_by_its_own_numbers(office: Office) -> None:
    report = await reported(office)
    other = changed(changed(policy(), "exits.stop_loss", 0.3), "risk_limits.max_position", 0.05)
    words = today(other, report)
    assert words["exits.stop_loss_pct"] == "nothing is that far; nearest is AAPL at -23.1%, 6.9% away"
    assert (words["risk_limits.max_position_pct"] or "").startswith("max_position is 6.8%: CRITICAL")
    # What the run itself said was said of the policy that it had.
    other_run = "the newest run was made under another policy and does not tell"
    assert words["strategies.reinforce_winners.require_trend"] == other_run
    assert "trend is" in (today(policy(), report)["strategies.reinforce_winners.require_trend"] or "")


async def test_what_cannot_be_known_is_said_to_be_unknown(office: Office) -> None:
    office.world.vix = None
    office.world.unmanaged = (
        UnmanagedHolding("RARE", "BOND", "a bond; nobody tells its value", 99, "USD", Decimal(9)),
    )
    office.market_data.without_history = {"VIX"}
    words = today(policy(), await reported(office))
    assert words["market.vix_bands.0.vix"] == "the volatility index is unknown: nothing that adds risk is bought"
    assert (words["risk_limits.max_drawdown_pct"] or "").startswith("drawdown is unknown")
    assert words["exits.drawdown_action"] == "the drawdown is unknown: nothing is done on its account"


async def test_an_address_is_shown_without_its_secret(office: Office) -> None:
    rules = changed(policy(), "notifications.urls", ("mailto://me:s3cret@example.com",))
    (shown,) = [s.value for s in policy_fields(rules, DOES, await reported(office)) if s.field == "notifications.urls"]
    assert shown == ["mailto://…"]
    (change,) = changes(policy(), rules)
    assert "s3cret" not in str(change)


async def test_a_stop_tighter_than_a_months_usual_movement_is_found(office: Office) -> None:
    report = await reported(office)
    # The made-up names move by one percent a day: about 4.6 % a month.
    assert noise(policy(), report) is None
    tight = changed(policy(), "exits.stop_loss", 0.03)
    assert noise(tight, report) is None, "it waits for three times what a name moves"
    found = noise(changed(tight, "exits.volatility_multiple", 0.0), report)
    assert found is not None
    assert found.field == "exits.stop_loss_pct"
    assert found.message.startswith("3.0% is tighter than a month's usual movement of ")


async def test_two_policies_side_by_side(office: Office) -> None:
    late = changed(policy(), "exits.stop_loss", 0.3)
    first, second = decided(await reported(office)), decided(await reported(office, late))
    assert [(c.field, c.first, c.second) for c in changes(policy(), late)] == [("exits.stop_loss_pct", 20, 30)]
    assert first.exits == ("AAPL stop_loss",)
    assert second.exits == ()
    assert "SELL 170 AAPL" in first.orders
    assert first.action == "CUT_LOSERS"
    assert first.offered[-1] == "HOLD"


def test_a_band_that_only_one_of_two_policies_has_is_a_change() -> None:
    fewer = changed(policy(), "market.vix_bands", policy().market.vix_bands[:2])
    assert {c.field: c.second for c in changes(policy(), fewer)} == {
        "market.vix_bands.2.vix": None,
        "market.vix_bands.2.max_exposure_pct": None,
    }


@pytest.mark.parametrize("gone", ["portfolio", "evaluation"])
async def test_a_report_that_came_to_nothing_says_nothing_of_today(office: Office, gone: str) -> None:
    report = await reported(office)
    assert set(today(policy(), {**report, gone: None}).values()) == {None}


async def test_a_run_that_goes_on_after_an_approval_still_says_why_its_plan_was_chosen(office: Office) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waiting = await run_daily(office.desk(), RunRequest())
    done = await approve(office.desk(), waiting.run_id, "a person")
    assert waiting.report is not None
    assert done.report is not None
    told = {row["action"]: row["standing"] for row in done.report["explanations"]}
    assert told["CUT_LOSERS"] == "chosen"
    assert len(told) == 5
    assert done.report["explanations"] == waiting.report["explanations"]
