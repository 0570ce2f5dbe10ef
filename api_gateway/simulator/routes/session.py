"""Session endpoints: who is logged in, and whether the brokerage bridge stands."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.accounts.balances_view import SERVER
from api_gateway.simulator.errors import refused
from api_gateway.simulator.front.brokerage import Tiers
from api_gateway.simulator.routes.http import Here, answer, json_object
from api_gateway.simulator.world import World

router = APIRouter(prefix="/v1/api")

SESSION_COOKIE = "x-sess-uuid"
_MAC = "00:00:5E:00:53:01"  # a documentation address (RFC 7042)


def no_bridge_answer() -> JSONResponse:
    return answer({"error": "Bad Request: no bridge", "statusCode": 400}, 400)


def auth_status(world: World, tiers: Tiers) -> dict[str, Any]:
    """A logged-out status has fewer keys (documented); the simulator's marker is always there."""
    status: dict[str, Any] = {
        "authenticated": tiers.authenticated,
        "competing": tiers.competing,
        "connected": tiers.connected,
        "MAC": _MAC,
        "simulator": world.marker(),
    }
    if tiers.connected:
        status |= {
            "established": tiers.established,
            "message": "",
            "hardware_info": f"00000000|{_MAC}",
            "serverInfo": SERVER,
            "fail": "",
        }
    return status


# IBKR documents POST for both and GET for one of them in its pacing table; both verbs work.
@router.api_route("/iserver/auth/status", methods=["GET", "POST"])
async def status(world: Here) -> JSONResponse:
    return answer(auth_status(world, world.session.polled()))


@router.api_route("/tickle", methods=["GET", "POST"])
async def tickle(world: Here) -> JSONResponse:
    if not world.session.logged_in:
        return answer({"error": "no session"})  # with status 200
    tiers = world.session.polled()
    told = answer(
        {
            "session": world.session_token,
            "ssoExpires": 500_000,
            "collission": tiers.competing,  # the gateway's own spelling
            "userId": 100_000_001,
            "hmds": {"error": "no bridge"},
            "iserver": {"authStatus": auth_status(world, tiers)},
        }
    )
    # The session again (recorded), for the socket.
    told.set_cookie(SESSION_COOKIE, world.session_token, path="/v1/api", httponly=True)
    return told


@router.post("/iserver/auth/ssodh/init")
async def open_brokerage_session(request: Request, world: Here) -> JSONResponse:
    body = await json_object(request)
    # Parameters in the query leave the bridge down; only the JSON body counts.
    if body.get("publish") is not True:
        raise refused(500, "Bad Request: publish must be true")
    world.session.open_bridge(compete=body.get("compete") is True)
    return answer({"passed": True, **auth_status(world, world.session.tiers())})


@router.post("/iserver/reauthenticate")
async def reauthenticate(world: Here) -> JSONResponse:
    """Deprecated: opens the brokerage tier without pushing anybody out."""
    if not world.session.logged_in:
        return answer({"error": "not logged in"})  # with status 200 (measured)
    world.session.open_bridge(compete=False)
    return answer({"message": "triggered"})


# The history service keeps a login of its own; its answer is not documented.
@router.api_route("/hmds/auth/init", methods=["GET", "POST"])
async def open_history_service(world: Here) -> JSONResponse:
    world.session.history_service = True
    return answer({"authenticated": True, "connected": True, "competing": False})


@router.get("/sso/validate")
async def validate(world: Here) -> JSONResponse:
    return answer(
        {
            "USER_ID": 100_000_001,
            "USER_NAME": "simulated",
            "RESULT": True,
            "EXPIRES": 500_000,
            "AUTH_TIME": 0,
            "IS_FREE_TRIAL": False,
            "CREDENTIAL": "simulated",
            "IP": "127.0.0.1",
            "LANDING_APP": "UNIVERSAL",
            "PAPER_USER_NAME": "simulated",
        }
    )


@router.post("/logout")
async def logout(world: Here) -> JSONResponse:
    world.session.log_out()
    return answer({"status": True})
