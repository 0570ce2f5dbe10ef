"""The session from outside: a person's login, by page or endpoint, what else happens to it, and its clock.

A test in virtual time gives `build_world(Options(session="strict"), monotonic)` a function of its own: session time,
market time and pacing all follow it, and nothing else moves a strict session. `GET /simulator/session` is the truth to
compare a client's belief with; asking it neither keeps the session alive nor counts as a poll.
"""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from api_gateway.simulator.errors import refused
from api_gateway.simulator.front.brokerage import SessionEvent
from api_gateway.simulator.front.pages import LOGIN_PATH, login_form, to_the_login
from api_gateway.simulator.routes.http import Here, answer, read_body
from api_gateway.simulator.world import World

router = APIRouter()


class SessionChange(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    event: SessionEvent


class SessionClockMove(BaseModel):
    """Exactly one of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: datetime | None = None
    advance_seconds: float | None = Field(default=None, ge=0, le=1e9)


def _session(world: World) -> dict[str, Any]:
    """`usable` is whether an order could be placed now by a client that has primed itself."""
    session, sockets = world.session, world.sockets
    session.advance()
    tiers, window = session.tiers(), session.window()
    return {
        "now": session.clock.now().isoformat(),
        "mode": session.mode,
        "loggedIn": session.logged_in,
        "loggedInAt": session.logged_in_at.isoformat() if session.logged_in else None,
        "brokerage": {
            "authenticated": tiers.authenticated,
            "established": tiers.established,
            "competing": tiers.competing,
        },
        "competitor": session.competing,
        "window": window,
        "penaltySeconds": world.pacer.penalty_left(),
        "usable": tiers.established and window is None and not world.pacer.penalty_left(),
        "counters": {name: session.counters[name] for name in ("logins", "inits", "pushes")},
        "logouts": dict(sorted(session.logouts.items())),
        "sockets": {"open": sockets.open, "lines": sockets.lines, "charts": sockets.charts},
    }


@router.get("/simulator/session")
async def session_state(world: Here) -> JSONResponse:
    """Both tiers as they are, how often somebody logged in, opened a brokerage session or pushed another one out."""
    return answer(_session(world))


@router.post("/simulator/session")
async def change_session(request: Request, world: Here) -> JSONResponse:
    """`reset` is the daily one, now: minutes of 503 on `/iserver` and a lost brokerage session; the login stays."""
    change = await read_body(request, SessionChange)
    world.session.advance()
    world.session.happen(change.event)
    return answer(_session(world))


@router.post("/simulator/session-clock")
async def move_session_clock(request: Request, world: Here) -> JSONResponse:
    move = await read_body(request, SessionClockMove)
    clock = world.session.clock
    if move.advance_seconds is not None and move.to is None:
        clock.move_to(clock.now() + timedelta(seconds=move.advance_seconds))
    elif move.to is not None and move.advance_seconds is None:
        clock.move_to(move.to)
    else:
        raise refused(400, "session clock: give one of to, advance_seconds")
    return answer(_session(world))


@router.post("/simulator/login")
async def log_in(world: Here) -> JSONResponse:
    """What a person does in the browser after a logout."""
    world.session.log_in()
    return answer({"loggedIn": True})


@router.get("/")
async def front() -> RedirectResponse:
    """The gateway's front door leads to the login (recorded)."""
    return to_the_login()


@router.get(LOGIN_PATH)
async def login_page() -> HTMLResponse:
    return login_form("The simulated gateway knows one user and no password.")


@router.post(LOGIN_PATH)
async def log_in_by_page(world: Here) -> HTMLResponse:
    world.session.log_in()
    return login_form("Client login succeeds")
