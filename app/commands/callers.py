"""How the command line gets work done: by asking a service, or by doing it here with an MCP server of its own."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from app.commands.leftovers import settle
from app.commands.processes import free_ports, mcp_server, private_directory
from app.commands.signals import run_cancellable
from app.desk.attempt import Conduct, RunResult
from app.desk.desk import Desk, Progress
from app.desk.telling import deliver
from app.domain.errors import PortfolioError, UsageError
from app.settings import Settings, load_settings

# What was asked for cannot be had, however often it is asked.
_OUR_MISTAKE = frozenset({400, 404, 413, 415, 422})
NDJSON = "application/x-ndjson"
Job = Callable[[Desk, Conduct, Progress], Awaitable[RunResult]]
Report = Mapping[str, Any]


class ServiceFailed(PortfolioError):
    """The service could not do the work, or could not be asked."""


def ask_service(settings: Settings, url: str, path: str, body: Mapping[str, Any] | None, tell: Progress) -> Report:
    """POST; progress goes to `tell`. A report, waiting for another caller's run to end where there is one.

    Raises UsageError where the request was wrong, ServiceFailed for everything else that went wrong.
    """
    caller_token = settings.read_caller_token()
    token = caller_token.get_secret_value() if caller_token else None
    headers = {"Accept": NDJSON} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer: dict[str, Any] = {}
    try:
        with (
            httpx2.Client(base_url=url, timeout=None, trust_env=False) as http,
            http.stream("POST", path, headers=headers, json=body) as response,
        ):
            for line in response.iter_lines():
                answer = json.loads(line)
                if "progress" in answer:
                    tell(str(answer["progress"]))
            if "body" not in answer:
                answer = {"status": response.status_code, "body": answer}
    except (httpx2.HTTPError, ValueError) as error:
        raise ServiceFailed(f"no answer from the service at {url}: {error}", "Is it up? Try `portfolio up`") from None
    return _report(url, answer["status"], answer["body"], headers, tell)


def work_here(settings: Settings, job: Job, tell: Progress) -> Report:
    """This process works as the app, against IBKR_GATEWAY_URL."""
    from app.agent import conduct
    from app.wiring import wire

    # What goes wrong in a stage reaches the caller as one line; the framework would print it twice before, with traces.
    logging.getLogger("google_adk").setLevel(logging.CRITICAL)
    state = private_directory(settings.state_dir)
    settle(state, tell)
    tell("starting the MCP server")
    with mcp_server(state, free_ports().mcp, settings.ibkr_gateway_url, settings.trading_mode) as variables:
        here = load_settings(
            state_dir=state,
            mcp_url=variables["MCP_URL"],
            mcp_token_file=Path(variables["MCP_TOKEN_FILE"]),
            ticket_key_file=Path(variables["TICKET_KEY_FILE"]),
        )

        async def work() -> RunResult:
            wiring = wire(here)
            desk = wiring.desk()
            try:
                return await job(desk, conduct, tell)
            finally:
                await deliver(desk)
                await wiring.close()

        try:
            # An order on the wire gets its answer on record before the process ends, which an exit would not leave.
            result = run_cancellable(work())
        except asyncio.CancelledError:
            raise ServiceFailed("the run was stopped", "Run again: the next run goes on where it stopped") from None
    if result.report is None:
        raise ServiceFailed(f"run {result.run_id} is in progress elsewhere", "`portfolio show` it later")
    return result.report


def _report(url: str, status: int, body: Report, headers: Mapping[str, str], tell: Progress) -> Report:
    if status == 202:
        return _await_other(url, body, headers, tell)
    if status == 200:
        return body
    failure = UsageError if status in _OUR_MISTAKE else ServiceFailed
    raise failure(body.get("detail") or str(body), body.get("remedy"))


def _await_other(url: str, running: Report, headers: Mapping[str, str], tell: Progress) -> Report:
    tell(f"another caller's run {running['run_id']} is in progress; waiting for it")
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as http:
        while True:
            answer = http.get(running["address"], headers={**headers, "Accept": "*/*"})
            found: dict[str, Any] = answer.json()
            if answer.status_code not in {200, 429}:
                return _report(url, answer.status_code, found, headers, tell)
            if answer.status_code == 200 and found["status"] != "running":
                return found
            time.sleep(float(answer.headers.get("Retry-After", 0.5)))
