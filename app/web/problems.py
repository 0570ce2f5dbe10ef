"""Errors as problem details (RFC 9457), by what the caller should do next."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.domain.errors import (
    BrokerUnavailable,
    DataError,
    LedgerUnavailable,
    NotAllowed,
    NotReady,
    OrderUncertain,
    PolicyError,
    PortfolioError,
    RunAtWork,
    UsageError,
)
from app.domain.spelling import printable, shortened

# 503 asks the scheduler to come again; 5xx else asks for a person.
STATUSES: tuple[tuple[type[PortfolioError], int], ...] = (
    (UsageError, 422),
    (NotAllowed, 403),
    (PolicyError, 500),
    (NotReady, 503),
    (BrokerUnavailable, 503),
    (OrderUncertain, 503),
    (DataError, 503),
    (LedgerUnavailable, 503),
    (RunAtWork, 503),
)
RETRY_AFTER_SECONDS = 60
NOTHING_DONE = "Nothing was done; correct what `errors` names. GET /openapi.json describes every call"
MEDIA_TYPE = "application/problem+json"
_REMEDIES = {404: "GET /openapi.json lists the paths", 405: "Use a method that the Allow header names"}
_MOST_IN_WORDS = 3


class ProblemResponse(JSONResponse):
    """JSON that repeats what a caller sent, whatever it was."""

    media_type = MEDIA_TYPE

    def render(self, content: object) -> bytes:
        """Half of a surrogate pair is no text and cannot be written; escaped, it is JSON again."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")


def problem(
    status: int,
    title: str,
    detail: str,
    remedy: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
) -> ProblemResponse:
    """One problem; `remedy` is ours: what a person can do. `errors` has one entry a field: type, loc, msg."""
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "remedy": remedy,
    }
    if errors:
        body["errors"] = list(errors)
    return ProblemResponse(body, status, {**retry, **(headers or {})})


def unprocessable(errors: Sequence[Mapping[str, Any]], remedy: str = NOTHING_DONE) -> ProblemResponse:
    """422: what the call says cannot be taken, field by field."""
    words = [str(entry["msg"]) for entry in errors[:_MOST_IN_WORDS]]
    more = f"; and {len(errors) - _MOST_IN_WORDS} more" if len(errors) > _MOST_IN_WORDS else ""
    return problem(422, HTTPStatus(422).phrase, "; ".join(words) + more, remedy, errors=errors)


def problem_of(error: PortfolioError) -> ProblemResponse:
    """The problem that this error is."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return problem(status, type(error).__name__, error.cause, error.remedy)


def fault() -> ProblemResponse:
    """What nobody foresaw. Its words stay in the log: they may hold more than a caller should see."""
    return problem(500, HTTPStatus(500).phrase, "the service has a fault", "Its log says which; report it")


async def handle(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for errors raised on purpose; others are the server's 500."""
    if not isinstance(error, PortfolioError):
        raise error
    return problem_of(error)


async def handle_framework(request: Request, error: Exception) -> JSONResponse:
    """Exception handler for what the framework refuses by itself: no such path, another method."""
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase
    detail = str(error.detail)
    if detail == phrase:
        detail = not_here(request.method, request.url.path)
    remedy = _REMEDIES.get(error.status_code, NOTHING_DONE)
    return problem(error.status_code, phrase, detail, remedy, headers=error.headers)


def not_here(method: str, path: str) -> str:
    """Of a call that the service does not have."""
    return f"this service has no {printable(shortened(method))} {printable(shortened(path))}"


async def handle_invalid(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for values of the wrong kind. What was sent is not repeated: it may be long, or a secret."""
    if not isinstance(error, RequestValidationError):
        raise error
    return unprocessable([_entry(entry) for entry in error.errors()])


async def handle_fault(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for everything else; the server logs it with its traceback."""
    return fault()


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    where = ".".join(str(part) for part in entry["loc"][1:]) or str(entry["loc"][0])
    words = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "string_too_short":
        words = "it is empty"
    return {"type": entry["type"], "loc": list(entry["loc"]), "msg": f"{where}: {words[:1].lower()}{words[1:]}"}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: these statuses, as problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "remedy": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "loc", "msg"],
                "properties": {
                    "type": {"type": "string"},
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}
