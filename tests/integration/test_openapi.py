"""The whole description of the service against the service, on a real ledger, MCP server and gateway simulator.

Generated calls meet no server error and nothing that is not described; and every status that is described is seen.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from app.desk.records import Claim
from app.fast_api_app import create_app
from app.ledger.engine import open_ledger
from app.settings import load_settings
from tests.support.serving import served_beside
from tests.support.stack import Stack, running
from tests.unit.policy import samples

DESCRIPTION = create_app(load_settings(caller_token=None, caller_token_file=None)).openapi()
CALLS = [(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 20
DEAD = "http://127.0.0.1:1/mcp"


@dataclass
class House:
    """Services on one gateway, each with a ledger of its own, and every (method, path, status) that was answered."""

    stack: Stack
    state: Path
    closing: ExitStack
    seen: set[tuple[str, str, int]] = field(default_factory=set)

    def service(self, name: str, **changes: object) -> httpx2.Client:
        """A client of a new service; calls are unlimited unless it says otherwise."""
        configured = self.stack.settings(self.state / name, **{"calls_per_minute": 10**6, **changes})
        address = self.closing.enter_context(served_beside(create_app(configured)))
        return self.closing.enter_context(httpx2.Client(base_url=address, timeout=60, trust_env=False))

    def ask(self, http: httpx2.Client, method: str, path: str, status: int, **more: Any) -> Any:  # noqa: ANN401 - JSON
        """One call, which must be answered with that status."""
        # At `/` a page is what is not asked for.
        headers = {"accept": "application/json", **more.pop("headers", {})}
        answer = http.request(method, more.pop("at", None) or at(path), headers=headers, **more)
        assert answer.status_code == status, (method, path, answer.text)
        self.seen.add((method, path, status))
        return answer.json()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path) as house:
        yield house


@contextmanager
def opened(state: Path) -> Iterator[House]:
    """On a gateway of its own."""
    with running(state / "stack") as stack, ExitStack() as closing:
        yield House(stack, state, closing)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The schema as generated calls need it, of a service that has had its day."""
    with opened(tmp_path_factory.mktemp("generated")) as house:
        yield _generating(house.service("generated"))


def _generating(http: httpx2.Client) -> Any:  # noqa: ANN401 - untyped in schemathesis
    assert http.post("/run/daily").status_code == 200
    schema = schemathesis.openapi.from_url(f"{http.base_url}/openapi.json")
    schema.config.update(base_url=str(http.base_url))
    return schema


def at(path: str, run_id: str = "x", symbol: str = "KO", number: int = 1) -> str:
    """The address of a call that could be meant."""
    filled = path.format(run_id=run_id, symbol=symbol, number=number)
    return f"{filled}?amount=500" if path == "/flows/what-if" else filled


def operation(method: str, path: str) -> dict[str, Any]:
    """As it is described."""
    return dict(DESCRIPTION["paths"][path][method.lower()])


def takes_something(method: str, path: str) -> bool:
    """Whether there is anything that could be wrong: any text may stand in a path."""
    described = operation(method, path)
    return "requestBody" in described or any(one["in"] == "query" for one in described.get("parameters", ()))


GENERATED = [(*call, GenerationMode.POSITIVE) for call in CALLS] + [
    (*call, GenerationMode.NEGATIVE) for call in CALLS if takes_something(*call)
]


