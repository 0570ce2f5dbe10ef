"""A report says each reason once, and says where a number is over a limit because exits are exempt from it."""

from app.commands.terminal_reasons import Said, grouped, order_reason
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from tests.support.fakes import Office, policy
from tests.unit.desk.test_summary import first_four, on_screen

DAY = RunRequest()


async def test_the_numbers_of_an_exit_and_of_a_loser_stand_once(office: Office) -> None:
    report = (await run_daily(office.desk(), DAY)).report
    assert report is not None
    shown = on_screen(report)
    for numbers in ("-11.5% against -10.0%", "-23.1% against -20.0%"):
        assert shown.count(numbers) == 1, numbers
    for plan in report["plans"]:
        assert shown.count(plan["reason"]) <= 1, plan["reason"]
    rows = [line.split() for line in shown.splitlines() if line.startswith("SELL 170")]
    assert [(row[2], row[-2], row[-1]) for row in rows] == [
        ("AAPL", "99.95", "stop_loss"),
        ("MSFT", "99.95", "cut_losers"),
    ]


async def test_a_turnover_over_its_limit_is_said_to_be_of_exits(office: Office) -> None:
    office.policy = policy(max_turnover=0.05)
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    chosen = next(plan for plan in report["plans"] if plan["id"] == report["decision"]["plan_id"])
    exempt = {one["rule"]: one for one in chosen["exempt"]}
    turnover = exempt["execution.max_turnover_pct"]
    assert (round(turnover["value"], 3), turnover["limit"]) == (round(chosen["post_trade"]["turnover"], 3), 0.05)
    shown = on_screen(report)
    assert f"turnover {turnover['value']:.1%} is over the day's 5.0%: {turnover['exits']:.1%} are exits" in shown
    assert first_four(report)


async def test_within_its_limits_nothing_is_said_to_be_exempt(office: Office) -> None:
    report = (await run_daily(office.desk(), RunRequest(dry_run=True))).report
    assert report is not None
    assert [plan["exempt"] for plan in report["plans"]] == [[]] * len(report["plans"])


def test_a_reason_that_nobody_has_read_yet_is_said() -> None:
    said = Said(["Losers to cut: AAPL -26.6% against -23.8%, BAC -25.3% against -19.0%."])
    order = {"symbol": "BAC", "trigger": "cut_losers: unrealised BAC -25.3% against -19.0%", "reason": None}
    assert order_reason(order, said) == "cut_losers"
    # Numbers of another name are no reason of this one.
    assert order_reason({**order, "symbol": "HD"}, said) == order["trigger"]
    assert order_reason({**order, "reason": "no quote"}, said) == "cut_losers; no quote"


def test_names_of_the_same_reasons_stand_in_one_line() -> None:
    assert grouped([("A", ("x",)), ("B", ()), ("C", ("x",)), ("D", ("y", "z"))]) == ["A, C: x", "D: y; z"]
