"""`GET /`: what this is and how it stands, as a page or as JSON.

By the ledger and the settings: the broker is not asked. Changes nothing, and waits for nobody.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.desk.accounts import accounts_of, masked
from app.desk.controls.level import level_of
from app.desk.records import RunRecord, RunStatus
from app.domain.errors import PolicyError, PortfolioError
from app.domain.policy import Policy
from app.domain.ruling import KillLevel
from app.explain.source import source_words
from app.settings import Settings, load_policy
from app.web.accepted import wants_html
from app.web.front_page import HEADERS, as_page, front_page
from app.web.middleware import SERVED
from app.web.problems import problem_of
from app.wiring import Wiring

PACKAGE: Final = "portfolio-manager"
# More are at /runs.
MOST_ACCOUNTS: Final = 5
_LEVEL: Final = ("level", "reason", "actor", "at")
_SUMMARY: Final = (("done", "Done"), ("cost", "Cost"), ("now", "Now"), ("needs", "Needs you"))
_MODES: Final = {
    "off": "TRADING_MODE is off: every run is a preview, and nothing is sent.",
    "paper": "Orders go to a paper account or to the simulator: no real money.",
    "live": "LIVE: orders are sent with real money.",
}
_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "How it stands.",
        "content": {"text/html": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
    }
}
_VARY: Final = {"Vary": "Accept", "Cache-Control": "no-store"}
router = APIRouter(responses=SERVED)
Facts = dict[str, Any]


@router.get("/", responses=_FORMS, response_class=Response)
async def front(request: Request, accept: Annotated[str, Header()] = "*/*") -> Response:
    """A page for people; JSON where `Accept` asks for it."""
    wiring: Wiring = request.app.state.wiring
    is_page = wants_html(accept)
    try:
        facts = await asyncio.to_thread(_facts, wiring)
    except PortfolioError as error:
        return as_page(problem_of(error)) if is_page else problem_of(error)
    return HTMLResponse(front_page(facts), headers=dict(HEADERS)) if is_page else JSONResponse(facts, headers=_VARY)


def _facts(wiring: Wiring) -> Facts:
    settings, ledger = wiring.settings, wiring.ledger
    policy, problem = _policy(settings)
    level = level_of(ledger)
    # An account's newest alone: a report may be long, and nobody waits for all of them.
    accounts = accounts_of(ledger.books())[:MOST_ACCOUNTS]
    last = [record for account in accounts for record in ledger.runs(1, None, account)]
    rows = level["accounts"] or [{**level, "account": None}]
    return {
        "name": "Portfolio manager",
        "version": version(PACKAGE),
        "mode": {"trading_mode": settings.trading_mode, "text": _MODES[settings.trading_mode]},
        "policy": {
            "name": policy.name if policy else None,
            "version": policy.version if policy else None,
            "mode": policy.approval.mode.value if policy else None,
            "problem": problem,
        },
        "level": {name: level[name] for name in _LEVEL},
        "levels": [{name: row[name] for name in ("account", *_LEVEL)} for row in rows],
        "last_runs": [_run_facts(record) for record in last],
        "next_steps": list(_next_steps(last, level["level"], problem)) or ["Nothing waits for you until the next run."],
        "links": {name: f"/{name}" for name in ("runs", "level", "positions", "flows", "ready", "health", "docs")},
    }


def _policy(settings: Settings) -> tuple[Policy | None, str | None]:
    try:
        return load_policy(settings.policy_file), None
    except PolicyError as error:
        return None, str(error).splitlines()[0]


def _run_facts(record: RunRecord) -> Facts:
    return {
        "run_id": record.run_id,
        "account": masked(record.key.account),
        "session_date": record.key.session_date.isoformat(),
        "slot": record.key.slot,
        "status": record.status.value,
        "source": record.report.get("source") if record.report else None,
        "lines": list(_lines(record)),
    }


def _lines(record: RunRecord) -> Iterator[str]:
    """The report's first lines; of a run that has none, and of an earlier version's, what there is."""
    report = record.report or {}
    if report.get("source"):
        yield source_words(report["source"])
    summary = report.get("summary")
    if summary:
        yield from (f"{label}: {summary[name]['text']}" for name, label in _SUMMARY if summary.get(name))
        return
    decision = report.get("decision")
    if decision:
        yield f"{decision.get('shown_as') or decision['action']}: {decision['rationale']}"
    portfolio = report.get("portfolio")
    if portfolio:
        worth, cash = (f"{Decimal(portfolio[name]):,.2f}" for name in ("nav", "cash"))
        yield f"net asset value {worth} {portfolio['currency']}, cash {cash}"
    said = report.get("note") or record.error
    if said:
        yield said


def _next_steps(last: Sequence[RunRecord], level: str, problem: str | None) -> Iterator[str]:
    """What only a person can do, as sentences with the commands in backquotes."""
    if problem is not None:
        yield f"The policy cannot be used: {problem}. Correct it: `portfolio policy check`."
    if level != KillLevel.ACTIVE:
        yield f"The kill level is {level}: `portfolio level` says what lifts it."
    if not last:
        yield "No run is on record yet. Look at what a first one would do: `portfolio run --dry-run --url URL`."
    for record in last:
        yield from _steps_of(record)


def _steps_of(record: RunRecord) -> Iterator[str]:
    needs = ((record.report or {}).get("summary") or {}).get("needs")
    if needs and needs.get("actions"):
        yield from needs["actions"]
    elif record.lease is not None and record.lease.lapsed:
        yield f"Nobody is at work on {record.run_id} any more: `portfolio run` goes on with it."
    elif record.status in _STEPS:
        yield _STEPS[record.status].format(run=record.run_id)


_STEPS: Final[Mapping[RunStatus, str]] = {
    RunStatus.RUNNING: "A run is at work: load this page again in a minute.",
    RunStatus.AWAITING_APPROVAL: (
        "Orders wait for you: `portfolio approve {run}`, or `portfolio reject {run} --reason WHY`."
    ),
    RunStatus.NOT_READY: "Log in at the broker's gateway: `portfolio doctor` says where; then `portfolio run`.",
    RunStatus.FAILED: "The last run failed: `portfolio show {run}` says why, `portfolio doctor` looks closer.",
    RunStatus.MISSED: "A day was missed: `portfolio doctor` looks for what was in the way.",
    RunStatus.HALTED: "The last run stopped itself: `portfolio show {run}` says why.",
}
