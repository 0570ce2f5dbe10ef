"""What the account is worth where the broker left something out, through whole days on a real ledger."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run.exit_by_hand import exit_position
from app.domain.errors import BrokerUnavailable, UsageError
from app.domain.order import Side
from app.domain.unmanaged import UnmanagedHolding, UnreadableRow
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office
from tests.support.world import TODAY, conid

DAY = RunRequest()
OPTION = UnmanagedHolding(
    "SPY 400 C", "OPT", "an option: only stocks and funds are managed", 591234567, "USD", Decimal(1), Decimal(430),
    Decimal(430),
)  # fmt: skip
SHORT = UnmanagedHolding(
    "WMT", "STK", "a short position", conid("WMT"), "USD", Decimal(-50), Decimal(-5000), Decimal(5000)
)


async def reported(office: Office) -> dict[str, Any]:
    result = await run_daily(office.desk(), DAY)
    assert result.status is RunStatus.DONE
    assert result.report is not None
    return dict(result.report)


def metric(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["evaluation"]["metrics"] if row["name"] == name)


def without_price(office: Office, symbol: str, value: Decimal | None = None) -> None:
    """The broker's row of that name has no price."""
    position = office.world.positions.pop(conid(symbol))
    line = UnmanagedHolding(symbol, "STK", "no price today", conid(symbol), "USD", position.quantity, value, value)
    office.world.unmanaged = (*office.world.unmanaged, line)


async def test_a_holding_that_is_not_managed_is_counted_listed_and_left_alone(office: Office) -> None:
    office.world.unmanaged = (OPTION,)
    report = await reported(office)
    assert office.broker.sent_symbols() == [("AAPL", Side.SELL), ("MSFT", Side.SELL)]
    (line,) = report["portfolio"]["unmanaged"]
    assert (line["symbol"], line["value"], line["reason"]) == ("SPY 400 C", "430.00", OPTION.reason)
    assert Decimal(report["portfolio"]["nav"]) == Decimal(250_430)
    assert "of NAV; exposure of 0.2% is not managed" in metric(report, "annual_volatility")["note"]
    assert metric(report, "exposure")["value"] == pytest.approx(204_430 / 250_430)


async def test_a_short_position_is_never_bought_back(office: Office) -> None:
    office.world.unmanaged = (SHORT,)
    report = await reported(office)
    assert report["market"]["untradable"]["WMT"] == "held and not managed: a short position"
    assert "WMT" not in {o["symbol"] for plan in report["plans"] for o in plan["orders"]}


async def test_a_name_without_a_price_stays_and_the_exits_of_others_go(office: Office) -> None:
    without_price(office, "AAPL")
    report = await reported(office)
    assert office.broker.sent_symbols() == [("MSFT", Side.SELL)]
    (line,) = report["portfolio"]["unmanaged"]
    assert (line["symbol"], line["value"]) == ("AAPL", None)
    # 17,000 of it may be missing, and the broker's own total does not tell: no fall is concluded from that.
    assert metric(report, "drawdown")["value"] is None
    assert "AAPL" in metric(report, "drawdown")["note"]
    assert report["level"]["level"] == "ACTIVE"


async def test_the_brokers_own_total_tells_that_a_line_without_a_price_is_worth_nothing(office: Office) -> None:
    without_price(office, "AAPL")
    office.world.net_liquidation = Decimal(233_000)
    report = await reported(office)
    assert metric(report, "drawdown")["value"] is not None
    assert report["portfolio"]["nav_parts"]["difference"] == "0.00"


async def test_a_line_that_lost_its_price_is_carried_at_the_last_one_with_its_date(
    office: Office, ledger: SqlLedger
) -> None:
    await reported(office)
    office.world.next_day(TODAY + timedelta(days=1))
    without_price(office, "XOM")
    report = await reported(office)
    (line,) = report["portfolio"]["unmanaged"]
    assert (line["value"], line["value_from"]) == ("17000.00", TODAY.isoformat())
    assert metric(report, "drawdown")["value"] is not None
    assert ledger.quarantined(report["account"] + f"@sim:{TODAY}:7:synthetic") == ()

    office.world.next_day(TODAY + timedelta(days=2))
    report = await reported(office)
    assert report["portfolio"]["unmanaged"][0]["value_from"] == TODAY.isoformat()

    office.world.next_day(TODAY + timedelta(days=3))
    office.world.unmanaged = ()
    office.world.positions[conid("XOM")] = replace(office.world.positions[conid("KO")], instrument=replace(
        office.world.positions[conid("KO")].instrument, conid=conid("XOM"), symbol="XOM"))  # fmt: skip
    report = await reported(office)
    assert report["continuity"]["quarantine"] == []


async def test_rows_that_do_not_add_up_to_the_brokers_total_stop_the_run_by_name(office: Office) -> None:
    held = office.world.positions[conid("KO")]
    office.world.positions[conid("KO")] = replace(held, quantity=Decimal(1700))
    office.world.net_liquidation = Decimal(250_000)
    with pytest.raises(BrokerUnavailable, match=r"KO market value 170,000\.00"):
        await run_daily(office.desk(), DAY)
    assert office.broker.sent_symbols() == []


async def test_a_total_that_differs_by_what_is_accrued_stops_nothing(office: Office) -> None:
    office.world.net_liquidation = Decimal(252_650)
    report = await reported(office)
    assert report["portfolio"]["nav_parts"]["difference"] == "2650.00"


async def test_an_order_nobody_can_read_keeps_orders_off_its_name_alone(office: Office) -> None:
    office.world.unreadable = (UnreadableRow("order", "side is missing", conid("MSFT"), "MSFT"),)
    report = await reported(office)
    assert ("AAPL", Side.SELL) in office.broker.sent_symbols()
    assert "MSFT" not in {symbol for symbol, _ in office.broker.sent_symbols()}
    assert "side is missing" in report["market"]["untradable"]["MSFT"]
    assert report["portfolio"]["unreadable"][0]["symbol"] == "MSFT"


async def test_a_quote_in_another_unit_prices_no_order(office: Office) -> None:
    office.world.moved["AAPL"] = Decimal(10_000)
    report = await reported(office)
    assert "not of one unit" in report["market"]["untradable"]["AAPL"]
    assert office.broker.sent_symbols() == [("MSFT", Side.SELL)]


async def test_a_name_that_the_market_does_not_know_is_set_aside_and_the_rest_is_measured(office: Office) -> None:
    office.world.missing_quotes["PFE"] = "no such contract"
    office.market_data.without_history.add("PFE")
    report = await reported(office)
    (line,) = report["portfolio"]["unmanaged"]
    assert (line["symbol"], line["value"]) == ("PFE", "17000.00")
    assert metric(report, "annual_volatility")["value"] is not None


async def test_a_market_that_is_silent_about_much_sets_nothing_aside(office: Office) -> None:
    for symbol in ("PFE", "PG"):
        office.world.missing_quotes[symbol] = "the feed is down"
        office.market_data.without_history.add(symbol)
    report = await reported(office)
    assert report["portfolio"]["unmanaged"] == []
    assert metric(report, "annual_volatility")["value"] is None


async def test_leaving_what_is_not_managed_by_hand_says_why_it_cannot(office: Office) -> None:
    office.world.unmanaged = (SHORT,)
    with pytest.raises(UsageError, match="WMT is held and not managed: a short position"):
        await exit_position(office.desk(), "WMT", "tester")
