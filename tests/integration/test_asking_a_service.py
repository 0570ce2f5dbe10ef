"""Whoever asks a service for work waits until it is done or the time is up, and hears what became of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.commands.service_client import Call, ServiceClient, ServiceFailed, client
from app.desk.run.wait import Patience
from app.domain.errors import NotAllowed, OutOfTime, PortfolioError, UsageError
from tests.e2e.command import portfolio
from tests.support.serving import listening, served_beside

DAILY, DRY = Call("/run/daily", None), Call("/run/daily?dry_run=true", None)
RECONCILE, EXIT = Call("/reconcile", None), Call("/exit/KO", {"confirm": True})
APPROVE = Call("/runs/run_1/approve", {"actor": "owner"})
DONE = {"run_id": "run_1", "status": "done", "slot": "daily"}
LEASE = {"lease_until": "2026-11-30T12:00:00+00:00", "lease_seconds": 87.0, "lapsed": False}
BUSY = {"run_id": "run_1", "status": "running", "address": "/runs/run_1", **LEASE}
OVERVIEW = {"run_id": "run_1", "status": "running", "slot": "daily", **LEASE}
LAPSED = {**OVERVIEW, "lease_seconds": 0.0, "lapsed": True}
WAITING = Patience(turn=True, seconds=60)


@dataclass(frozen=True)
class Say:
    """One answer; a `stream` of lines, broken off where `cut`; nothing at all where `status` is 0."""

    status: int
    body: Any = None
    retry_after: str | None = "0"
    stream: Sequence[Any] = ()
    cut: bool = False


def problem(status: int, title: str) -> Say:
    return Say(status, {"title": title, "status": status, "detail": f"{title} it is", "remedy": "Do this"})


@dataclass
class Scripted:
    """A service that says what it is told to, in order; of each the last again and again."""

    posts: list[Say] = field(default_factory=list)
    gets: list[Say] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._lifespan(receive, send)
        if scope["path"] == "/health":
            return await self._answer(Say(200, {"status": "ok"}), receive, send)
        self.heard.append(f"{scope['method']} {scope['path']}")
        script = self.posts if scope["method"] == "POST" else self.gets
        return await self._answer(script.pop(0) if len(script) > 1 else script[0], receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    async def _answer(self, say: Say, receive: Receive, send: Send) -> None:
        if say.status == 0:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        kind = b"application/x-ndjson" if say.stream else b"application/json"
        headers = [(b"content-type", kind)]
        if say.retry_after is not None:
            headers.append((b"retry-after", say.retry_after.encode()))
        await send({"type": "http.response.start", "status": say.status, "headers": headers})
        for line in say.stream:
            text = line if isinstance(line, str) else json.dumps(line) + "\n"
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        if say.cut:
            raise ConnectionError("cut")
        body = b"" if say.stream else say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Heard:
    """What the caller got, and what it was told on the way."""

    report: Any
    error: PortfolioError | None
    told: str
    calls: list[str]


Ask = Callable[..., Heard]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Asks one service, which has another script each time."""
    script = Scripted()

    def ask(posts: list[Say], gets: list[Say] | None = None, call: Call = DAILY, patience: Patience = WAITING) -> Heard:
        script.posts, script.gets, script.heard = posts, gets or [Say(200, OVERVIEW)], []
        told: list[str] = []
        try:
            report, error = ServiceClient(http, None, told.append, patience).work(call), None
        except PortfolioError as caught:
            report, error = None, caught
        return Heard(report, error, "\n".join(told), script.heard)

    with served_beside(script) as url, client(url) as http:
        yield ask


def test_the_lapsed_lease_of_a_run_that_was_waited_for_is_seen_and_the_run_is_asked_for_again(ask: Ask) -> None:
    heard = ask([Say(202, BUSY), Say(200, DONE)], [Say(200, OVERVIEW), Say(200, LAPSED)])
    assert heard.report == DONE
    assert "run run_1 is in progress elsewhere; its lease holds until " in heard.told
    assert "(87 s)" in heard.told
    assert "nobody is at work on run run_1 any more" in heard.told
    assert heard.calls == ["POST /run/daily", "GET /runs/run_1", "GET /runs/run_1", "POST /run/daily"]


def test_a_run_that_another_one_did_is_asked_for_again_and_given_by_the_service(ask: Ask) -> None:
    assert ask([Say(202, BUSY), Say(200, DONE)], [Say(200, DONE)]).report == DONE


def test_a_run_that_failed_while_it_was_waited_for_is_run_again(ask: Ask) -> None:
    failed = {**OVERVIEW, "status": "failed", "lease_until": None, "lease_seconds": None}
    assert ask([Say(202, BUSY), Say(200, DONE)], [Say(200, failed)]).report == DONE


def test_after_another_slots_run_comes_what_was_asked_for(ask: Ask) -> None:
    sold = {**DONE, "slot": "exit-ko-1", "run_id": "run_2"}
    assert ask([Say(202, BUSY), Say(200, sold)], [Say(200, DONE)], EXIT).report == sold


