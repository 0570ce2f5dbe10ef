"""Tells the gateway's own answers from those of whatever else answers at its address: a proxy in front of it, a page
that wants a login of its own, another program. Pure: it asks nothing.

A JSON answer is the gateway's, whoever passed it on; a refusal in a proxy's own words is the proxy's.
"""

import html
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import AnotherProgram, Malformed

_PROXIES: Final = {
    "cloudflare": "Cloudflare",
    "openresty": "openresty",
    "nginx": "nginx",
    "apache/": "Apache",
    "akamai": "Akamai",
    "caddy": "Caddy",
    "traefik": "Traefik",
    "haproxy": "HAProxy",
    "envoy": "Envoy",
    "varnish": "Varnish",
    "squid": "Squid",
    "microsoft-iis": "IIS",
    "awselb": "a load balancer of AWS",
}
_DENIED: Final = re.compile(r"(?:access[\s_-]+(?:is\s+)?denied\W*)+", re.I)
# Of the broker's own edge, whose refusals the gateway passes on.
_EDGE: Final = re.compile(r"Reference\W+#?[0-9a-f.]{12,}", re.I)
# What servers of TLS say to plain HTTP: nginx, Go, Apache.
_WANTS_TLS: Final = re.compile(
    r"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL-enabled", re.I
)
_SESSION_FIELDS: Final = frozenset({"authenticated", "connected", "competing", "established", "error"})
_ADDRESS: Final = "Correct IBKR_GATEWAY_URL: it must lead to the Client Portal gateway"
_TO_TLS: Final = "Write https:// in IBKR_GATEWAY_URL, and prove the certificate as docs/gateway.md says."


def denies(body: bytes) -> bool:
    """Whether these are the gateway's words to a machine that it does not serve, whatever page is around them."""
    return _DENIED.fullmatch(_words(body) or "") is not None


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> AnotherProgram | None:
    """Who refused, if it was not the gateway; None for the gateway's own answers and for what is no refusal."""
    if status < 300:
        return None
    return (
        _redirected(status, headers.get("location"))
        or _login_of_its_own(status, headers.get("www-authenticate"))
        or (None if _is_json(body) else _in_other_words(status, _text(body), _proxy(body, headers)))
    )


def impostor(status: int, body: bytes, headers: Mapping[str, str]) -> AnotherProgram | None:
    """Whether the answer to the question after the session is none that a gateway gives; beyond `refusal`."""
    if status < 300:
        return _no_session(body, headers)
    says = _text(body)
    own = status in (401, 403, 429) or status >= 500 or (status == 404 and denies(body))
    foreign = status in (501, 505) or "problem+json" in headers.get("content-type", "")
    return _other(f"{status} {says}", headers) if foreign or not (own or status < 400) else None


def _redirected(status: int, location: str | None) -> AnotherProgram | None:
    if not 300 <= status < 400 or location is None or "/sso/" in location.lower():
        return None
    host = urlsplit(location).hostname
    if host is not None and host.endswith("cloudflareaccess.com"):
        return AnotherProgram("Cloudflare Access stands before the gateway and wants a login of its own", _past("it"))
    where = f"{host or ''}{urlsplit(location).path}"[:80]
    return AnotherProgram(
        f"it sends callers on to {where}, which is no login page of a gateway",
        f"{_ADDRESS}; if a network's or a proxy's login page asks for you first, open it in a browser.",
    )


def _login_of_its_own(status: int, scheme: str | None) -> AnotherProgram | None:
    if scheme is None or status not in (401, 407):
        return None
    if 'realm="ibkr"' in scheme:
        return AnotherProgram("the MCP server of this program answers there, not the gateway", f"{_ADDRESS}.")
    kind = scheme.split()[0] if scheme.split() else "no kind"
    return AnotherProgram(f"something before the gateway wants a password or a token of its own ({kind})", _past("it"))


def _in_other_words(status: int, says: str, proxy: str | None) -> AnotherProgram | None:
    """A page or a text instead of JSON."""
    if _WANTS_TLS.search(says):
        return AnotherProgram("it speaks TLS, and was spoken to in plain HTTP", _TO_TLS)
    if status == 511:
        return AnotherProgram("the network wants a login of its own first (511)", "Log in to the network in a browser.")
    if status == 403 and _EDGE.search(says):
        remedy = "Wait and try again; if it lasts, ask Interactive Brokers. The gateway itself did not refuse."
        return AnotherProgram("the broker's own network refuses the gateway's machine (403)", remedy)
    if proxy is None or status == 401 or _DENIED.fullmatch(says):
        return None
    if status in (502, 503, 504):
        remedy = f"Start the gateway, or correct the address to which {proxy} passes requests on."
        return AnotherProgram(f"{proxy} answers ({status}), and does not reach the gateway behind it", remedy)
    return AnotherProgram(f"{proxy} answers instead of the gateway ({status}: {says[:80]})", _past(proxy))


def _no_session(body: bytes, headers: Mapping[str, str]) -> AnotherProgram | None:
    if not body.strip():
        return None
    try:
        found = wire.decode(body)
    except Malformed:
        # Broken off, it may still have been a gateway's.
        return None if _is_json(body) else _other(f"a page that says: {_text(body)[:80]}", headers)
    if isinstance(found, dict) and (not found or _SESSION_FIELDS & set(found)):
        return None
    return None if found == [] else _other("JSON that tells of no session", headers)


def _other(said: str, headers: Mapping[str, str]) -> AnotherProgram:
    server = headers.get("server", "").strip()
    who = f", and calls itself {server[:40]}" if server else ""
    remedy = f"{_ADDRESS}. Another program may have its port, or a proxy or a network's login page stand before it."
    return AnotherProgram(f"it answers, but not as a gateway does: {said[:120]}{who}", remedy)


def _past(proxy: str) -> str:
    return f"Let {proxy} pass this machine's requests on, or name in IBKR_GATEWAY_URL the gateway itself."


def _proxy(body: bytes, headers: Mapping[str, str]) -> str | None:
    """Whoever names itself in the headers or, as proxies do at the foot of their pages, in the body."""
    said = f"{headers.get('server', '')} {body[:20_000].decode('utf-8', 'replace')}".lower()
    return next((name for sign, name in _PROXIES.items() if sign in said), None)


def _words(body: bytes) -> str | None:
    """What a refusal says, in a page or in an envelope."""
    if not _is_json(body):
        return _text(body)
    try:
        found = wire.decode(body)
    except Malformed:
        return None
    return str(found.get("error")) if isinstance(found, dict) else None


def _text(body: bytes) -> str:
    """What a person would read of a page, on one line."""
    page = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", body[:20_000].decode("utf-8", "replace"))
    return wire.masked(" ".join(html.unescape(page).split())[:400]) or "nothing"


def _is_json(body: bytes) -> bool:
    return body.lstrip().startswith((b"{", b"["))
