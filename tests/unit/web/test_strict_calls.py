"""What a call may ask with, on every route there is: a slip is refused before the route, and named.

The application is not started: a call that reached its route would fail, as there is nothing behind it.
"""

import json
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel

from app.fast_api_app import create_app
from app.settings import load_settings
from app.web.json_text import MOST_NESTED
from app.web.middleware import add_middleware

JSON = {"content-type": "application/json"}
PAGES = {"/openapi.json", "/docs", "/redoc"}


def service() -> FastAPI:
    """The service as it is put together, not started."""
    return create_app(load_settings(caller_token=None, caller_token_file=None, calls_per_minute=10**6))


def slips_of(name: str) -> list[str]:
    """As a hand, another program or the command line's prefix would write it."""
    middle = len(name) // 2
    swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
    made = [name.upper(), name.title(), f"--{name}", f"{name}s", name.replace("_", ""), name[:-1], f"{name} ", swapped]
    return [slip for slip in dict.fromkeys(made) if slip != name]


SERVICE = service()
DESCRIBED: dict[str, dict[str, Any]] = SERVICE.openapi()["paths"]
CALLS = [(method.upper(), path) for path, methods in DESCRIBED.items() for method in methods]


def parameters(method: str, path: str) -> list[str]:
    """Of the query."""
    return [one["name"] for one in DESCRIBED[path][method.lower()].get("parameters", ()) if one["in"] == "query"]


def fields(method: str, path: str) -> dict[str, Any]:
    """Of the body; empty where none belongs."""
    body = DESCRIBED[path][method.lower()].get("requestBody")
    if body is None:
        return {}
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return dict(SERVICE.openapi()["components"]["schemas"][name])