@pytest.mark.parametrize(("method", "path", "mode"), GENERATED)
def test_no_generated_call_meets_a_fault_or_anything_that_is_not_described(
    described: Any,  # noqa: ANN401 - untyped in schemathesis
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    strategy = described[path][method].as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def call(case: Any) -> None:  # noqa: ANN401 - untyped in schemathesis
        if mode is GenerationMode.POSITIVE and case.query:
            # Half a minute for an event that nobody makes shows nothing.
            case.query.pop("wait", None)
        case.validate_response(case.call(), checks=CHECKS)

    call()


WITH_BODY = [call for call in CALLS if "requestBody" in operation(*call)]
# Answered to every call that has it in its description, whatever the call is: before its route, or instead of it.
ANYWHERE: dict[int, dict[str, Any]] = {
    400: {"headers": {"host": "[bad"}},
    403: {"headers": {"origin": "http://127.0.0.1:3000"}},
    413: {"content": b"x" * 1_000_001},
    422: {"params": {"nonsense": "1"}},
}
STATEMENT = """Deposits & Withdrawals,Header,Currency,Settle Date,Description,Amount
Deposits & Withdrawals,Data,USD,{day},Electronic Fund Transfer,20000
"""
SAID = {
    "actor": "owner",
    "reason": "a test",
    "note": "a test",
    "amount": 20000,
    "confirm": True,
    "adopt": ["all"],
    "mode": "now",
    "by": "2199-12-31",
    "csv": STATEMENT.format(day="2022-03-14"),
}


def body_of(method: str, path: str) -> dict[str, Any]:
    """A request that could be meant; nothing where no body belongs."""
    described = operation(method, path)
    if "requestBody" not in described:
        return {}
    name = described["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return {
        "json": {name: SAID[name] for name in DESCRIPTION["components"]["schemas"][name]["properties"] if name in SAID}
    }


def calls_with(status: int) -> list[tuple[str, str]]:
    """Those that are described as being answered so."""
    return [call for call in CALLS if str(status) in operation(*call)["responses"]]


def test_every_status_that_is_described_is_seen(house: House) -> None:
    refused_anywhere(house)
    out_of_order(house, asking_policy(house))
    a_day_and_a_half(house, asking_policy(house))
    described = {(*call, int(status)) for call in CALLS for status in operation(*call)["responses"]}
    assert described - house.seen == set()
    assert house.seen - described == set()


def asking_policy(house: House) -> Path:
    """Every order waits for a person, and a day may have a second run."""
    text = samples.with_line("mode: auto", "mode: approve").replace("scope: discretionary", "scope: all")
    path = house.state / "fetching.yaml"
    path.write_text(text.replace("  slots: {}", '  slots: {second: "15:30"}'), encoding="utf-8")
    return path


def refused_anywhere(house: House) -> None:
    """What the guard, the bounds and the spelling answer, on every call."""
    http = house.service("refused")
    for status, wrong in ANYWHERE.items():
        for call in calls_with(status):
            house.ask(http, *call, status, **wrong)
    for call in WITH_BODY:
        house.ask(http, *call, 415, content=b"{}", headers={"content-type": "text/plain"})
    known, limited = house.service("known", caller_token="secret"), house.service("limited", calls_per_minute=1)
    limited.get("/runs")
    for call in calls_with(401):
        house.ask(known, *call, 401)
        assert house.ask(limited, *call, 429)["remedy"]
    slow = house.service("slow", body_seconds=0.05)
    for method, path in calls_with(408):
        house.seen.add((method, path, unfinished(slow, method, path)))


def unfinished(http: httpx2.Client, method: str, path: str) -> int:
    """The status of a call whose body never comes."""
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as line:
        line.sendall(f"{method} {at(path)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def out_of_order(house: House, asks: Path) -> None:
    """A policy that cannot be read any more, a broker that is not there, and a ledger that was taken away."""
    policy = samples.write(house.state, samples.text())
    broken = house.service("broken", policy_file=policy)
    policy.write_text("name: [", encoding="utf-8")
    waits = house.service("alone", policy_file=asks).post("/run/daily").json()["run_id"]
    alone = house.service("alone", policy_file=asks, mcp_url=DEAD)
    for method, path in calls_with(500):
        house.ask(broken, method, path, 500, **body_of(method, path))
        # What is held is then told by the record.
        if path != "/positions":
            house.ask(alone, method, path, 503, at=at(path, waits), **body_of(method, path))
    lost = house.service("lost")
    (house.state / "lost" / "portfolio.db").unlink()
    for method, path in calls_with(503):
        house.ask(lost, method, path, 503, **body_of(method, path))


def a_day_and_a_half(house: House, asks: Path) -> None:
    """Calls that are served: a day in which everything is asked for that may be, and the morning after."""
    http = house.service("served", policy_file=asks)
    for path in ("/health", "/ready", "/runs", "/events", "/recover", "/", "/positions", "/flows/what-if"):
        house.ask(http, "GET", path, 200)
    house.ask(http, "GET", "/runs/{run_id}", 404)
    first = house.ask(http, "POST", "/run/daily", 200)
    second = house.ask(http, "POST", "/run/daily", 200, at="/run/daily?slot=second")
    posted(house, http, "/runs/{run_id}/reject", run_id=second["run_id"])
    posted(house, http, "/runs/{run_id}/approve", run_id=first["run_id"])
    for path in ("/runs/{run_id}", "/level", "/adoption", "/tax", "/flows"):
        house.ask(http, "GET", path, 200, at=at(path, first["run_id"]))
    plan = posted(house, http, "/flows/plans")["number"]
    posted(house, http, "/flows/plans/{number}/cancel", number=plan)
    ordered = {row["symbol"] for row in first["orders"]}
    left, split, *_ = sorted({row["symbol"] for row in first["portfolio"]["positions"]} - ordered)
    for path in ("/exit/{symbol}", "/reconcile", "/recover", "/reduce", "/halt", "/resume", "/adoption"):
        posted(house, http, path, symbol=left)
    house.stack.post("split", {"symbol": split, "ratio": 2})
    house.stack.post("clock", {"next_session": True})
    # Today's: the performance of a day that is over would tell of it.
    house.stack.post("cash", {"amount": SAID["amount"], "row": {"late": None}})
    assert http.post("/run/daily").status_code == 200
    posted(house, http, "/release/{symbol}", symbol=split)
    told = posted(house, http, "/flows")
    posted(house, http, "/flows/{number}/undo", number=told["number"])
    house.ask(http, "POST", "/flows/import", 200, json={"csv": STATEMENT.format(day=told["session_date"])})
    in_progress(house, http)


def posted(house: House, http: httpx2.Client, path: str, **names: Any) -> Any:  # noqa: ANN401 - JSON
    """A call that is served."""
    return house.ask(http, "POST", path, 200, at=at(path, **names), **body_of("POST", path))


def in_progress(house: House, http: httpx2.Client) -> None:
    """While another process is at work on the account."""
    ledger = open_ledger(house.stack.settings(house.state / "served").ledger_url)
    newest = ledger.runs(1)[0]
    claim = ledger.claim(replace(newest.key, slot="second"), "another process", "hash", newest.started_at)
    assert isinstance(claim, Claim)
    for path, at in (
        ("/run/daily", "/run/daily?slot=second"),
        ("/exit/{symbol}", "/exit/PEP"),
        ("/reconcile", "/reconcile"),
        ("/recover", "/recover"),
    ):
        told = house.ask(http, "POST", path, 202, at=at, **body_of("POST", path))
        assert told["address"] == f"/runs/{claim.run_id}"
    ledger.dispose()
