"""`portfolio events` on a ledger that grows; over HTTP it is read in test_service.py."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from app.commands.events import events
from app.desk.records import Event
from app.domain.errors import UsageError
from app.ledger.engine import open_ledger
from tests.e2e.command import PATIENCE_SECONDS, PROGRAM, environment
from tests.unit.ledger.builders import AT, BOOK


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """With a ledger of three events."""
    folder = tmp_path / "state"
    folder.mkdir()
    ledger = open_ledger(f"sqlite:///{folder / 'portfolio.db'}")
    for kind in ("noted", "seen", "noted"):
        ledger.observe(BOOK, [Event(kind, {"what": f"{BOOK} is {kind}"})], AT)
    ledger.dispose()
    return folder


def test_the_newest_events_are_shown_in_their_order_and_those_asked_for(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events(limit=2, state=state)
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines()] == ["seen", "noted"]
    events(book=BOOK, kind=["noted"], state=state, as_json=True)
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["payload"] for event in shown] == [{"what": "… is noted"}] * 2
    assert [event["number"] for event in shown] == sorted(event["number"] for event in shown)
    with pytest.raises(UsageError, match="there is no event 99"):
        events(after=99, state=state)


def test_the_command_follows_until_it_is_interrupted(tmp_path: Path, state: Path) -> None:
    command = [str(PROGRAM), "events", "--state", str(state), "--json", "--follow", "--kind", "noted"]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert [json.loads(following.stdout.readline())["kind"] for _ in range(2)] == ["noted", "noted"]
        ledger = open_ledger(f"sqlite:///{state / 'portfolio.db'}")
        ledger.observe(BOOK, [Event("seen"), Event("noted", {"what": "new"})], AT)
        assert json.loads(following.stdout.readline())["payload"] == {"what": "new"}
        ledger.dispose()
        following.send_signal(signal.SIGINT)
        assert following.wait(PATIENCE_SECONDS) == 0