async def ask(method: str, path: str, query: str = "", **more: Any) -> httpx2.Response:  # noqa: ANN401 - a request's
    """One call by loopback; path parameters are `x`, or 1."""
    at = path.format(run_id="x", symbol="x", number=1)
    transport = httpx2.ASGITransport(SERVICE, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8085") as http:
        return await http.request(method, f"{at}?{query}" if query else at, **more)


def problem(answer: httpx2.Response, status: int = 422) -> dict[str, Any]:
    """The problem that it must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["detail"]
    assert said["remedy"]
    return said


def test_every_route_is_described() -> None:
    routes = {(method, one.path) for one in iter_route_contexts(SERVICE.routes) for method in one.methods or ()}
    assert {path for _, path in routes} - {path for _, path in CALLS} == PAGES
    assert {route for route in routes if route[1] not in PAGES} == set(CALLS)
    assert len(CALLS) >= 14


def test_every_body_that_is_described_refuses_other_fields() -> None:
    for call in CALLS:
        assert fields(*call).get("additionalProperties", False) is False, call


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_an_unknown_parameter_is_refused_on_every_route(method: str, path: str) -> None:
    body: dict[str, Any] = {"json": {}} if fields(method, path) else {}
    said = problem(await ask(method, path, "nonsense=1", **body))
    assert said["errors"][0]["loc"] == ["query", "nonsense"]
    assert f"nonsense is not a parameter of {method} {path}" in said["detail"]


MISSPELT = [(call, name, slip) for call in CALLS for name in parameters(*call) for slip in slips_of(name)]


@pytest.mark.parametrize(("call", "name", "slip"), MISSPELT)
async def test_a_misspelt_parameter_is_refused_by_the_name_that_was_meant(
    call: tuple[str, str], name: str, slip: str
) -> None:
    said = problem(await ask(*call, f"{slip}=true"))
    assert said["detail"] == f"{slip} is not a parameter of {' '.join(call)}; did you mean {name}?"
    assert name in said["remedy"]


FIELDS = [
    (call, name, slip) for call in CALLS for name in fields(*call).get("properties", {}) for slip in slips_of(name)
]


@pytest.mark.parametrize(("call", "name", "slip"), FIELDS)
async def test_a_misspelt_field_is_refused_by_the_name_that_was_meant(
    call: tuple[str, str], name: str, slip: str
) -> None:
    said = problem(await ask(*call, json={slip: "1"}))
    assert said["detail"] == f"{slip} is not a field of {' '.join(call)}; did you mean {name}?"


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if not fields(*call)])
@pytest.mark.parametrize("body", [b'{"dry_run": true}', b"{}", b"{oops", b"dry_run=true", b" ", b"null", b"\xff"])
async def test_a_body_where_none_belongs_is_refused_whatever_it_says(method: str, path: str, body: bytes) -> None:
    for headers in ({}, JSON):
        said = problem(await ask(method, path, content=body, headers=headers))
        assert said["detail"] == f"{method} {path} takes no body"


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut off": (b'{"actor": "me"', "is not JSON"),
    "not JSON": (b"actor=me", "is not JSON"),
    "two values": (b"{}{}", "is not JSON"),
    "a comma too many": (b'{"actor": "me",}', "is not JSON"),
    "not UTF-8": (b'{"actor": "\xff"}', "is not UTF-8"),
    "another encoding": ('{"actor": "me"}'.encode("utf-16"), "is not UTF-8"),
    "a byte order mark": (b'\xef\xbb\xbf{"actor": "me"}', "is not JSON"),
    "a field twice": (b'{"actor": "me", "actor": "you"}', "actor is there twice"),
    "a field twice inside": (b'{"actor": {"a": 1, "a": 2}}', "a is there twice"),
    "half a character": (b'{"actor": "\\ud800"}', "actor: U+D800 is not a character"),
    "the other half": (b'{"actor": "a\\udfffb"}', "actor: U+DFFF is not a character"),
    "half a name": (b'{"\\ud800": 1}', "U+D800 is not a character"),
    "half a character inside": (b'{"actor": [{"a": "\\udc00"}]}', "U+DC00 is not a character"),
    "NUL": (b'{"actor": "a\\u0000b"}', "actor: U+0000 is not a character"),
    "a screen's own character": (b'{"actor": "\\u001b[2J"}', "actor: U+001B is not a character"),
    "beyond every number": (b'{"actor": 1e400}', "1e400 is beyond every number"),
    "below every number": (b'{"actor": -1E+999}', "-1E+999 is beyond every number"),
    "not a number": (b'{"actor": NaN}', "NaN is not a number"),
    "infinite": (b'{"actor": -Infinity}', "-Infinity is not a number"),
    "a number of 5,000 digits": (b'{"actor": ' + b"9" * 5000 + b"}", "too long"),
    "too deep": (b'{"actor": ' + b"[" * (MOST_NESTED + 1) + b"]" * (MOST_NESTED + 1) + b"}", "nested deeper"),
    "deeper than the parser": (b"[" * 200_000, "nested deeper"),
    "a list": (b"[]", "valid dictionary"),
    "a text": (b'"actor"', "valid dictionary"),
    "nothing": (b"null", "valid dictionary"),
    "empty": (b"", "field required"),
    "a thousand fields": (json.dumps({f"field{n}": n for n in range(1000)}).encode(), "field0 is not a field"),
    "a long name": (b'{"' + b"x" * 900_000 + b'": 1}', "is not a field"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if fields(*call)])
async def test_a_body_that_cannot_be_taken_is_refused_on_every_route(method: str, path: str, kind: str) -> None:
    body, words = BROKEN[kind]
    answer = await ask(method, path, content=body, headers=JSON)
    said = problem(answer)
    assert words in said["detail"]
    assert said["errors"]
    assert len(answer.content) < 8000


def meant(call: tuple[str, str]) -> dict[str, object]:
    """A body with nothing wrong in it."""
    said = {"reason": "a test", "note": "a test", "amount": 5, "by": "2199-12-31", "csv": "a,b"}
    return {name: value for name, value in said.items() if name in fields(*call)["properties"]}


BLANK = ("", " ", "\n\t", "\u200b", "\u00a0\u2003", "\ufeff", "x" * 501)


@pytest.mark.parametrize("text", BLANK)
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (call, name)
        for call in CALLS
        for name in ("reason", "actor", "note")
        if name in fields(*call).get("properties", {})
    ],
)
async def test_a_text_that_says_nothing_or_too_much_is_refused(call: tuple[str, str], name: str, text: str) -> None:
    said = problem(await ask(*call, json={**meant(call), name: text}))
    assert ["body", name] in [error["loc"] for error in said["errors"]]


AMOUNTS = (
    b"0",
    b'"0"',
    b"0.0",
    b'"-0"',
    b"1e400",
    b'"1e400"',
    b'"NaN"',
    b'"-Infinity"',
    b"1e13",
    b'"-1e13"',
    b"null",
    b"[5]",
)


@pytest.mark.parametrize("amount", AMOUNTS)
async def test_an_amount_that_nobody_can_have_moved_is_refused(amount: bytes) -> None:
    said = problem(await ask("POST", "/flows", content=b'{"note": "n", "amount": %s}' % amount, headers=JSON))
    assert "amount" in said["detail"] or "beyond every number" in said["detail"]


async def test_a_field_in_two_spellings_is_there_twice() -> None:
    said = problem(await ask("POST", "/flows", json={"session_date": None, "session-date": None}))
    assert said["detail"] == "session_date is there twice"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/jsonx"},
        {"content-type": ";"},
        {**JSON, "content-encoding": "gzip"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if fields(*call)])
async def test_a_body_that_is_not_sent_as_json_is_refused(method: str, path: str, headers: dict[str, str]) -> None:
    problem(await ask(method, path, content=b'{"actor": "me"}', headers=headers), 415)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", "application/vnd.x+json"])
async def test_json_by_any_of_its_names_is_taken(kind: str) -> None:
    said = problem(await ask("POST", "/halt", content=b"{}", headers={"content-type": kind}))
    assert said["errors"] == [{"type": "missing", "loc": ["body", "reason"], "msg": "reason: field required"}]


QUERIES = {
    "dry_run=true&dry_run=false": "dry_run is there twice, with different values",
    "dry-run=true&dry_run=false": "dry_run is there twice, with different values",
    "slot=daily&slot=close": "slot is there twice, with different values",
    "dry_run=": "dry_run has no value",
    "dry_run": "dry_run has no value",
    "account=": "account has no value",
    "slot=": "slot has no value",
    "dry_run=ture": "dry_run: input should be a valid boolean",
    "dry_run=2": "dry_run: input should be a valid boolean",
    "=true": " is not a parameter",
    "dry_run=true;slot=close": "dry_run: input should be a valid boolean",
    "dry_run[]=true": "did you mean dry_run?",
    " dry_run=true": "did you mean dry_run?",
    "dry%20run=true": "did you mean dry_run?",
    "dry_run%00=true": "U+0000",
    "account=%00": "U+0000",
    "account=a%1bb": "U+001B",
    "account=%ff": "no text in UTF-8",
    "account=%ed%a0%80": "no text in UTF-8",
    "account=%c0%80": "no text in UTF-8",
    "&".join(f"a{number}=1" for number in range(200)): "no text in UTF-8",
}


@pytest.mark.parametrize("query", QUERIES)
async def test_parameters_that_cannot_be_taken_are_refused(query: str) -> None:
    answer = await ask("POST", "/run/daily", query)
    said = problem(answer, answer.status_code)
    assert answer.status_code in {400, 422}
    assert QUERIES[query] in said["detail"]


@pytest.mark.parametrize("path", ["/runs/%00", "/runs/%ff", "/runs/a%ed%a0%80", "/exit/%1b", "/runs/%c3", "/%ff"])
async def test_a_path_that_is_no_text_is_refused(path: str) -> None:
    problem(await ask("GET", path), 400)


@pytest.mark.parametrize("path", ["/nowhere", "/run", "/runs/x/approve/y", "/run/daily;dry_run=true"])
async def test_what_is_not_there_is_a_problem_too(path: str) -> None:
    problem(await ask("GET", path), 404)
    problem(await ask("GET", path, "dry_run=true"), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/run/daily"), ("DELETE", "/runs"), ("PUT", "/halt")])
async def test_another_method_is_a_problem_that_says_which_there_are(method: str, path: str) -> None:
    answer = await ask(method, path)
    problem(answer, 405)
    assert answer.headers["allow"]


async def test_a_call_that_fails_unforeseen_is_a_problem_without_its_words() -> None:
    said = problem(await ask("GET", "/runs"), 500)
    assert "wiring" not in json.dumps(said)


class Note(BaseModel):
    """A body that forgot to refuse what it does not know."""

    text: str


def another() -> FastAPI:
    """A service with a router that nobody prepared."""
    router = APIRouter()

    @router.post("/notes")
    async def write(note: Note, loud_voice: bool = False) -> dict[str, Any]:
        return {"text": note.text, "loud": loud_voice}

    @router.get("/hidden", include_in_schema=False)
    async def hidden(much: int = 0) -> int:
        return much

    app = FastAPI()
    app.include_router(router, prefix="/new")
    add_middleware(app, None)
    return app


async def test_a_new_route_cannot_forget_any_of_it() -> None:
    transport = httpx2.ASGITransport(another())
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        assert (await http.post("/new/notes?loud-voice=1", json={"text": "a"})).json() == {"text": "a", "loud": True}
        problem(await http.post("/new/notes?loudvoice=1", json={"text": "a"}))
        assert "did you mean text?" in problem(await http.post("/new/notes", json={"txt": "a"}))["detail"]
        assert (await http.get("/new/hidden")).json() == 0
        problem(await http.get("/new/hidden?much=1"), 404)
