"""Over HTTP: what only a person may ask for. Every call names who asks; most want a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.agent import perform_with_agents
from app.desk.accounts import Whose
from app.desk.controls.level import Release, level_of, release, set_level
from app.desk.controls.tax import EARLIEST, tax_of
from app.desk.desk import Desk, silent
from app.desk.run.approvals import approve, reject
from app.desk.run.attempt import RunResult
from app.desk.run.exit_by_hand import exit_position
from app.desk.run.positions import recorded_positions, show_positions
from app.desk.run.reconcile_now import cancel_buys_after_halt, reconcile_now
from app.desk.run.recover import Wishes, recover, show_recovery
from app.desk.run.taking_over import choose_mode, show_taking_over
from app.domain.errors import PortfolioError, UsageError
from app.domain.policy import AdoptionMode
from app.domain.ruling import KillLevel
from app.settings import read_policy
from app.web.json_text import not_blank
from app.web.middleware import SERVED, WITH_BODY
from app.web.runs import AT_THE_DESK, RUN, response_of, run_to_end
from app.wiring import Wiring, outlook_of

# Spaces and invisible characters are no reason.
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(not_blank)]
OrderId = Annotated[str, Field(pattern=r"^(all|PM[0-9A-Za-z]{1,62})$")]
router = APIRouter(responses=SERVED)


class PersonCall(BaseModel):
    """Who asks, and for which account; where there are several it must be named."""

    model_config = ConfigDict(extra="forbid")

    actor: Words = "api"
    account: str | None = None


class ReasonedCall(PersonCall):
    """Who asks, for which account, and why; it goes on record."""

    reason: Words


class LevelCall(ReasonedCall):
    """`all` means every account, now and later."""

    all: bool = False


class ExitCall(PersonCall):
    """`confirm` must be true: it sells."""

    confirm: bool = False


class RecoverCall(ReasonedCall):
    """Client order ids, or "all" for the others: ours, or not to be counted as ours."""

    adopt: tuple[OrderId, ...] = ()
    abandon: tuple[OrderId, ...] = ()


class AdoptionCall(ReasonedCall):
    """`adopt`, `transition` or `now`."""

    mode: AdoptionMode


@router.get("/level")
async def level(request: Request, account: str | None = None) -> dict[str, Any]:
    """The kill level in force: of that account, or the strictest, with each account's beside it.

    `holds` is what keeps an account from buying, and what lifts it.
    """
    wiring = wiring_of(request)
    outlook = await asyncio.to_thread(outlook_of, wiring.settings)
    return await asyncio.to_thread(level_of, wiring.ledger, whose_of(request, account), outlook)


@router.get("/tax")
async def tax(
    request: Request, account: str | None = None, year: Annotated[int | None, Query(ge=EARLIEST, le=9999)] = None
) -> dict[str, Any]:
    """Realised gains of a year, else of the newest run's, and those not realised yet; by the ledger alone."""
    wiring = wiring_of(request)
    policy, _ = await asyncio.to_thread(read_policy, wiring.settings.policy_file)
    return await asyncio.to_thread(tax_of, wiring.ledger, whose_of(request, account), policy.tax.lot_method, year)


@router.get("/positions", responses=AT_THE_DESK)
async def positions(request: Request, account: str | None = None, recorded: bool = False) -> dict[str, Any]:
    """What is held: by the broker where it can be reached, else by the newest run on record; `from` says which.

    `recorded`: by the record alone. Changes nothing.
    """
    if recorded:
        return await asyncio.to_thread(recorded_positions, wiring_of(request).ledger, whose_of(request, account))
    return await show_positions(await asyncio.to_thread(wiring_of(request).desk), account)


@router.post("/halt", responses=WITH_BODY)
async def halt(request: Request, call: LevelCall) -> dict[str, Any]:
    """Nothing is sent any more, for any account where none is named; own open buys are asked to be cancelled."""
    facts = await _set(request, KillLevel.HALTED, call)
    try:
        desk = await asyncio.to_thread(wiring_of(request).desk)
    except PortfolioError as error:
        return {**facts, "open_buys": f"not cancelled: {error}"}
    return {**facts, "open_buys": await run_to_end(request.app, cancel_buys_after_halt(desk, call.account))}


@router.post("/reduce", responses=WITH_BODY)
async def reduce(request: Request, call: LevelCall) -> dict[str, Any]:
    """Only exits are sent."""
    return await _set(request, KillLevel.REDUCING, call)


