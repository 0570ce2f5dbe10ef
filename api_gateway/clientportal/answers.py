"""What an answer of the gateway stands for: data, or one of its many failures. Pure: it asks nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from api_gateway.clientportal import other_programs, wire
from api_gateway.clientportal.errors import (
    CallerNotAllowed,
    ClientPortalError,
    GatewayDown,
    GatewayRefused,
    LoginRequired,
    Maintenance,
    Malformed,
    NoBridge,
    NotPrimed,
)

_NOT_LOGGED_IN: Final = ("no session", "not authenticated", "not logged in")


@dataclass(frozen=True)
class Answer:
    """The names of `headers` are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def fault_of(answer: Answer) -> ClientPortalError | None:
    """The failure that an answer stands for, whichever envelope it came in; None for data."""
    stranger = other_programs.refusal(answer.status, answer.body, answer.headers)
    if stranger is not None:
        return stranger
    message = error_text(answer)
    lowered = (message or "").lower()
    if is_unprimed(message):
        return NotPrimed("the gateway wants its accounts read first")
    if "no bridge" in lowered:
        return NoBridge("the gateway has no brokerage session")
    if answer.status == 401 or 300 <= answer.status < 400 or lowered in _NOT_LOGGED_IN:
        return LoginRequired("the gateway is not logged in")
    return _fault_of_status(answer, message)


def is_unprimed(message: str | None) -> bool:
    """The brokerage and the portfolio side each want their own accounts read first."""
    return message is not None and re.search(r"please query /\S*accounts first", message.lower()) is not None


def error_text(answer: Answer) -> str | None:
    """The `error` of an answer with any status; the beginning of a failed answer that is not JSON."""
    if not answer.body.lstrip().startswith((b"{", b"[")):
        return wire.snippet(answer.body) if answer.status >= 300 else None
    try:
        decoded = wire.decode(answer.body)
    except Malformed:
        return wire.snippet(answer.body) if answer.status >= 300 else None
    found = decoded.get("error") if isinstance(decoded, dict) else None
    if found:
        return wire.masked(str(found))
    return wire.snippet(answer.body) if answer.status >= 300 else None


def _fault_of_status(answer: Answer, message: str | None) -> ClientPortalError | None:
    status = answer.status
    if status == 403 or (status == 404 and other_programs.denies(answer.body)):
        return CallerNotAllowed(f"the gateway denies access to this machine ({status})")
    if status in (502, 504):
        return GatewayDown(f"the gateway's answer was lost ({status})")
    if status == 503:
        return Maintenance("the gateway is not available (503)")
    if status >= 300 or message is not None:
        return GatewayRefused(status, message or "no text")
    return None
