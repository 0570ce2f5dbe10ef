"""Who may call: programs of this machine and the simulator's own pages, no page of another site.

A browser sends any page's request to a loopback port. A name that was bound to loopback for the occasion shows in Host,
the page that asked in Origin and Sec-Fetch-Site.
"""

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway.simulator.routes.http import answer

_AUTHORITY = re.compile(rb"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?")
_SAID_ONCE = (b"host", b"origin", b"sec-fetch-site")
_OWN = (None, b"same-origin", b"none")


class LoopbackOnly:
    """Outermost. Answers 400 to headers that are none, 403 to strangers, in the gateway's envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, text = refusal
        await answer({"error": text, "statusCode": status}, status)(scope, receive, send)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    names = [name for name, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _SAID_ONCE):
        return 400, "Bad Request: a header is there twice"
    headers = dict(scope["headers"])
    host: bytes = headers.get(b"host", b"").lower()
    found = _AUTHORITY.fullmatch(host)
    if found is None or int(found[2] or 0) > 65_535:
        return 400, "Bad Request: the Host header is no address"
    if not _is_here(found[1].decode().strip("[]"), scope):
        return 403, "Forbidden: call the simulator by its loopback address"
    # The page that opens a socket is a page of the same server: http for ws, https for wss.
    scheme = scope.get("scheme", "http").replace("ws", "http")
    origin, own = headers.get(b"origin"), f"{scheme}://".encode() + host
    if origin not in (None, own) or headers.get(b"sec-fetch-site") not in _OWN:
        return 403, "Forbidden: the call comes from a page of another site"
    return None


def _is_here(name: str, scope: Scope) -> bool:
    # Over a socket the server is an address. In process it is the name that the test itself chose.
    server = scope.get("server")
    if name == "localhost" or (server and name == server[0]):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
