"""Walks from the gateway's address to a quote, and stops where a thing that everything else needs is missing."""

import asyncio
import contextlib
from typing import Final

import httpx2

from api_gateway.clientportal.transport import open_http
from api_gateway.diagnosis.network import reach
from api_gateway.diagnosis.records import Diagnosis
from api_gateway.diagnosis.report import Ended, Report
from api_gateway.diagnosis.session import (
    SPACING_SECONDS,
    Conversation,
    look_at_account,
    look_at_accounts,
    look_at_clock,
    look_at_market_data,
    look_at_session,
)
from api_gateway.settings import GatewaySettings

# Of the whole walk, and of a single connection or answer.
SECONDS: Final = 9.0
PATIENCE_SECONDS: Final = 3.0


async def diagnose(
    settings: GatewaySettings, *, spacing_seconds: float = SPACING_SECONDS, patience_seconds: float = PATIENCE_SECONDS
) -> Diagnosis:
    """Every check of `report.NAMES`, in that order. Never raises for anything that is wrong with the gateway."""
    report = Report()
    try:
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(Ended):
                await reach(settings, report, patience_seconds)
                await _converse(settings, report, spacing_seconds, patience_seconds)
    except TimeoutError:
        report.fail("gateway", f"it answers too slowly: not done within {SECONDS:g} s", "Look at the gateway's log.")
    return report.finished()


async def _converse(settings: GatewaySettings, report: Report, spacing_seconds: float, patience_seconds: float) -> None:
    async with open_http(settings.ibkr_gateway_url, settings.ibkr_ca_file, settings.ibkr_cert_sha256) as http:
        http.timeout = httpx2.Timeout(patience_seconds)
        talk = Conversation(http, spacing_seconds)
        try:
            await look_at_session(talk, settings, report)
            account = await look_at_accounts(talk, settings, report)
            await look_at_account(talk, account, report)
            await look_at_market_data(talk, report)
        finally:
            look_at_clock(talk, report)
