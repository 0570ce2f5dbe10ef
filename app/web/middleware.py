"""What every call passes before its route: each part is added to the whole application, never to one route."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.domain.errors import PortfolioError
from app.web.bodies import BODY_SECONDS, BodyBounds
from app.web.call_limits import CallLimits
from app.web.guard import CallerGuard
from app.web.problems import SCHEMA, documented, handle, handle_fault, handle_framework, handle_invalid
from app.web.startup import StartupErrors
from app.web.strict_calls import StrictCalls

# What every call can be answered with; the guard's own are not given on its open paths.
ANY_CALL = documented(400, 408, 413, 422)
GUARDED = documented(401, 403, 429)
# Behind the guard every call needs the ledger; many need the broker.
SERVED = GUARDED | documented(503)
WITH_BODY = documented(415)


def add_middleware(
    app: FastAPI, token: str | None, limits: CallLimits | None = None, body_seconds: float = BODY_SECONDS
) -> None:
    """Guard, bounds, spelling and errors of a service whose routes are all included."""
    app.add_middleware(StrictCalls, description=lambda: openapi_document(app))
    app.add_middleware(BodyBounds, seconds=body_seconds)
    app.add_middleware(CallerGuard, token=token, limits=limits)
    app.add_middleware(StartupErrors)
    app.add_exception_handler(PortfolioError, handle)
    app.add_exception_handler(HTTPException, handle_framework)
    app.add_exception_handler(RequestValidationError, handle_invalid)
    app.add_exception_handler(Exception, handle_fault)
    # The description is asked for as an attribute of the application, by its own route, too.
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The service's OpenAPI document, problems included."""
    document = FastAPI.openapi(app)
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = dict(SCHEMA)
    return document
