"""The first contact of books that people bring, across processes: simulator, MCP server, service."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.adoption.test_desk import MOST, traded
from tests.support.stack import SIMULATED, running, service


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["three_funds", "twelve_others", "mixed"])
async def test_a_service_leaves_a_book_in_peace_that_the_policy_would_not_have_made(
    tmp_path: Path, scenario: str
) -> None:
    with running(tmp_path / "stack", simulated=replace(SIMULATED, scenario=scenario)) as stack:
        async with service(stack.settings(tmp_path / "state")) as http:
            answer = await http.post("/run/daily")
    report = answer.json()
    assert (answer.status_code, report["status"], report["level"]["level"]) == (200, "done", "ACTIVE")
    assert report["evaluation"]["exits_due"] == []
    assert traded(report) <= MOST
