"""Three people's questions are answered from the first four lines of the report, whatever kind of day it was.

What was done with my money, what did it cost, what is the account now, what needs me?
"""

import io
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from app.commands.terminal import show_report, show_standing
from app.desk.controls.level import set_level
from app.desk.report.schema import Report
from app.desk.report.standing import overview, standing_of
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.errors import BrokerUnavailable
from app.domain.policy import Mode
from app.domain.ruling import KillLevel
from app.domain.slots import CLOSE_SLOT
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import TODAY, conid
from tests.support.worlds import changed

DAY = RunRequest()
WITHOUT = ("cut_losers", "sector_rotation", "reinforce_winners", "rebalance")
LEADS = ["Done: ", "Cost: ", "Now: ", "Needs you: "]


def on_screen(told: Mapping[str, Any], width: int = 4000) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    (show_report if "timings_ms" in told else show_standing)(console, told)
    return out.getvalue()


def first_four(told: Mapping[str, Any]) -> dict[str, str]:
    """By their leads, without them."""
    lines = on_screen(told).splitlines()[:4]
    assert [line.partition(": ")[0] + ": " for line in lines] == LEADS
    return {line.partition(": ")[0]: line.partition(": ")[2].strip() for line in lines}


async def day(office: Office, request: RunRequest = DAY) -> Mapping[str, Any]:
    report = (await run_daily(office.desk(), request)).report
    assert report is not None
    assert Report.model_validate(report).as_json() == report
    return report


def calm(office: Office) -> None:
    """Nothing is due."""
    for name in WITHOUT:
        office.policy = changed(office.policy, f"strategies.{name}.enabled", False)
    del office.world.positions[conid("AAPL")]


async def test_of_a_quiet_day(office: Office) -> None:
    calm(office)
    told = first_four(await day(office))
    assert told["Done"] == f"on {TODAY}: nothing was due, and nothing was bought or sold"
    assert told["Cost"] == "nothing"
    assert told["Now"] == "worth 233,000.00 USD, 46,000.00 of it in cash (19.7%), 11 holdings"


async def test_of_a_crash_day_with_exits(office: Office) -> None:
    for symbol in ("BAC", "GE", "HD"):
        office.world.moved[symbol] = Decimal(60)
        held = office.world.positions[conid(symbol)]
        office.world.positions[conid(symbol)] = type(held)(
            held.instrument, held.quantity, Decimal(60), held.average_cost
        )
    report = await day(office)
    told = first_four(report)
    sold = [order for order in report["orders"] if order["side"] == "SELL"]
    assert len(sold) >= 4
    for order in sold[:4]:
        assert f"{order['quantity']} {order['symbol']} at {float(order['average_price']):.2f}" in told["Done"]
    after = report["after"]
    proceeds = sum(Decimal(o["filled_quantity"]) * Decimal(o["average_price"]) for o in sold)
    assert Decimal(after["proceeds"]) == proceeds
    assert f"sold {len(sold)} names for {proceeds:,.2f} USD" in told["Done"]
    assert f"{float(after['commissions']):,.2f} USD in commissions, by the broker's previews" in told["Cost"]
    fees = Decimal(after["commissions"])
    spent = Decimal(after["spent"])
    assert Decimal(after["cash"]) == Decimal(report["portfolio"]["cash"]) + proceeds - spent - fees
    assert f"worth {float(after['nav']):,.2f} USD, {float(after['cash']):,.2f} of it in cash" in told["Now"]
    worth = sum(Decimal(row["value"]) for row in after["positions"])
    assert Decimal(after["nav"]) == worth + Decimal(after["cash"])


async def test_the_state_after_the_orders_is_what_the_broker_has_then(office: Office) -> None:
    report = await day(office)
    held = {symbol: Decimal(row["quantity"]) for row in report["after"]["positions"] if (symbol := row["symbol"])}
    theirs = {p.instrument.symbol: p.quantity for p in office.world.positions.values()}
    assert held == theirs
    fees = Decimal(report["after"]["commissions"])
    assert Decimal(report["after"]["cash"]) == office.world.cash - fees


