"""What a call may carry: the names in the service's own description, each once, and nothing else.

A name that is not there is a slip that could do what nobody meant, so the call is refused before its route sees it. No
route can be forgotten: what is not described takes nothing.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message as Header
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.spelling import nearest, shortened
from app.web.bodies import again
from app.web.json_text import Unreadable, all_texts, read_json, text_problem
from app.web.problems import not_here, problem, unprocessable

Described = Mapping[str, Any]
_LISTED = "GET /openapi.json lists the paths"
# More than any call takes: one slip among the first is enough to refuse the rest with it.
_MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class CallParameters:
    """The parameters of one call, and the fields of its body; None where none belongs."""

    call: str
    query: tuple[str, ...]
    body: tuple[str, ...] | None


class Refused(Exception):
    """The answer to a call that is not taken."""

    def __init__(self, response: Response) -> None:
        self.response = response


class StrictCalls:
    """ASGI middleware, innermost; the body has been read whole. `description` gives the OpenAPI document."""

    def __init__(self, app: ASGIApp, description: Callable[[], Described]) -> None:
        self._app = app
        self._description = description
        self._calls: tuple[tuple[re.Pattern[str], Mapping[str, CallParameters]], ...] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with hyphens in names read as underscores; or answer 400, 415 or 422."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            pairs, body = _sent(scope), (await receive())["body"]
            methods = self._methods(scope)
            if methods is None and (pairs or body):
                raise Refused(problem(404, "Not Found", not_here(scope["method"], scope["path"]), _LISTED))
            if methods and scope["method"] in methods:
                takes = methods[scope["method"]]
                scope = {**scope, "query_string": urlencode(_parameters(takes, pairs)).encode()}
                body = _body(takes, scope, body)
            receive = again(body, receive)
        except Refused as refused:
            await refused.response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _methods(self, scope: Scope) -> Mapping[str, CallParameters] | None:
        """None where the description has no such path; methods that it has not are the framework's to refuse."""
        if self._calls is None:
            self._calls = tuple(calls(self._description()))
        route = scope["path"].removeprefix(scope.get("root_path", ""))
        return next((methods for path, methods in self._calls if path.match(route)), None)


def calls(description: Described) -> Iterator[tuple[re.Pattern[str], Mapping[str, CallParameters]]]:
    """Of every path that is described, in the order of the routes: its pattern, and what each method takes."""
    for path, methods in description["paths"].items():
        yield (
            compile_path(path)[0],
            {
                method.upper(): CallParameters(
                    f"{method.upper()} {path}",
                    tuple(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"),
                    _fields(operation, description),
                )
                for method, operation in methods.items()
            },
        )


def _fields(operation: Described, description: Described) -> tuple[str, ...] | None:
    if "requestBody" not in operation:
        return None
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return tuple(description["components"]["schemas"][name]["properties"])


def _sent(scope: Scope) -> list[tuple[str, str]]:
    """The query's names and values; 400 where path or query are no text."""
    try:
        path = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode()).decode()
        query = scope["query_string"].decode("ascii")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_NAMES)
    except ValueError:
        raise Refused(
            problem(400, "Bad Request", "path or query are no text in UTF-8", "Nothing was done; encode them as UTF-8")
        ) from None
    for text in (path, *(part for pair in pairs for part in pair)):
        wrong = text_problem(text)
        if wrong is not None:
            raise Refused(problem(400, "Bad Request", f"in path or query {wrong}", "Nothing was done; leave it out"))
    return pairs


def _parameters(takes: CallParameters, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    asked: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    for given, value in pairs:
        name = _known_name(given, takes.query)
        if name is None:
            errors.append(_unknown(given, takes.query, f"a parameter of {takes.call}", "query"))
        elif not value:
            errors.append(_entry("empty", ("query", name), f"{name} has no value"))
        elif asked.setdefault(name, value) != value:
            errors.append(_entry("repeated", ("query", name), f"{name} is there twice, with different values"))
    if errors:
        taken = f"takes {', '.join(takes.query)}" if takes.query else "takes no parameters"
        raise Refused(unprocessable(errors, f"Nothing was done; {takes.call} {taken}"))
    return asked


def _body(takes: CallParameters, scope: Scope, raw: bytes) -> bytes:
    """The body for the route, its names as the route has them."""
    if not raw:
        return raw
    if takes.body is None:
        what = f"its parameters stand in the query: {', '.join(takes.query)}" if takes.query else "leave it out"
        entry = _entry("body_forbidden", ("body",), f"{takes.call} takes no body")
        raise Refused(unprocessable([entry], f"Nothing was done; {what}"))
    _require_json(Headers(scope=scope))
    try:
        value = read_json(raw)
    except Unreadable as error:
        raise Refused(unprocessable([_entry("json_invalid", ("body",), str(error))])) from None
    for where, text in all_texts(value):
        wrong = text_problem(text)
        if wrong is not None:
            place = [shortened(part) if isinstance(part, str) else part for part in ("body", *where)]
            raise Refused(unprocessable([_entry("not_text", place, f"{place[-1]}: {wrong}")]))
    return json.dumps(_named(takes, takes.body, value)).encode() if isinstance(value, dict) else raw


def _named(takes: CallParameters, fields: Sequence[str], value: Mapping[str, object]) -> dict[str, object]:
    named: dict[str, object] = {}
    errors: list[dict[str, Any]] = []
    for given, inner in list(value.items())[:_MOST_NAMES]:
        name = _known_name(given, fields)
        if name is None:
            errors.append(_unknown(given, fields, f"a field of {takes.call}", "body"))
        elif name in named:
            errors.append(_entry("repeated", ("body", name), f"{name} is there twice"))
        else:
            named[name] = inner
    if errors:
        raise Refused(unprocessable(errors, f"Nothing was done; {takes.call} takes {', '.join(fields)}"))
    return named


def _require_json(headers: Headers) -> None:
    sent = Header()
    sent["content-type"] = headers.get("content-type", "text/plain")
    kind, charset = sent.get_content_type(), sent.get_content_charset("utf-8")
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset != "utf-8" or headers.get("content-encoding", "identity") != "identity":
        remedy = "Nothing was done; send Content-Type: application/json, in UTF-8 and not compressed"
        raise Refused(problem(415, "Unsupported Media Type", "the body is not sent as JSON", remedy))


def _known_name(given: str, names: Sequence[str]) -> str | None:
    """The name that it is; the command line's spelling is taken, too."""
    name = given.replace("-", "_")
    return name if name in names else None


def _unknown(given: str, names: Sequence[str], what: str, place: str) -> dict[str, Any]:
    near = nearest(given, names)
    hint = f"; did you mean {near}?" if near else ""
    return _entry("extra_forbidden", (place, shortened(given)), f"{shortened(given)} is not {what}{hint}")


def _entry(kind: str, where: Sequence[str | int], words: str) -> dict[str, Any]:
    return {"type": kind, "loc": list(where), "msg": words}
