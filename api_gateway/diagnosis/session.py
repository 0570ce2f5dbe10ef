"""What the gateway says of its login and its accounts. It opens no brokerage session and sends no order."""

import time
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

import httpx2

from api_gateway.clientportal import wire
from api_gateway.clientportal.balances import summary_of
from api_gateway.clientportal.errors import (
    AnotherProgram,
    BrokerUnreachable,
    CallerNotAllowed,
    ClientPortalError,
    Competing,
    DataUnavailable,
    GatewayDown,
    GatewayRefused,
    LoginRequired,
    Maintenance,
    NoBridge,
    NotPrimed,
    PacingViolation,
)
from api_gateway.clientportal.gateway_memory import GatewayMemory
from api_gateway.clientportal.pacing import Pacer
from api_gateway.clientportal.session import Rules, Session
from api_gateway.clientportal.transport import Params, Transport
from api_gateway.diagnosis.network import Address, address_of, silent, speech
from api_gateway.diagnosis.records import short
from api_gateway.diagnosis.report import Report
from api_gateway.settings import GatewaySettings

# A server that works at the same gateway spends its allowance too: few requests, and these spread out.
SPACING_SECONDS: Final = 0.25
_POLLS: Final = 5
# Apple at NASDAQ: liquid, and in every price service for the United States.
_LIQUID, _LIQUID_SYMBOL = 265598, "AAPL"
_LAST, _AVAILABILITY = "31", "6509"
_SPEECH_SECONDS: Final = 1.0
_WARN_SECONDS, _FAIL_SECONDS = 2.0, 30.0


class Conversation:
    """A few spaced reads at one gateway; remembers by how much its clock may be off."""

    def __init__(self, http: httpx2.AsyncClient, spacing_seconds: float) -> None:
        self._spacing = spacing_seconds
        memory = GatewayMemory()
        self._pacer = Pacer(memory=memory)
        self._transport = Transport(http, self._pacer)
        self.session = Session(self._transport, memory, Rules(refuse_simulator=False))
        self.skew: float | None = None
        self._sent = 0.0
        http.event_hooks = {"request": [self._note_request], "response": [self._note_date]}

    async def read(self, path: str, params: Params | None = None) -> object:
        await self.pause()
        return await self._transport.read(path, params, attempts=1)

    async def pause(self) -> None:
        await self._pacer.pause(self._spacing)

    async def _note_request(self, _: httpx2.Request) -> None:
        self._sent = time.time()

    async def _note_date(self, response: httpx2.Response) -> None:
        """The least offset, in seconds, that the answer proves: `Date` is cut to the second, the way took a while."""
        try:
            dated = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return
        ahead, behind = self._sent - (dated + 1), dated - time.time()
        self.skew = max(ahead, 0.0) if behind <= 0 else -behind


async def look_at_session(talk: Conversation, settings: GatewaySettings, report: Report) -> None:
    """The checks `allow_list`, `login`, `competing` and `bridge`. Raises: Ended where the session cannot be used."""
    reading = await talk.session.reading()
    fault = reading.fault
    report.learn(simulator=None if fault and not isinstance(fault, SESSION) else reading.simulator is not None)
    if fault is not None and not isinstance(fault, SESSION):
        await _end_without_session(report, address_of(settings.ibkr_gateway_url), fault)
    report.ok("allow_list", "the gateway serves this machine")
    if isinstance(fault, LoginRequired):
        report.end("login", str(fault), f"Log in at {settings.login_url} in a browser on the gateway's machine.")
    report.ok("login", "logged in")
    if isinstance(fault, Competing):
        report.end("competing", str(fault), fault.remedy)
    report.ok("competing", "no other session of the same user is active")
    if fault is not None:
        remedy = "The MCP server opens it within a minute where that harms nobody: start it, or log in again."
        report.end("bridge", "logged in, but the gateway has no brokerage session", remedy)
    report.ok("bridge", "the brokerage session is established")


SESSION: Final = (LoginRequired, Competing, NoBridge)


async def _end_without_session(report: Report, address: Address, fault: ClientPortalError) -> NoReturn:
    if isinstance(fault, CallerNotAllowed):
        report.end("allow_list", str(fault), fault.remedy)
    if isinstance(fault, AnotherProgram | BrokerUnreachable | Maintenance | PacingViolation):
        report.end("gateway", str(fault), fault.remedy)
    if isinstance(fault, GatewayDown):
        report.end("gateway", *(await speech(address, _SPEECH_SECONDS) or (str(fault), silent(address))))
    remedy = "Does a Client Portal gateway listen there? Correct IBKR_GATEWAY_URL."
    report.end("gateway", f"it answers, but not as a gateway does: {fault}", remedy)


async def look_at_accounts(talk: Conversation, settings: GatewaySettings, report: Report) -> str | None:
    """The checks `accounts` and `trading_mode`; the account to look at, None where it is not clear which."""
    await talk.pause()
    try:
        found = await talk.session.brokerage_accounts()
    except ClientPortalError as error:
        report.end("accounts", str(error), error.remedy)
    report.learn(paper=found.paper)
    _check_mode(settings, report, paper=found.paper)
    listed = settings.ibkr_account_id
    missing = [account for account in listed if account not in found.accounts]
    names = ", ".join(short(account) for account in found.accounts)
    if missing:
        finding = f"IBKR_ACCOUNT_ID names {', '.join(map(short, missing))}, and the login sees {names}"
        report.fail("accounts", finding, "Correct IBKR_ACCOUNT_ID, or log in as the user of that account.")
    elif not listed and not found.paper:
        finding = "a live login and no IBKR_ACCOUNT_ID: no account may be used"
        report.fail("accounts", finding, f"Set IBKR_ACCOUNT_ID to one of {names}.")
    elif not listed and len(found.accounts) > 1:
        finding = f"the login sees {len(found.accounts)} accounts ({names}) and none is named"
        report.warn("accounts", finding, "Set IBKR_ACCOUNT_ID to the one that is to be managed.")
    else:
        report.ok("accounts", f"the login sees {names}")
    usable = [account for account in listed or found.accounts if account in found.accounts]
    return usable[0] if usable and (listed or len(usable) == 1) else None


