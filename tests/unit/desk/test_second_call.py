"""Who calls again on the same day hears first that nothing was sent now."""

import json

import pytest

from app.commands.output import NOTHING_NOW, show
from app.commands.service_client import MadeBefore
from app.desk.run.attempt import RunRequest
from app.desk.run.daily import run_daily
from app.web.runs import MADE_BEFORE, response_of
from tests.support.fakes import Office

DAY = RunRequest()


async def test_a_second_call_is_told_apart_from_the_run_itself(office: Office) -> None:
    first = await run_daily(office.desk(), DAY)
    again = await run_daily(office.desk(), DAY)
    assert again.report == first.report
    assert (MADE_BEFORE in response_of(first).headers, response_of(again).headers[MADE_BEFORE]) == (False, "true")


async def test_it_is_the_first_thing_that_a_person_reads(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    report = (await run_daily(office.desk(), DAY)).report
    assert report is not None
    show(report, as_json=False)
    assert NOTHING_NOW not in " ".join(capsys.readouterr().out.split())
    show(MadeBefore(report), as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"Done: {NOTHING_NOW}, at 15:00 UTC; on {report['session_date']}: sold 2 names")


async def test_a_program_gets_the_report_as_it_was_and_who_watches_hears_it_beside(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    report = (await run_daily(office.desk(), DAY)).report
    assert report is not None
    show(MadeBefore(report), as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out) == report
    assert NOTHING_NOW in told.err