def test_a_dry_run_that_was_waited_for_is_the_answer(ask: Ask) -> None:
    dry = {**DONE, "status": "dry_run"}
    heard = ask([Say(202, BUSY)], [Say(200, dry)], DRY)
    assert (heard.report, len(heard.calls)) == (dry, 2)


def test_the_time_is_up_while_a_run_is_waited_for(ask: Ask) -> None:
    heard = ask([Say(202, BUSY)], patience=Patience(turn=True, seconds=1))
    assert isinstance(heard.error, OutOfTime)
    assert "1 s have passed: run run_1 is in progress elsewhere; its lease holds until " in str(heard.error)
    assert heard.error.remedy


@pytest.mark.parametrize(
    "say",
    [Say(0), Say(200, stream=[{"progress": "reading"}] * 3, cut=True), Say(502, b"<html>bad gateway</html>")],
    ids=["frozen", "cut again and again", "proxy"],
)
def test_the_time_is_up_whatever_the_service_does(ask: Ask, say: Say) -> None:
    heard = ask([say], patience=Patience(turn=True, seconds=1))
    assert isinstance(heard.error, OutOfTime)
    assert "has not said what became of it" in str(heard.error)


def test_a_command_whose_time_is_up_ends_with_a_status_of_its_own(tmp_path: Path) -> None:
    with served_beside(Scripted([Say(202, BUSY)], [Say(200, OVERVIEW)])) as url:
        said = portfolio(tmp_path, "run", "--url", url, "--timeout", "1")
        refused = portfolio(tmp_path, "reconcile", "--url", url, "--no-wait")
    (line,) = said.errors
    assert line.startswith("portfolio: 1 s have passed: run run_1 is in progress elsewhere; its lease holds until ")
    assert (said.status, refused.status) == (3, 1)


def test_a_frozen_run_is_waited_for_no_longer_than_told(ask: Ask) -> None:
    heard = ask([Say(202, BUSY)], [Say(0)], patience=Patience(turn=True, seconds=1))
    assert isinstance(heard.error, OutOfTime)


@pytest.mark.parametrize(
    "lines",
    [
        [{"progress": "reading"}],
        [{"progress": "reading"}, '{"status": 200, "bo'],
        ["{"],
    ],
)
@pytest.mark.parametrize("cut", [True, False], ids=["broken off", "ended"])
def test_after_a_cut_in_the_middle_it_is_said_what_became_of_the_run(ask: Ask, lines: list[Any], cut: bool) -> None:
    heard = ask([Say(200, stream=lines, cut=cut), Say(202, BUSY), Say(200, DONE)], [Say(200, OVERVIEW), Say(200, DONE)])
    assert heard.report == DONE
    assert "asking what became of the run" in heard.told


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_that_gave_up_does_not_end_the_waiting(ask: Ask, status: int) -> None:
    assert ask([Say(status, b"<html>"), Say(200, DONE)]).report == DONE


@pytest.mark.parametrize("call", [RECONCILE, DRY])
def test_what_does_nothing_twice_is_asked_for_again_after_a_cut(ask: Ask, call: Call) -> None:
    assert ask([Say(200, {"half": 1}, cut=True), Say(200, DONE)], call=call).report == DONE


def test_an_exit_is_never_asked_for_again_after_a_cut(ask: Ask) -> None:
    heard = ask([Say(502, b"")], call=EXIT)
    assert isinstance(heard.error, ServiceFailed)
    assert "the work may have been done" in str(heard.error)
    assert "portfolio runs" in str(heard.error)
    assert heard.calls == ["POST /exit/KO"]


def test_a_halt_that_was_cut_off_says_how_to_see_whether_it_was_done(ask: Ask) -> None:
    call = Call("/halt", {"reason": "a test"}, shown_by="`portfolio level`")
    heard = ask([Say(200, {"half": 1}, cut=True)], call=call)
    assert "the work may have been done" in str(heard.error)
    assert str(heard.error).endswith("Look before you ask again: `portfolio level`")
    assert heard.calls == ["POST /halt"]


def test_a_level_that_was_cut_off_is_read_again(ask: Ask) -> None:
    heard = ask([], [Say(504, b""), Say(200, {"level": "ACTIVE"})], Call("/level", method="GET"))
    assert heard.report == {"level": "ACTIVE"}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (LAPSED, "run run_1 was being worked on by a process that ended. `portfolio run` goes on with it"),
        ({**DONE, "status": "awaiting_approval"}, "the connection was lost, and run run_1 waits for approval"),
    ],
)
def test_an_approval_that_was_cut_off_is_looked_up_and_never_given_again(
    ask: Ask, found: dict[str, Any], says: str
) -> None:
    heard = ask([Say(504, b"")], [Say(200, OVERVIEW), Say(200, found)], APPROVE)
    assert says in str(heard.error)
    assert heard.calls[0] == "POST /runs/run_1/approve"
    assert set(heard.calls[1:]) == {"GET /runs/run_1"}


