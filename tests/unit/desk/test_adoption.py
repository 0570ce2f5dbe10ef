"""First contact: the account is taken over once, by a run that decides, and what was there before triggers nothing."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from app.commands.terminal import show_report
from app.desk.records import RunStatus
from app.desk.run.approvals import reject
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.domain.adoption import Adoption
from app.domain.policy import Mode
from tests.support.fakes import Office, policy
from tests.support.world import TODAY, conid
from tests.unit.desk.test_kept_inputs import replayed
from tests.unit.upgrades.stories import Killed

# One that no ledger of the tests knows.
NEW = "DU7654321"
DAY = RunRequest()


@pytest.fixture
def new(office: Office) -> Office:
    office.account = NEW
    office.world.set_session(accounts=(NEW,))
    return office


def adoption(office: Office) -> Adoption | None:
    simulation = office.world.session.simulation
    assert simulation is not None
    return office.ledger.account_record(f"{NEW}@{simulation.world}", TODAY).adoption


def mandatory(report: Mapping[str, Any] | None) -> list[Any]:
    assert report is not None
    assert report["plans"]
    return [order for plan in report["plans"] for order in plan["orders"] if order["mandatory"]]


async def test_the_first_run_takes_the_account_over_and_sells_nothing_for_what_was_before(new: Office) -> None:
    """One holding is past its stop at its cost."""
    result = await run_daily(new.desk(), DAY)
    assert result.status is RunStatus.DONE
    found = adoption(new)
    assert found is not None
    assert (found.session_date, found.holdings[conid("AAPL")].price) == (TODAY, Decimal(100))
    assert mandatory(result.report) == []
    replayed(new, result.run_id)
    assert new.ledger.verify().ok


async def test_its_report_compares_the_three_modes_and_the_next_one_does_not(new: Office) -> None:
    first = (await run_daily(new.desk(), DAY)).report or {}
    told = first["adoption"]
    assert told["first_contact"]
    assert [mode["mode"] for mode in told["modes"]] == ["adopt", "transition", "now"]
    assert told["mode"] == "adopt"
    console = Console(width=200, record=True)
    show_report(console, first)
    words = console.export_text()
    assert "this is the first contact" in words
    assert "At which prices a rule acts" in words
    levels = {row["symbol"]: row for row in first["price_levels"]}
    assert levels["AAPL"]["base"] == "100.0000"
    assert Decimal(levels["AAPL"]["stop"]) <= 85
    new.world.next_day(TODAY + timedelta(days=1))
    second = (await run_daily(new.desk(), DAY)).report or {}
    assert (second["adoption"]["first_contact"], second["adoption"]["modes"]) == (False, [])
    assert second["adoption"]["session_date"] == TODAY.isoformat()


async def test_a_dry_run_before_it_decides_the_same_and_records_nothing(new: Office) -> None:
    dry = await run_daily(new.desk(), RunRequest(dry_run=True))
    assert adoption(new) is None
    real = await run_daily(new.desk(), DAY)
    told = [(run.report or {})["decision"]["plan_id"] for run in (dry, real)]
    assert told[0] == told[1]
    assert (dry.report or {})["adoption"]["first_contact"]


async def test_a_run_that_died_after_it_took_over_is_followed_by_one_that_finds_it(new: Office) -> None:
    async def die(question: str) -> None:
        if question in {"preview", "place"}:
            raise Killed

    heard, new.broker.pause = new.broker.pause, die
    with pytest.raises(Killed):
        await run_daily(new.desk("dead"), DAY)
    new.broker.pause = heard
    found = adoption(new)
    assert found is not None
    new.world.next_day(TODAY + timedelta(days=1))
    new.world.positions = {}
    await run_daily(new.desk("two"), DAY)
    assert adoption(new) == found


async def test_what_was_inherited_stays_so_where_the_first_plan_was_rejected(new: Office) -> None:
    new.policy = policy({"mode": Mode.APPROVE}).model_copy(
        update={"risk_limits": policy().risk_limits.model_copy(update={"max_position": 0.05})}
    )
    first = await run_daily(new.desk(), DAY)
    assert first.status is RunStatus.AWAITING_APPROVAL
    inherited = (first.report or {})["adoption"]["inherited"]
    assert inherited
    await reject(new.desk(), first.run_id, "owner", "not yet")
    new.world.next_day(TODAY + timedelta(days=1))
    second = (await run_daily(new.desk(), DAY)).report or {}
    assert second["adoption"]["inherited"] == inherited
    assert mandatory(second) == []
