"""The doctor says what of a policy cannot work for the accounts on record, the MCP server's own limit included."""

from decimal import Decimal
from pathlib import Path

import pytest

from app.commands.checks.records import Status
from app.commands.checks.sizes import judge, look
from app.commands.newest import newest_reports
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.explain.account_size import account_of
from app.settings import load_settings
from tests.support.fakes import Office, policy


async def report(office: Office) -> dict[str, object]:
    """Of a day that was carried out."""
    result = await run_daily(office.desk(), RunRequest())
    assert result.report is not None
    return dict(result.report)


async def test_an_account_of_usual_size_is_fine_and_is_shown_masked(office: Office) -> None:
    check = judge(policy(), {"DU1234567": await report(office)}, Decimal(50_000))
    assert check.status is Status.OK
    assert check.finding == "every number of the policy can work for DU…567 (250,000)"


async def test_what_the_server_does_not_let_through_is_a_warning_with_what_works(office: Office) -> None:
    check = judge(policy(), {"DU1234567": await report(office)}, Decimal(20_000))
    assert check.status is Status.WARNING
    assert check.finding == (
        "DU…567: execution.max_order_value: a buy may be worth 35,000 USD, and the MCP server sends none above 20,000: "
        "larger ones are refused; MAX_ORDER_VALUE=35000 there, or max_order_value: 20000 here, works"
    )
    assert check.remedy


async def test_prices_and_volumes_are_those_of_the_newest_run(office: Office) -> None:
    account = account_of(await report(office), None)
    assert (account.nav, account.currency, account.most_sent) == (Decimal(250_000), "USD", None)
    assert account.listings["KO"].price == Decimal("100.05")
    assert account.listings["KO"].traded == Decimal("100.05") * 5_000_000


@pytest.mark.parametrize("known", [True, False])
async def test_without_an_account_on_record_nothing_is_judged_and_nothing_made(tmp_path: Path, known: bool) -> None:
    settings = load_settings(state_dir=tmp_path / "state", database_url=None)
    check = await look(settings, policy() if known else None)
    assert check.status is Status.SKIPPED
    assert newest_reports(settings) == {}
    assert not settings.state_dir.exists()
