"""A client of the service: it asks for work until that is done or the time is up, whatever becomes of the service.

A call that was cut off may have done its work. It is made again only where that does nothing twice; where it could,
what became of the run is looked up, or the caller is told to look.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from app.desk.clock import steady_seconds
from app.desk.desk import Progress
from app.desk.records import RunStatus
from app.desk.run.wait import LONGEST_SECONDS, Patience, lease_words
from app.domain.errors import (
    Fenced,
    Halted,
    NotAllowed,
    OutOfTime,
    PolicyError,
    PortfolioError,
    RunAtWork,
    UsageError,
)
from app.domain.spelling import shortened
from app.settings import Settings

NDJSON: Final = "application/x-ndjson"
# Without a word for so long a service is asked whether it still answers.
QUIET_SECONDS = 30.0
POLL_SECONDS = 0.5
_PROBE_SECONDS = 5.0
# What was asked for cannot be had, however often it is asked.
_OUR_MISTAKE = frozenset({400, 404, 405, 413, 415, 422})
# The guard of the service: who asks may not, or asks too often.
_GUARDED = frozenset({401, 403, 429})
# Nothing was sent.
_NEVER_MADE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol)
IN_PROGRESS: Final = "Wait for it with --wait, or look later: `portfolio runs`"
# Of a proxy between, which has given up while the service may be at work.
_OF_A_PROXY = frozenset({502, 504})
_ONE_RUN = re.compile(r"/runs/([^/]+)/(?:approve|reject)")
WHILE_ANOTHER_RUNS: Final = Patience(turn=True)
Report = Mapping[str, Any]
# As the service has it.
_MADE_BEFORE = "Made-Before"


class MadeBefore(dict[str, Any]):
    """The report of a run that an earlier call made: the one that was answered with it did nothing."""


class ServiceFailed(PortfolioError):
    """The service could not do the work, or could not be asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the service; `again` is the seconds after which it wants to be asked again."""

    status: int
    body: Report
    again: float = POLL_SECONDS


class Lost(Exception):
    """The connection went; what was asked for may have been done."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked for; `shown_by` are the commands that show whether it was done."""

    path: str
    body: Mapping[str, Any] | None = None
    method: str = "POST"
    shown_by: str = "`portfolio runs`, then `portfolio show RUN`"

    @property
    def is_repeatable(self) -> bool:
        """Asked once more it does nothing twice: one run holds the day's key, and a second dry run sends nothing."""
        return self.method == "GET" or self.path.startswith(("/run/daily", "/reconcile", "/recover"))

    @property
    def run_id(self) -> str | None:
        """The run that it is about, where it names one."""
        found = _ONE_RUN.fullmatch(self.path)
        return found[1] if found else None


def with_query(path: str, **asked: object) -> str:
    """The path with what is asked for; what is None is left out."""
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{path}?{query}" if query else path


@contextmanager
def client(url: str) -> Iterator[httpx2.Client]:
    """A connection for each call: one that is kept may have died with its service. ServiceFailed for no address."""
    require_address(url)
    with httpx2.Client(base_url=url, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)) as made:
        yield made


def require_address(url: str) -> None:
    """Raises: UsageError where it is none of a service."""
    try:
        asked = httpx2.URL(url)
        is_one = asked.scheme in ("http", "https") and bool(asked.host) and 0 < (asked.port or 80) < 65_536
        is_one = is_one and not any(one.isspace() for one in url)
    except (httpx2.InvalidURL, ValueError):
        is_one = False
    if not is_one:
        raise UsageError(f"--url {shortened(url)} is not an address", "Write it as http://host:port")


def ask_service(
    settings: Settings, url: str, call: Call, tell: Progress, patience: Patience = WHILE_ANOTHER_RUNS
) -> Report:
    """What the service at `url` answers; progress goes to `tell`. Raises as `ServiceClient.work`."""
    caller_token = settings.read_caller_token()
    token = caller_token.get_secret_value() if caller_token else None
    with client(url) as http:
        return ServiceClient(http, token, tell, patience).work(call)