def _check_mode(settings: GatewaySettings, report: Report, *, paper: bool) -> None:
    kind = "simulator" if report.facts.simulator else "paper" if paper else "live"
    mode = settings.trading_mode
    if mode == "off":
        report.ok("trading_mode", f"TRADING_MODE is off, so nothing is ordered; the login is {kind}")
    elif mode == "live" and report.facts.simulator:
        finding = "TRADING_MODE is live and the gateway is a simulator"
        report.fail("trading_mode", finding, "Point IBKR_GATEWAY_URL at the real gateway, or set TRADING_MODE=paper.")
    elif (mode == "paper") != paper:
        finding = f"TRADING_MODE is {mode} and the login is {kind}: every order would be refused"
        report.fail("trading_mode", finding, f"Log in as the {mode} user, or change TRADING_MODE.")
    else:
        report.ok("trading_mode", f"TRADING_MODE is {mode} and the login is {kind}")


async def look_at_account(talk: Conversation, account: str | None, report: Report) -> None:
    """The check `account`."""
    if account is None:
        report.skip("account", "not looked at because of accounts")
        return
    path = f"/portfolio/{account}/summary"
    try:
        try:
            summary = summary_of(await talk.read(path))
        except NotPrimed:
            # Nobody has read them in this session, so the limit of one read in five seconds is free.
            await talk.read("/portfolio/accounts")
            summary = summary_of(await talk.read(path))
    except ClientPortalError as error:
        report.fail("account", f"{short(account)} cannot be read: {error}", error.remedy)
        return
    report.learn(currency=summary.currency, account_type=summary.account_type)
    kind = f"{summary.account_type} account" if summary.account_type else "account of unknown type"
    finding = f"{short(account)} is a {kind} in {summary.currency}"
    if summary.account_type is None:
        report.warn("account", finding, "It is treated as a cash account: sale proceeds are spent once settled.")
    else:
        report.ok("account", finding)


async def look_at_market_data(talk: Conversation, report: Report) -> None:
    """The check `market_data`: of which class the quotes of a liquid name are."""
    row: dict[str, object] = {}
    params = {"conids": str(_LIQUID), "fields": f"{_LAST},{_AVAILABILITY}"}
    try:
        for _ in range(_POLLS):
            rows = wire.rows(await talk.read("/iserver/marketdata/snapshot", params), "snapshot")
            row = {key: value for each in rows for key, value in each.items()}
            if _AVAILABILITY in row:
                break
    except (DataUnavailable, GatewayRefused) as error:
        report.fail("market_data", f"no quote of {_LIQUID_SYMBOL}: {error}", error.remedy)
        return
    except ClientPortalError as error:
        report.fail("market_data", f"quotes cannot be read: {error}", error.remedy)
        return
    _judge_availability(report, wire.text(row, _AVAILABILITY) or "")


def _judge_availability(report: Report, code: str) -> None:
    subscribe = (
        "Subscribe to the United States' stock quotes (NYSE, NASDAQ, network B) in the Client Portal under market data "
        "subscriptions; a paper user may share the live user's in its paper trading settings."
    )
    letter = code[:1]
    told = f"quotes of {_LIQUID_SYMBOL} are"
    if letter == "R":
        report.ok("market_data", f"{told} live")
    elif letter == "Z":
        report.warn(
            "market_data", f"{told} frozen: the last of a closed session", "Look again while the market is open."
        )
    elif letter in ("D", "Y"):
        finding = f"{told} delayed: they trade on paper, with real money only where the policy admits it"
        report.warn("market_data", finding, subscribe)
    elif letter == "N":
        report.fail("market_data", f"{told} not subscribed to", subscribe)
    elif letter == "O":
        remedy = "Sign the market data agreement for the API in the Client Portal, under market data subscriptions."
        report.fail("market_data", f"{told} withheld: the agreement for the API is missing", remedy)
    else:
        finding = f"the gateway did not say of which class the quotes of {_LIQUID_SYMBOL} are"
        report.warn("market_data", finding, "Run the diagnosis again in a minute.")


def look_at_clock(talk: Conversation, report: Report) -> None:
    """The check `clock`, out of the `Date` of the gateway's answers."""
    if talk.skew is None:
        report.skip("clock", "the gateway's answers carry no date")
        return
    off = abs(talk.skew)
    direction = "ahead of" if talk.skew > 0 else "behind"
    finding = f"this machine's clock is at least {off:.0f} s {direction} the gateway's"
    remedy = "Let both machines set their clocks by NTP (`timedatectl set-ntp true`)."
    if off > _FAIL_SECONDS:
        report.fail("clock", f"{finding}: fresh quotes look stale, and order tickets expired", remedy)
    elif off > _WARN_SECONDS:
        report.warn("clock", finding, remedy)
    else:
        report.ok("clock", f"this machine and the gateway agree to within {_WARN_SECONDS:g} s")