async def test_of_a_halted_day_tells_what_the_account_was_last_and_how_to_go_on(
    office: Office, ledger: SqlLedger
) -> None:
    before = await day(office)
    set_level(ledger, KillLevel.HALTED, "I want to think", "owner", office.now())
    office.world.next_day(TODAY + timedelta(days=1))
    told = first_four(await day(office))
    assert told["Done"] == (
        f"on {TODAY + timedelta(days=1)}: nothing was sent; trading is halted by owner: I want to think"
    )
    assert told["Cost"] == "nothing"
    after = before["after"]
    assert told["Now"].startswith(f"not read by this run; on {TODAY} worth {float(after['nav']):,.2f} USD")
    assert "`portfolio resume --reason WHY`" in told["Needs you"]
    office.world.next_day(TODAY + timedelta(days=2))
    again = first_four(await day(office))
    assert again["Now"] == told["Now"]


async def test_of_a_day_that_waits_for_approval(office: Office) -> None:
    office.policy = policy({"mode": Mode.APPROVE, "expires_minutes": 30})
    report = await day(office)
    told = first_four(report)
    assert "sold 1 name for 16,991.50 USD: 170 AAPL at 99.95" in told["Done"]
    assert "waiting for a person: SELL 170 MSFT" in told["Done"]
    until = office.world.now() + timedelta(minutes=30)
    assert f"say yes or no until {until:%H:%M} UTC: `portfolio approve {report['run_id']}`" in told["Needs you"]
    assert f"`portfolio reject {report['run_id']} --reason WHY`" in told["Needs you"]
    done = (await approve(office.desk(), report["run_id"], "owner")).report
    assert done is not None
    then = first_four(done)
    # What the first attempt sold is counted once.
    assert "sold 2 names for 33,983.00 USD: 170 AAPL at 99.95, 170 MSFT at 99.95" in then["Done"]
    # The fees of the earlier order are in what the account was read with.
    assert Decimal(done["after"]["cash"]) == office.world.cash - 1
    # The earlier one is known as it was charged: the broker of the tests asks nothing for an execution.
    assert Decimal(done["after"]["commissions"]) == 1


async def test_of_a_rejected_run(office: Office) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waiting = await day(office)
    report = (await reject(office.desk(), waiting["run_id"], "owner", "not today")).report
    assert report is not None
    told = first_four(report)
    assert told["Done"].endswith("rejected by owner: not today")
    assert told["Needs you"] == "nothing"
    assert on_screen(report).count("not today") == 1


async def test_of_a_failed_day_that_left_no_report(office: Office, ledger: SqlLedger) -> None:
    before = await day(office)
    office.world.next_day(TODAY + timedelta(days=1))
    office.broker.unreachable.add("portfolio")
    with pytest.raises(BrokerUnavailable):
        await run_daily(office.desk(), DAY)
    failed = ledger.runs(1)[0]
    assert failed.report is None
    told = first_four(standing_of(ledger, failed))
    assert told["Done"] == f"on {TODAY + timedelta(days=1)}: nothing was sent; no answer to portfolio. Start it"
    assert told["Cost"] == "nothing"
    assert f"on {TODAY} worth {float(before['after']['nav']):,.2f} USD" in told["Now"]
    assert "`portfolio doctor`" in told["Needs you"]


async def test_of_a_failed_day_whose_orders_had_gone(office: Office, ledger: SqlLedger) -> None:
    office.broker.fates["MSFT"] = Fate.REQUEST_LOST
    with pytest.raises(Exception, match="unknown whether MSFT"):
        await run_daily(office.desk(), DAY)
    failed = ledger.runs(1)[0]
    told = first_four(standing_of(ledger, failed))
    assert "170 AAPL at 99.95" in told["Done"]
    assert "it is unknown whether the broker has: SELL 170 MSFT" in told["Done"]
    assert "goes on with what is left" in told["Needs you"]
    assert "see what became of MSFT at the broker" in told["Needs you"]