class ServiceClient:
    """Of one service, with one caller's patience."""

    def __init__(self, http: httpx2.Client, token: str | None, tell: Progress, patience: Patience) -> None:
        self._http = http
        self._url = str(http.base_url).rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._tell = tell
        self._patience = patience
        self._seconds = LONGEST_SECONDS if patience.seconds is None else patience.seconds
        self._began = steady_seconds()
        self._reached = False
        self._doing = f"nothing has begun at {self._url}"
        self._remedy = ""

    def work(self, call: Call) -> Report:
        """The report of the work asked for.

        Raises UsageError where the request was wrong, OutOfTime when the time is up, ServiceFailed for everything else.
        """
        self._remedy = f"Look before you ask again: {call.shown_by}"
        if call.is_repeatable:
            self._remedy = "It may go on: `portfolio runs` shows it, and running again does nothing twice"
        while True:
            self._doing = f"the service at {self._url} has not said what became of it"
            try:
                found = self._read(call, self._send(call))
            except _NEVER_MADE as error:
                self._unheard(str(error))
                continue
            except Lost as lost:
                self._reached = True
                found = self._what_became_of(call, str(lost))
            if found is not None:
                return found

    def _unheard(self, why: str) -> None:
        """A service that was there may be starting again; one that never was is named wrongly, or not up."""
        if not self._reached:
            raise ServiceFailed(
                f"no answer from the service at {self._url}: {why}",
                "Is it up? Try `portfolio serve`, or `portfolio up` on the simulator",
            )
        self._until_it_answers(why)

    def _read(self, call: Call, answer: Answer) -> Report | None:
        """The report, or None when it is time to ask again."""
        self._reached = True
        if answer.status == 200:
            return answer.body
        if answer.status == 202:
            self._require_patience(answer.body)
            found = self._its_end(str(answer.body["run_id"]))
            # A dry run that was waited for is the answer; any other result the service gives to whoever asks for it.
            return found if found is not None and found["status"] == RunStatus.DRY_RUN and call.is_repeatable else None
        if not self._is_waited_for(call, answer):
            raise _failure(answer)
        self._doing = str(answer.body.get("detail"))
        self._tell(f"{self._doing}; asking again in {answer.again:.0f} s")
        self._pause(answer.again)
        return None

    def _is_waited_for(self, call: Call, answer: Answer) -> bool:
        if answer.body.get("title") == Fenced.__name__:
            # Another process goes on with the run.
            return self._patience.turn and call.is_repeatable
        if answer.status == 503 and answer.body.get("title") != RunAtWork.__name__:
            return self._patience.login
        return answer.status in {429, 503} and self._patience.turn

    def _require_patience(self, running: Report) -> None:
        if not self._patience.turn:
            raise ServiceFailed(
                f"run {running['run_id']} is in progress elsewhere{_lease_words(running, '; ')}", IN_PROGRESS
            )

    def _what_became_of(self, call: Call, why: str) -> Report | None:
        """After the connection was lost: the report if there is one, None when the call may be made again."""
        self._left()
        if not call.is_repeatable and call.run_id is None:
            raise ServiceFailed(
                f"the connection to the service at {self._url} was lost, and the work may have been done: {why}",
                self._remedy,
            )
        self._until_it_answers(why)
        if call.run_id is None:
            self._pause(POLL_SECONDS)
            return None
        found = self._its_end(call.run_id)
        if found is None:
            raise ServiceFailed(
                f"run {call.run_id} was being worked on by a process that ended", "`portfolio run` goes on with it"
            )
        # It may have been approved, and ask again because a price moved: that is for the person to see.
        if found["status"] == RunStatus.AWAITING_APPROVAL:
            raise ServiceFailed(f"the connection was lost, and run {call.run_id} waits for approval", self._remedy)
        return found

    def _its_end(self, run_id: str) -> Report | None:
        """The run once it has ended; None when nobody is at work on it any more."""
        said = ""
        while True:
            answer = self._one_run(run_id)
            found = answer.body
            if answer.status == 404:
                raise ServiceFailed(
                    f"run {run_id} is not in the service's ledger any more",
                    "Its database was replaced: restore it before anything runs (docs/runbook.md)",
                )
            if answer.status == 200:
                if found["status"] != RunStatus.RUNNING:
                    return found
                if found.get("lapsed"):
                    self._tell(f"nobody is at work on run {run_id} any more; asking for it again")
                    return None
                self._doing = f"run {run_id} is in progress elsewhere{_lease_words(found, '; ')}"
                # Not anew for each look, but when the lease was renewed.
                if str(found.get("lease_until")) != said:
                    self._tell(f"{self._doing}; waiting for it")
                said = str(found.get("lease_until"))
            elif answer.status != 429 and answer.status < 500:
                # Who may not look does not know either that nothing was done.
                raise ServiceFailed(*_words(answer))
            self._pause(answer.again)

    def _one_run(self, run_id: str) -> Answer:
        while True:
            try:
                with _errors():
                    return _answer(self._http.get(f"/runs/{run_id}", headers=self._headers, timeout=self._probing()))
            except (Lost, *_NEVER_MADE) as error:
                self._until_it_answers(str(error))
                self._pause(POLL_SECONDS)

    def _until_it_answers(self, why: str) -> None:
        """Asked for its health, which costs nothing, and not for work, which a frozen service would heap up."""
        said = False
        while True:
            try:
                self._http.get("/health", timeout=self._probing()).raise_for_status()
            except httpx2.HTTPError as error:
                why = str(error) or why
            else:
                self._tell(f"the connection to the service was lost ({why}); asking what became of the run")
                return
            if not said:
                self._tell(f"the service at {self._url} does not answer ({why}); trying until it does")
            said = True
            self._doing = f"the service at {self._url} does not answer ({why})"
            self._pause(1.0)

    def _send(self, call: Call) -> Answer:
        """Raises Lost where the call may have been heard, ConnectError where it was not."""
        left = self._left()
        # Only where it can be found out what became of the work is a quiet service given up before the time is up.
        quiet = min(QUIET_SECONDS, left) if call.is_repeatable or call.run_id else left
        headers = {"Accept": NDJSON, **self._headers}
        asked = self._http.stream(call.method, call.path, headers=headers, json=call.body, timeout=quiet)
        with _errors(), asked as response:
            if response.headers.get("content-type", "").startswith(NDJSON):
                return self._follow(response)
            response.read()
            return _answer(response)

    def _follow(self, response: httpx2.Response) -> Answer:
        """Lines of progress, and a last one with the answer."""
        for line in response.iter_lines():
            try:
                said: dict[str, Any] = json.loads(line)
            except ValueError:
                break
            if "body" in said:
                body = MadeBefore(said["body"]) if said.get("made_before") else said["body"]
                return Answer(said["status"], body, _retry_after(response.headers, said["status"]))
            self._tell(str(said["progress"]))
            self._left()
        raise Lost("it ended in the middle")

    def _probing(self) -> float:
        return min(_PROBE_SECONDS, self._left())

    def _pause(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self._left())))

    def _left(self) -> float:
        left = self._seconds - (steady_seconds() - self._began)
        if left <= 0:
            raise OutOfTime(f"{self._seconds:g} s have passed: {self._doing}", self._remedy)
        return left