def test_an_exit_that_another_process_goes_on_with_is_not_asked_for_again(ask: Ask) -> None:
    heard = ask([problem(500, "Fenced")], call=EXIT)
    assert isinstance(heard.error, ServiceFailed)
    assert heard.calls == ["POST /exit/KO"]


def test_an_approval_that_was_cut_off_and_done_is_its_report(ask: Ask) -> None:
    assert ask([Say(504, b"")], [Say(200, OVERVIEW), Say(200, DONE)], APPROVE).report == DONE


def test_a_database_that_was_replaced_is_named(ask: Ask) -> None:
    heard = ask([Say(202, BUSY)], [problem(404, "Not Found")])
    assert isinstance(heard.error, ServiceFailed)
    assert "run run_1 is not in the service's ledger any more" in str(heard.error)


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_service_that_cannot_say_it_now_is_asked_again(ask: Ask, status: int) -> None:
    heard = ask([Say(202, BUSY), Say(200, DONE)], [problem(status, "Busy"), Say(200, DONE)])
    assert heard.report == DONE


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_look_is_told_so(ask: Ask, status: int) -> None:
    heard = ask([Say(202, BUSY)], [problem(status, "Forbidden")])
    assert isinstance(heard.error, ServiceFailed)
    assert str(heard.error) == "Forbidden it is. Do this"


@pytest.mark.parametrize(
    ("say", "patience", "waits"),
    [
        (problem(429, "Too Many Requests"), WAITING, True),
        (problem(429, "Too Many Requests"), Patience(seconds=60), False),
        (problem(503, "RunAtWork"), WAITING, True),
        (problem(503, "RunAtWork"), Patience(seconds=60), False),
        (problem(503, "NotReady"), WAITING, False),
        (problem(503, "NotReady"), Patience(login=True, turn=True, seconds=60), True),
        (problem(500, "Fenced"), WAITING, True),
        (problem(500, "LedgerError"), WAITING, False),
        (Say(200, stream=[{"status": 500, "body": {"title": "Fenced", "detail": "taken over"}}]), WAITING, True),
        (Say(202, BUSY), Patience(seconds=60), False),
    ],
)
def test_what_is_waited_for_is_the_callers_to_say(ask: Ask, say: Say, patience: Patience, waits: bool) -> None:
    heard = ask([say, Say(200, DONE)], [Say(200, DONE)], patience=patience)
    assert (heard.report == DONE) == waits
    assert isinstance(heard.error, ServiceFailed | NotAllowed) != waits


def test_who_does_not_wait_is_told_until_when_the_lease_holds(ask: Ask) -> None:
    heard = ask([Say(202, BUSY)], patience=Patience())
    assert "run run_1 is in progress elsewhere; its lease holds until " in str(heard.error)
    assert "(87 s). Wait for it with --wait" in str(heard.error)


def test_a_service_of_an_earlier_version_that_tells_no_lease_is_waited_for(ask: Ask) -> None:
    busy = {"run_id": "run_1", "status": "running", "address": "/runs/run_1"}
    running = {"run_id": "run_1", "status": "running", "slot": "daily"}
    heard = ask([Say(202, busy), Say(200, DONE)], [Say(200, running), Say(200, running), Say(200, DONE)])
    assert heard.report == DONE
    assert heard.told == "run run_1 is in progress elsewhere; waiting for it"
    assert "run run_1 is in progress elsewhere." in str(ask([Say(202, busy)], patience=Patience()).error)


@pytest.mark.parametrize("say", [Say(200, b"<html>hello</html>"), Say(200, [1, 2]), Say(404, b"not here")])
def test_what_is_no_service_is_named_at_once(ask: Ask, say: Say) -> None:
    heard = ask([say])
    assert isinstance(heard.error, ServiceFailed)
    assert "Does --url name the service?" in str(heard.error)
    assert len(heard.calls) == 1


@contextmanager
def nobody() -> Iterator[str]:
    """The address of a port on which nobody listens."""
    with listening() as listener:
        number = listener.getsockname()[1]
    yield f"http://127.0.0.1:{number}"


@pytest.mark.parametrize(
    "wrong", ["", "nonsense", "ftp://127.0.0.1", "http://", "http://[::bad", "http://127.0.0.1:99999", "http://a b:1"]
)
def test_what_is_no_address_is_asked_nothing(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"^--url .*is not an address\. Write it as http://host:port$"), client(wrong):
        pass


def test_a_service_that_was_never_there_is_not_waited_for() -> None:
    with (
        nobody() as url,
        pytest.raises(PortfolioError, match="no answer from the service at") as caught,
        client(url) as http,
    ):
        ServiceClient(http, None, lambda _: None, WAITING).work(DAILY)
    assert not isinstance(caught.value, OutOfTime | UsageError)
