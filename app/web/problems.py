"""Errors as problem details (RFC 9457), by what the caller should do next."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.domain.errors import (
    BrokerUnavailable,
    DataError,
    NotReady,
    OrderUncertain,
    PolicyError,
    PortfolioError,
    UsageError,
)

# 503 asks the scheduler to come again; 5xx else asks for a person.
STATUSES: tuple[tuple[type[PortfolioError], int], ...] = (
    (UsageError, 422),
    (PolicyError, 500),
    (NotReady, 503),
    (BrokerUnavailable, 503),
    (OrderUncertain, 503),
    (DataError, 503),
)
RETRY_AFTER_SECONDS = 60


def problem(status: int, title: str, detail: str, remedy: str | None = None) -> JSONResponse:
    """One problem; `remedy` is ours: what a person can do."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "remedy": remedy}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def problem_of(error: PortfolioError) -> JSONResponse:
    """The problem that this error is."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return problem(status, type(error).__name__, error.cause, error.remedy)


async def handle(_: Request, error: Exception) -> JSONResponse:
    """Exception handler for errors raised on purpose; others are the server's 500."""
    if not isinstance(error, PortfolioError):
        raise error
    return problem_of(error)