@contextmanager
def _errors() -> Iterator[None]:
    """Every way in which a connection is lost as Lost, but for one that was never made."""
    try:
        yield
    except _NEVER_MADE:
        raise
    except httpx2.HTTPError as error:
        raise Lost(str(error) or type(error).__name__) from None


def _answer(response: httpx2.Response) -> Answer:
    if response.status_code in _OF_A_PROXY:
        raise Lost(f"a proxy answers {response.status_code}")
    try:
        body = response.json()
    except ValueError:
        body = None
    # What refuses says why; whatever else is there has its own form.
    if not isinstance(body, dict) or (response.is_error and not body.get("detail") and response.status_code < 500):
        raise ServiceFailed(
            f"no answer from the service at {response.url.host}: what it says is not the service's",
            "Does --url name the service?",
        )
    if _MADE_BEFORE in response.headers:
        body = MadeBefore(body)
    return Answer(response.status_code, body, _retry_after(response.headers, response.status_code))


def _retry_after(headers: Mapping[str, str], status: int) -> float:
    written = headers.get("Retry-After", "")
    if written.isascii() and written.isdigit():
        return float(written)
    # A stream has no header left to say it in.
    return 60.0 if status == 503 else POLL_SECONDS


def _failure(answer: Answer) -> PortfolioError:
    detail, remedy = _words(answer)
    if answer.status in _OUR_MISTAKE:
        return UsageError(detail, remedy)
    if answer.status in _GUARDED:
        return NotAllowed(detail, remedy)
    told = {each.__name__: each for each in (PolicyError, Halted)}.get(str(answer.body.get("title")), ServiceFailed)
    return told(detail, remedy)


def _words(answer: Answer) -> tuple[str, str | None]:
    """Why not, and what to do, also where a program between or another version of the service says it otherwise."""
    detail, remedy = answer.body.get("detail"), answer.body.get("remedy")
    if isinstance(detail, list):
        detail = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in detail)
    words = str(detail) if detail else f"the service answers {answer.status} and does not say why"
    if "errors" in answer.body:
        remedy = "Nothing was done; correct it and ask again"
    return words, str(remedy) if remedy else None


def _lease_words(running: Report, before: str) -> str:
    """Nothing where an earlier version of the service does not say."""
    seconds = running.get("lease_seconds")
    return "" if seconds is None else before + lease_words(seconds)
