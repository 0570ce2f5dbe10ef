"""Who may call: without a configured caller identity, only this machine, and no page of another site in its browser."""

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.problems import problem

OPEN_PATHS = frozenset({"/health"})


class CallerGuard:
    """ASGI middleware. With a token every call but `/health` must bring it; without one the call must be local."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401 or 403."""
        refusal = self._refusal(scope) if scope["type"] in {"http", "websocket"} else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, title, detail, remedy = refusal
        await problem(status, title, detail, remedy)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str, str] | None:
        headers = Headers(scope=scope)
        if scope["path"] in OPEN_PATHS:
            return None
        if self._token is not None:
            return None if _bears(headers, self._token) else _UNKNOWN_CALLER
        if not _arrived_on_loopback(scope):
            return _NOT_LOCAL
        return None if _same_site(headers) else _OTHER_SITE


_UNKNOWN_CALLER = (401, "Unauthorized", "the caller is not known", "Send Authorization: Bearer with CALLER_TOKEN")
_NOT_LOCAL = (403, "Forbidden", "without CALLER_TOKEN only this machine may call", "Set CALLER_TOKEN on the service")
_OTHER_SITE = (403, "Forbidden", "the call comes from another site", "Call the service by its loopback address")


def _bears(headers: Headers, token: str) -> bool:
    return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {token}".encode())


def _arrived_on_loopback(scope: Mapping[str, object]) -> bool:
    """By the address that the connection was accepted on, whatever the server was asked to bind."""
    server = scope.get("server")
    if not isinstance(server, tuple | list):
        return False
    return _is_loopback(str(server[0]))


def _same_site(headers: Headers) -> bool:
    """Neither a foreign Host (a name rebound to loopback) nor a foreign Origin (a page of another site)."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    origin = headers.get("origin")
    return _is_loopback(host) and (origin is None or _is_loopback(urlsplit(origin).hostname or ""))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
