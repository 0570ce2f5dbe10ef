"""Market scanner endpoints, paced more strictly than any other."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api_gateway.simulator.errors import refused
from api_gateway.simulator.exchange import scanner
from api_gateway.simulator.routes.http import Here, answer, json_object

router = APIRouter(prefix="/v1/api")


@router.get("/iserver/scanner/params")
async def parameters(world: Here) -> JSONResponse:
    world.session.require_accounts()
    return answer(scanner.parameters())


@router.post("/iserver/scanner/run")
async def run(request: Request, world: Here) -> JSONResponse:
    world.session.require_accounts()
    wanted = scanner.asked(await json_object(request))
    return answer(scanner.run(world.market, wanted, world.look(), world.universe.stocks))


@router.post("/hmds/scanner")
async def legacy(world: Here) -> JSONResponse:
    """Answers 404 on live gateways, after `/hmds/auth/init` too (recorded)."""
    raise refused(404, "Resource not found")