@router.post("/resume", responses=WITH_BODY)
async def resume(request: Request, call: LevelCall) -> dict[str, Any]:
    """Back to the policy's limits."""
    return await _set(request, KillLevel.ACTIVE, call)


@router.post("/runs/{run_id}/approve", responses=AT_THE_DESK | WITH_BODY)
async def approve_run(request: Request, run_id: str, call: PersonCall) -> Response:
    """Go on with a waiting run; everything is read and gated anew."""
    return await _run(
        request, lambda desk: approve(desk, run_id, call.actor, perform_with_agents, silent, call.account)
    )


@router.post("/runs/{run_id}/reject", responses=AT_THE_DESK | WITH_BODY)
async def reject_run(request: Request, run_id: str, call: ReasonedCall) -> Response:
    """Never send the waiting orders."""
    return await _run(request, lambda desk: reject(desk, run_id, call.actor, call.reason, silent, call.account))


@router.post("/exit/{symbol}", responses=RUN | WITH_BODY)
async def exit_symbol(request: Request, symbol: str, call: ExitCall) -> Response:
    """Sell all that is held of one name, through the gate, under any kill level."""
    if not call.confirm:
        raise UsageError(f"leaving {symbol} sells all of it", 'Send "confirm": true')
    return await _run(request, lambda desk: exit_position(desk, symbol, call.actor, call.account))


@router.post("/reconcile", responses=RUN)
async def reconcile(request: Request, account: str | None = None) -> Response:
    """Settle what the broker's books tell of open orders."""
    return await _run(request, lambda desk: reconcile_now(desk, account, silent))


@router.get("/adoption", responses=AT_THE_DESK)
async def adoption(request: Request, account: str | None = None) -> dict[str, Any]:
    """How the account would be taken over now, each mode beside the others. Changes nothing."""
    desk = await asyncio.to_thread(wiring_of(request).desk)
    return await show_taking_over(desk, account)


@router.post("/adoption", responses=AT_THE_DESK | WITH_BODY)
async def choose_adoption(request: Request, call: AdoptionCall) -> dict[str, Any]:
    """Choose how the account is taken over; from what day and prices gains count stays."""
    desk = await asyncio.to_thread(wiring_of(request).desk)
    return await choose_mode(desk, call.mode, call.reason, call.actor, call.account)


@router.get("/recover", responses=AT_THE_DESK)
async def recovery(request: Request, account: str | None = None) -> dict[str, Any]:
    """What the broker holds under our name and the ledger lacks, and what there is to decide. Changes nothing."""
    desk = await asyncio.to_thread(wiring_of(request).desk)
    return await show_recovery(desk, account)


@router.post("/recover", responses=RUN | WITH_BODY)
async def recover_ledger(request: Request, call: RecoverCall) -> Response:
    """After an older copy of the ledger was restored: adopt or abandon orders that it lacks. Sends nothing."""
    wishes = Wishes(call.actor, call.reason, call.adopt, call.abandon)
    return await _run(request, lambda desk: recover(desk, wishes, call.account))


@router.post("/release/{symbol}", responses=WITH_BODY)
async def release_symbol(request: Request, symbol: str, call: ReasonedCall) -> dict[str, Any]:
    """Let automatic orders near a name again."""
    looked_at = Release(symbol, call.reason, call.actor, whose_of(request, call.account))
    return await asyncio.to_thread(release, wiring_of(request).ledger, looked_at, datetime.now(UTC))


def wiring_of(request: Request) -> Wiring:
    """The service's parts."""
    wiring: Wiring = request.app.state.wiring
    return wiring


def whose_of(request: Request, account: str | None, everywhere: bool = False) -> Whose:
    """Which account a call means."""
    return Whose(account, wiring_of(request).settings.accounts, everywhere)


async def _set(request: Request, level: KillLevel, call: LevelCall) -> dict[str, Any]:
    ledger, whose = wiring_of(request).ledger, whose_of(request, call.account, call.all)
    return await asyncio.to_thread(set_level, ledger, level, call.reason, call.actor, datetime.now(UTC), whose)


async def _run(request: Request, work: Callable[[Desk], Awaitable[RunResult]]) -> Response:
    return response_of(await run_to_end(request.app, _job(request, work)))


async def _job(request: Request, work: Callable[[Desk], Awaitable[RunResult]]) -> RunResult:
    return await work(await asyncio.to_thread(wiring_of(request).desk))
