"""Who may call: without a configured caller identity, only this machine, and no page of another site in its browser.

What is no well-formed address is refused before anything is compared with it.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.accepted import names_html
from app.web.call_limits import CallLimits
from app.web.front_page import as_page
from app.web.problems import ProblemResponse, problem

OPEN_PATHS = frozenset({"/health"})
# Where a person with a browser comes in: a refusal is told in words there.
FRONT_PATH = "/"
_PLACE = r"(?P<host>[a-z0-9_.-]*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?"
_HOST = re.compile(_PLACE, re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"null|[a-z][a-z0-9+.-]*://{_PLACE}", re.IGNORECASE | re.ASCII)
# Said once or not at all; which of two would count is a guess that two programs make differently.
_SINGLE = (b"host", b"origin", b"authorization", b"content-type", b"content-encoding", b"sec-fetch-site")
_OWN_PAGES = frozenset({"same-origin", "none"})
_LAST_PORT = 65_535


class CallerGuard:
    """ASGI middleware. With a token every call but `/health` must bring it; without one the call must be local."""

    def __init__(self, app: ASGIApp, token: str | None, limits: CallLimits | None = None) -> None:
        self._app = app
        self._token = token
        self._limits = limits or CallLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 400, 401, 403 or 429."""
        refusal = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        await (self._app if refusal is None else _in_form(refusal, scope))(scope, receive, send)

    def _refusal(self, scope: Scope) -> ProblemResponse | None:
        headers = list(scope["headers"])
        malformed = _malformed(headers)
        if malformed is not None:
            return problem(400, "Bad Request", malformed, "Send well-formed headers, each once")
        if scope["path"] in OPEN_PATHS:
            return None
        refusal = self._unwelcome(scope, headers)
        # Callers and those who only try do not share a budget: nobody can use up the owner's.
        wait = self._limits.wait(_address(scope), known=refusal is None)
        if wait is not None:
            limit = f"more than {self._limits.a_minute} calls a minute"
            retry = {"Retry-After": str(wait)}
            return problem(429, "Too Many Requests", limit, "Call more slowly; see Retry-After", headers=retry)
        return refusal

    def _unwelcome(self, scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> ProblemResponse | None:
        if self._token is not None:
            return None if _bears(headers, self._token) else _unknown_caller()
        if not _arrived_on_loopback(scope):
            return _forbidden("without CALLER_TOKEN only this machine may call", "Set CALLER_TOKEN on the service")
        if not _same_site(scope, headers):
            return _forbidden("the call comes from another site", "Call the service by its loopback address")
        return None


def _unknown_caller() -> ProblemResponse:
    remedy = "Send Authorization: Bearer with CALLER_TOKEN"
    return problem(401, "Unauthorized", "the caller is not known", remedy, headers={"WWW-Authenticate": "Bearer"})


def _forbidden(detail: str, remedy: str) -> ProblemResponse:
    return problem(403, "Forbidden", detail, remedy)


def _malformed(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """What is wrong with the headers themselves, whoever calls."""
    names = [name for name, _ in headers]
    for name in _SINGLE:
        if names.count(name) > 1:
            return f"there are several {name.decode().title()} headers"
    if not all(_is_utf8(value) for _, value in headers):
        return "a header is not UTF-8"
    if not _is_place(_HOST, _header(headers, b"host") or ""):
        return "the Host header is no address"
    origin = _header(headers, b"origin")
    if origin is not None and not _is_place(_ORIGIN, origin):
        return "the Origin header is no origin"
    return None


def _is_place(form: re.Pattern[str], text: str) -> bool:
    found = form.fullmatch(text)
    return found is not None and int(found["port"] or 0) <= _LAST_PORT


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    return next((value.decode() for name, value in headers if name == wanted), None)


def _in_form(refusal: ProblemResponse, scope: Scope) -> Response:
    is_page = scope["type"] == "http" and scope["path"] == FRONT_PATH and names_html(_accepted(scope))
    return as_page(refusal) if is_page else refusal


def _accepted(scope: Scope) -> str:
    """What several headers say counts as if one did; what is no text was refused for that, and asks for nothing."""
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")


def _bears(headers: Sequence[tuple[bytes, bytes]], token: str) -> bool:
    presented = _header(headers, b"authorization") or ""
    return hmac.compare_digest(presented.encode(), f"Bearer {token}".encode())


def _arrived_on_loopback(scope: Mapping[str, object]) -> bool:
    """By the address that the connection was accepted on, whatever the server was asked to bind."""
    server = scope.get("server")
    if not isinstance(server, tuple | list):
        return False
    return _is_loopback(str(server[0]))


def _same_site(scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Neither a foreign Host (a name rebound to loopback) nor a page of another site, be it of another port here."""
    place = (_header(headers, b"host") or "").lower()
    found = _HOST.fullmatch(place)
    if found is None or not _is_loopback(found["host"].strip("[]")):
        return False
    origin, fetched = _header(headers, b"origin"), _header(headers, b"sec-fetch-site")
    # http and https differ in more than their name: a page of the one is a stranger to the other.
    own = f"{scope.get('scheme', 'http')}://{place}"
    return (origin is None or origin.lower() == own) and (fetched is None or fetched.lower() in _OWN_PAGES)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(scope: Mapping[str, object]) -> str:
    client = scope.get("client")
    return str(client[0]) if isinstance(client, tuple | list) and client else ""
