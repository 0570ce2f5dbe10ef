"""What was done with my money, what did it cost, what is the account now, what needs me: in the first four lines."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console

from app.commands.terminal import show_report, show_unreported
from app.desk.run.approvals import approve
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.policy import Mode, Policy
from app.domain.ruling import KillLevel
from app.ledger.sql_ledger import SqlLedger
from tests.support.broker_model import Fate
from tests.support.fakes import Office, policy
from tests.support.world import TODAY
from tests.support.worlds import changed

DAY = RunRequest()
OFF = ("cut_losers", "sector_rotation", "reinforce_winners", "rebalance")


def exits_only() -> Policy:
    rules = policy()
    for name in OFF:
        rules = changed(rules, f"strategies.{name}.enabled", False)
    return rules


async def report_of(office: Office, request: RunRequest = DAY) -> dict[str, Any]:
    report = (await run_daily(office.desk(), request)).report
    assert report is not None
    return dict(report)


def first_lines(report: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    show_report(Console(file=out, width=2000, color_system=None), report)
    return [line.rstrip() for line in out.getvalue().splitlines()[:4]]


async def test_a_day_that_trades_tells_orders_cost_and_the_account_that_the_broker_has_then(office: Office) -> None:
    report = await report_of(office)
    assert first_lines(report) == [
        "Done     CUT_LOSERS: sold 170 AAPL, 170 MSFT.",
        "Cost     About 2.00 in commissions, fills 17.00 worse than decided on; "
        "33,983.00 USD traded, 13.6% of the account.",
        "Now      249,981.00 USD: 79,981.00 in cash (32.0%), 10 positions.",
        "For you  Nothing.",
    ]
    after, portfolio = report["after"], await office.broker.portfolio("U0000001")
    # This broker charges nothing, whatever its previews say.
    assert Decimal(after["cash"]) + Decimal(after["commissions"]) == portfolio.total_cash
    assert {row["symbol"]: Decimal(row["quantity"]) for row in after["positions"]} == {
        one.instrument.symbol: one.quantity for one in portfolio.positions
    }


async def test_a_quiet_day_says_that_nothing_was_done_and_why(office: Office) -> None:
    office.policy = exits_only()
    await report_of(office)
    office.world.next_day(TODAY + timedelta(days=1))
    done, cost, now, needs = first_lines(await report_of(office))
    assert done.startswith("Done     Nothing was bought or sold, HOLD: ")
    assert cost == "Cost     Nothing: no order was filled."
    assert now.endswith("11 positions.")
    assert needs == "For you  Nothing."


async def test_a_day_of_exits_beyond_the_turnover_says_that_these_are_exempt(office: Office) -> None:
    office.policy = changed(exits_only(), "execution.max_turnover", 0.02)
    done, cost, _, _ = first_lines(await report_of(office))
    assert done == "Done     EXITS ONLY: sold 170 AAPL."
    assert cost.endswith("6.8% of the account (the limit of 2% does not bind exits).")


async def test_orders_that_wait_are_named_with_what_to_do_and_afterwards_nothing_waits(office: Office) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    report = await report_of(office)
    done, _, now, needs = first_lines(report)
    assert done == "Done     CUT_LOSERS: sold 170 AAPL. Not sent yet: sell 170 MSFT."
    assert now.endswith("11 positions.")
    assert needs == (
        f"For you  1 order waits for you: `portfolio approve {report['run_id']}`, or `reject` with a --reason."
    )
    approved = (await approve(office.desk("two"), report["run_id"], "owner")).report
    assert approved is not None
    done, cost, now, needs = first_lines(dict(approved))
    assert done == "Done     CUT_LOSERS: sold 170 AAPL, 170 MSFT."
    assert "33,983.00 USD traded" in cost
    # What was filled before the account was read again is not counted twice.
    assert now == "Now      249,982.00 USD: 79,982.00 in cash (32.0%), 10 positions."
    assert needs == "For you  Nothing."


async def test_a_halted_day_says_by_whom_and_how_to_go_on(office: Office, ledger: SqlLedger) -> None:
    ledger.set_level(None, KillLevel.HALTED, "on holiday", "owner", office.world.now())
    done, cost, _, needs = first_lines(await report_of(office))
    assert done.startswith("Done     Trading is halted: ")
    assert "on holiday" in done
    assert cost == "Cost     Nothing: no order was filled."
    assert needs.startswith("For you  Nothing is sent until you have looked: `portfolio level`, ")


async def test_a_preview_says_that_nothing_was_sent_and_what_would_have_been(office: Office) -> None:
    done, cost, now, _ = first_lines(await report_of(office, RunRequest(dry_run=True)))
    assert done == "Done     Nothing was sent, this was a preview: CUT_LOSERS would sell 170 AAPL, 170 MSFT."
    assert cost == "Cost     Nothing: no order was filled."
    assert now == "Now      250,000.00 USD: 46,000.00 in cash (18.4%), 12 positions."


async def test_an_order_that_did_not_fill_is_told(office: Office) -> None:
    office.broker.fates["MSFT"] = Fate.IS_REJECTED
    done, _, _, _ = first_lines(await report_of(office))
    assert done == "Done     CUT_LOSERS: sold 170 AAPL. Not filled, or not wholly: SELL MSFT (REJECTED)."


def test_a_run_that_failed_before_its_report_says_that_nothing_was_ordered() -> None:
    out = io.StringIO()
    told = {
        "session_date": "2026-03-02",
        "slot": "daily",
        "status": "failed",
        "action": None,
        "account": "U1",
        "run_id": "run_1",
        "lapsed": False,
        "error": "the broker does not answer. Start the gateway.",
    }
    show_unreported(Console(file=out, width=200, color_system=None), told, 0, 0)
    assert [line.rstrip() for line in out.getvalue().splitlines()[:4]] == [
        "Done     The run is failed, nothing was ordered: the broker does not answer. Start the gateway.",
        "Cost     Nothing: no order was filled.",
        "Now      Not known: the run came to no reading of the account.",
        "For you  Mend the cause and run again: the day is free.",
    ]
