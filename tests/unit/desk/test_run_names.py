"""A run is named by its id, by the beginning of it that no other has, or as the last."""

import pytest

from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.run_names import run_meant, run_to_act_on
from app.domain.errors import UsageError
from app.domain.policy import Mode
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy

DRY = RunRequest(dry_run=True)


async def runs(office: Office, count: int) -> list[str]:
    return [(await run_daily(office.desk(), DRY)).run_id for _ in range(count)]


async def test_the_beginning_of_an_id_is_enough_to_look_at_a_run(office: Office, ledger: SqlLedger) -> None:
    first, second = await runs(office, 2)
    assert run_meant(ledger, "last").run_id == second
    for name in (first, first[:10], first[4:10], first[:14]):
        assert run_meant(ledger, name).run_id == first, name


async def test_a_beginning_of_several_lists_them(office: Office, ledger: SqlLedger) -> None:
    made = await runs(office, 2)
    with pytest.raises(UsageError, match="several runs begin with run_") as error:
        run_meant(ledger, "run_")
    assert all(run_id in str(error.value) for run_id in made)


@pytest.mark.parametrize("text", ["run_nobody", "", "%", "run%", "_", "run_\x00", "x" * 500, "../last", "\udced"])
async def test_what_names_no_run_is_told_in_one_line(office: Office, ledger: SqlLedger, text: str) -> None:
    for find in (run_meant, run_to_act_on):
        with pytest.raises(UsageError) as error:
            find(ledger, text)
        assert "\n" not in str(error.value)


async def test_an_act_on_a_run_wants_eight_characters_and_never_the_last(office: Office, ledger: SqlLedger) -> None:
    office.policy = policy({"mode": Mode.APPROVE})
    waiting = (await run_daily(office.desk(), RunRequest())).run_id
    for short in (waiting[:7], "last"):
        with pytest.raises(UsageError, match=f"{short} is too short to name a run"):
            await approve(office.desk(), short, "owner")
    done = await reject(office.desk(), waiting[:8], "owner", "not today")
    assert done.run_id == waiting
    assert ledger.intents(waiting)[1].reason == "rejected by owner: not today"