async def test_of_a_preview(office: Office) -> None:
    report = await day(office, RunRequest(dry_run=True))
    told = first_four(report)
    assert "nothing was sent; a preview (the request asks for a dry run); it would have ordered" in told["Done"]
    assert (told["Cost"], told["Needs you"]) == ("nothing", "nothing")
    assert told["Now"] == "worth 250,000.00 USD, 46,000.00 of it in cash (18.4%), 12 holdings"
    assert on_screen(report).count("the request asks for a dry run") == 1


async def test_of_a_partial_fill(office: Office) -> None:
    office.broker.fates["MSFT"] = Fate.FILLS_HALF
    report = await day(office)
    told = first_four(report)
    assert "of 170 MSFT at" in told["Done"]
    assert "still open at the broker: SELL 170 MSFT" in told["Done"]
    assert "may still change by open orders: SELL 170 MSFT" in told["Now"]
    assert not report["summary"]["now"]["sure"]


async def test_of_an_order_that_the_broker_asked_about(office: Office) -> None:
    office.broker.fates["AAPL"] = Fate.IS_ASKED_ABOUT
    report = await day(office)
    told = first_four(report)
    assert "it is unknown whether the broker has: SELL 170 AAPL" in told["Done"]
    assert "not known: what became of SELL 170 AAPL" in told["Now"]
    assert told["Needs you"].startswith("the broker asked about AAPL and nobody may answer: `portfolio questions`")


async def test_of_the_days_close(office: Office) -> None:
    await day(office)
    office.world.set_session(now=office.world.now() + timedelta(hours=6))
    told = first_four(await day(office, RunRequest(slot=CLOSE_SLOT)))
    assert told["Done"] == f"on {TODAY}: the day's close was put on record; nothing was sent"
    assert told["Cost"] == "nothing"


async def test_of_a_closed_exchange(office: Office) -> None:
    office.calendar.closed.add(TODAY)
    told = first_four(await day(office))
    assert told["Done"] == f"on {TODAY}: nothing was sent; the exchange is closed on {TODAY}"
    assert told["Now"] == "not known: the account was not read"


async def test_of_the_first_contact(office: Office) -> None:
    office.account = "DU7654321"
    office.world.set_session(accounts=("DU7654321",))
    report = await day(office)
    assert report["adoption"]["first_contact"]
    told = first_four(report)
    assert "the account was taken over" in told["Done"]
    assert "`portfolio adopt --preview`" in told["Needs you"]


async def test_a_report_of_an_earlier_version_is_shown_without_a_summary(office: Office, ledger: SqlLedger) -> None:
    report = dict(await day(office))
    older = {name: value for name, value in report.items() if name not in {"summary", "after"}}
    older["plans"] = [{name: part for name, part in one.items() if name != "exempt"} for one in report["plans"]]
    assert on_screen(older).strip().startswith("daily run of")
    assert Report.model_validate(older).summary is None
    line = overview(ledger.runs(1)[0])
    assert line["done"] == report["summary"]["done"]["text"]
    assert line["needs"] == report["summary"]["needs"]["text"]


async def test_the_legs_of_one_name_are_told_as_one_sale(office: Office) -> None:
    office.policy = policy(max_order_value=Decimal(5_000))
    report = await day(office)
    legs = [order for order in report["orders"] if order["symbol"] == "AAPL"]
    assert len(legs) > 1
    assert "sold 2 names for 33,983.00 USD: 170 AAPL at 99.95, 170 MSFT at 99.95" in first_four(report)["Done"]


async def test_the_numbers_are_in_it_for_programs(office: Office) -> None:
    summary = (await day(office))["summary"]
    assert (summary["done"]["filled"], summary["done"]["in_doubt"], summary["cost"]["commissions"]) == (2, 0, "2.00")
    assert (summary["now"]["cash"], summary["now"]["positions"], summary["now"]["sure"]) == ("79981.00", 10, True)
