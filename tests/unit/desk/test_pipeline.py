"""The stages of a day: each gives what the next one needs, and the effects of a run come in one order."""

from dataclasses import fields, replace
from itertools import pairwise
from types import NoneType
from typing import Any, get_args, get_type_hints

from app.desk.desk import Desk
from app.desk.records import RunStatus
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.desk.stages.pipeline import STAGES, perform_stages
from app.desk.states import Decided, Executed, Run
from app.domain.errors import Halted
from app.domain.policy import Notifications, Occasion
from app.ledger.sql_ledger import SqlLedger
from tests.support.fakes import Office, policy

DAY = RunRequest()
EFFECTS = ("claim", "level", "report", "portfolio", "commit_plan", "sending", "place", "close", "add_notice")


class Noted:
    """A port whose calls are put down by name."""

    def __init__(self, port: object, calls: list[str]) -> None:
        self._port, self._calls = port, calls

    def __getattr__(self, name: str) -> object:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def called(*args: object, **kwargs: object) -> object:
            self._calls.append(name)
            return found(*args, **kwargs)

        return called


def noted(desk: Desk, calls: list[str]) -> Desk:
    ledger: Any = Noted(desk.ledger, calls)
    broker: Any = Noted(desk.broker, calls)
    return replace(desk, ledger=ledger, broker=broker)


def first_calls(calls: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(calls) if name in EFFECTS]


def test_each_stage_takes_the_state_that_it_says_it_needs_and_gives_what_the_next_one_needs() -> None:
    hints = [get_type_hints(stage.work) for stage in STAGES]
    taken = [next(hint for name, hint in each.items() if name not in {"desk", "return"}) for each in hints]
    assert taken == [stage.needs for stage in STAGES]
    assert taken[0] is Run
    for given, needed in zip([each["return"] for each in hints], [*taken[1:], Executed], strict=True):
        assert issubclass(given, needed)


def test_what_a_stage_found_is_never_none_in_the_states_after_it() -> None:
    for earlier, later in pairwise([*(stage.needs for stage in STAGES), Executed]):
        found = [f for f in fields(later) if f.name not in {before.name for before in fields(earlier)}]
        assert found
        # What waits for its commit is there no more once it is committed.
        assert [f.name for f in found if NoneType in get_args(f.type)] == (["kept"] if later is Decided else [])


async def test_the_effects_of_a_day_come_in_one_order(office: Office, ledger: SqlLedger) -> None:
    calls: list[str] = []
    assert (await run_daily(noted(office.desk(), calls), DAY)).status is RunStatus.DONE
    assert first_calls(calls) == [name for name in EFFECTS if name != "add_notice"]
    assert calls.index("close") == max(i for i, name in enumerate(calls) if name in {"settle", "place", "close"})


async def test_people_are_told_of_an_end_after_it_is_on_record(office: Office, ledger: SqlLedger) -> None:
    wanted = Notifications(urls=("json://localhost",), on=(Occasion.HALTED,))
    office.policy = policy().model_copy(update={"notifications": wanted})
    calls: list[str] = []

    async def contradicted(desk: Desk, run: Run) -> Executed:
        await perform_stages(desk, run)
        raise Halted("the books contradict", "Look")

    result = await run_daily(noted(office.desk(), calls), DAY, contradicted)
    assert result.status is RunStatus.HALTED
    assert calls.index("tighten") < calls.index("close") < calls.index("add_notice")
