"""Says whether the brokerage session can be used, to a tool's caller and to a probe, and never from an old look."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import State
from api_gateway.clientportal.resets import next_reset
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.results import SessionStatus, SimulatorMarker
from api_gateway.settings import Settings

_RETRY_SECONDS = 60


@dataclass(frozen=True)
class Readiness:
    portal: ClientPortal
    admission: Admission
    settings: Settings

    async def status(self) -> SessionStatus:
        """As the session is now; a gateway that is down is a state."""
        session = self.portal.session
        health = await session.health()
        primed, simulator = health.primed, session.simulator
        accounts = self.admission.allowed(primed) if primed else ()
        message, remedy = health.message, health.remedy
        if primed and not accounts:
            message, remedy = self._without_account(primed.accounts)
        return SessionStatus(
            state=health.state,
            message=message,
            remedy=remedy,
            accounts=accounts,
            paper=primed.paper if primed else None,
            now=session.market_now(),
            simulator=SimulatorMarker(**simulator.model_dump(exclude={"now"})) if simulator else None,
            trading_mode=self.settings.trading_mode,
            source=session.source,
            since=health.since,
            previous_state=health.previous,
            checked_at=health.checked_at,
            login_url=self.settings.login_url,
            next_reset=next_reset(session.market_now(), self.settings.ibkr_reset_zone),
        )

    def _without_account(self, seen: tuple[str, ...]) -> tuple[str, str]:
        """Message and remedy, with the accounts among which to choose, shortened."""
        choices = ", ".join(f"{account[:2]}…{account[-3:]}" for account in seen)
        listed = "IBKR_ACCOUNT_ID names none of them" if self.admission.listed else "IBKR_ACCOUNT_ID names none"
        message = f"no account of this login may be used: it sees {choices}, and {listed}"
        return message, f"List the account in IBKR_ACCOUNT_ID: one of {choices}."

    async def probe(self, request: Request) -> Response:
        """200 when READY, else 503 with what a person can do. Names no account."""
        status = await self.status()
        ready = status.state is State.READY
        body = status.model_dump(mode="json", exclude={"accounts", "simulator"})
        headers = None if ready else {"Retry-After": str(_RETRY_SECONDS)}
        return JSONResponse({"ready": ready, **body}, 200 if ready else 503, headers)
