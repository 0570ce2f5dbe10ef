"""The ways the simulator says no: it cannot start, or the gateway it plays refuses a request.

Nothing else may leave the domain as an exception; a bug is allowed to be a 500.
"""

from typing import Any


class StartError(Exception):
    """The simulator cannot start as asked. The message is one line; `exit_status` is 2 (usage) or 1 (failure)."""

    def __init__(self, message: str, exit_status: int = 2) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class GatewayRefusal(Exception):
    """An answer of the gateway that is not the one asked for. A refusal may well carry status 200."""

    def __init__(self, status: int, body: dict[str, Any] | list[dict[str, Any]], text: str | None = None) -> None:
        """`text` is the reason in words, for a body without an "error"."""
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.text = text if text is not None or isinstance(body, list) else str(body.get("error", ""))


class AccessDenied(Exception):
    """Answered in HTML with status 403."""


def refused(status: int, text: str) -> GatewayRefusal:
    """The common envelope `{"error", "statusCode"}`; the gateway has several others."""
    return GatewayRefusal(status, {"error": text, "statusCode": status})


def order_error(text: str) -> GatewayRefusal:
    """A refused order: status 200 with an "error" key (observed on live paper accounts)."""
    return GatewayRefusal(200, {"error": text})
