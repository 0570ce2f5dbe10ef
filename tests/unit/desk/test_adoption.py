"""First contact: the account is taken over once, by a run that decides, and what was there before triggers nothing."""

from collections.abc import Mapping
from dataclasses import replace
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
from app.desk.run.taking_over import choose_mode, show_taking_over
from app.domain.adoption import Adoption
from app.domain.errors import UsageError
from app.domain.policy import AdoptionMode, Mode
from tests.support.fakes import Office, policy
from tests.support.world import TODAY, conid
from tests.unit.desk.test_kept_inputs import replayed
from tests.unit.upgrades.stories import Killed

# One that no ledger of the tests knows.
NEW = "DU7654321"
DAY = RunRequest()
# Events of the tests' ledger, of other accounts.
BEFORE = 2


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


async def test_looking_at_the_modes_records_nothing_and_a_choice_before_the_first_run_counts_in_it(new: Office) -> None:
    seen = await show_taking_over(new.desk())
    assert [mode["mode"] for mode in seen["modes"]] == ["adopt", "transition", "now"]
    assert seen["first_contact"]
    assert (new.ledger.runs(), new.ledger.newest_event()) == ((), BEFORE)
    chosen = await choose_mode(new.desk(), "now", "a fresh start", "owner")
    assert (chosen["mode"], chosen["before"], chosen["taken_over"]) == ("now", "adopt", None)
    told = ((await run_daily(new.desk(), DAY)).report or {})["adoption"]
    assert (told["mode"], told["mode_chosen_by"]) == ("now", "person")


async def test_a_choice_after_the_first_run_changes_the_mode_alone(new: Office) -> None:
    await run_daily(new.desk(), DAY)
    before = adoption(new)
    assert before is not None
    chosen = await choose_mode(new.desk(), "transition", "I want none of them", "owner")
    assert chosen["taken_over"] == TODAY.isoformat()
    assert adoption(new) == replace(before, mode=AdoptionMode.TRANSITION)
    assert not (await show_taking_over(new.desk()))["first_contact"]


@pytest.mark.parametrize(
    ("mode", "reason", "actor", "word"),
    [
        ("slowly", "why", "owner", "adopt, transition, now"),
        ("now", " ", "owner", "reason"),
        ("now", "why", "", "actor"),
    ],
)
async def test_what_cannot_be_chosen_is_refused_with_what_to_do(
    new: Office, mode: str, reason: str, actor: str, word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        await choose_mode(new.desk(), mode, reason, actor)
    assert new.ledger.newest_event() == BEFORE
