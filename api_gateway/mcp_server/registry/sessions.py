"""The gateway's session: its state, keeping it alive, opening it, ending it."""

from typing import Final

from pydantic import Field

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.mcp_server.registry import shapes
from api_gateway.mcp_server.registry.fields import AccountId
from api_gateway.mcp_server.registry.shapes import inside, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool, Mapped, Refused


class _Open(Arguments):
    compete: bool = Field(
        False, description="true ends the user's other session, such as TWS; only with IBKR_COMPETE=always"
    )


class _Switch(Arguments):
    account: AccountId = Field(alias="acctId")


# Neither the session token nor the user's name, address or machine is anybody's business.
_STATE = record(
    dict.fromkeys(("authenticated", "competing", "connected"), shapes.truth),
    {"established": shapes.truth, "message": shapes.unchanged, "fail": shapes.unchanged, "simulator": shapes.unchanged},
    only=True,
)
_OPENED = record(
    {}, dict.fromkeys(("passed", "authenticated", "established", "competing", "connected"), shapes.truth), only=True
)


def _opened(value: object, what: str) -> object:
    found = _OPENED(value, what)
    if not found:
        raise Malformed(f"{what}: the gateway did not say whether the session is open")
    return found


async def _look(call: Call) -> object:
    """Tells about any session, also one that is not usable."""
    return await call.around.raw.look(call.request())


async def _open(call: Call) -> object:
    compete = isinstance(call.arguments, _Open) and call.arguments.compete
    if compete and not call.around.may_compete:
        raise Refused("compete: it would end the user's other session", "End that session, or set IBKR_COMPETE=always")
    # Only in the body: as query parameters they leave the bridge down. Without publish the gateway fails.
    answer = await call.around.raw.send(call.request(publish=True, compete=compete))
    call.around.portal.session.forget()
    return answer


async def _own_login(call: Call) -> None:
    """Raises: Refused when others' accounts hang on the same login."""
    session = await call.around.portal.session.prime()
    if set(session.accounts) - set(call.around.admission.allowed(session)):
        raise Refused(
            "account: the login has accounts that this server may not use",
            "Do it in the browser, or list every account of the login in IBKR_ACCOUNT_ID",
        )


async def _log_out(call: Call) -> object:
    await _own_login(call)
    answer = await call.around.raw.send(call.request())
    call.around.portal.session.forget()
    return answer


async def _switch(call: Call) -> object:
    await call.around.portal.session.prime()
    return await call.around.raw.send(call.request())


def _switched(value: object, what: str) -> object:
    """`set`, or a text that says the account is selected already."""
    row = wire.mapping(value, what)
    told = wire.text(row, "success", "message")
    if row.get("set") is not True and (told is None or "already" not in told.lower()):
        raise Malformed(f"{what}: the gateway did not confirm the account")
    return {"selected": True}


SESSION: Final = (
    GatewayTool(
        name="sso_validate_sso_validate_post",
        family="session",
        kind="read",
        verb="GET",
        path="/sso/validate",
        doc="Whether the browser login is still valid, and for how long. Once a minute.",
        ask=_look,
        parse=record({"RESULT": shapes.truth}, {"EXPIRES": shapes.whole}, only=True),
    ),
    GatewayTool(
        name="get_auth_status_iserver_auth_status_get",
        family="session",
        kind="read",
        verb="GET",
        path="/iserver/auth/status",
        doc="Whether the brokerage session is connected, authenticated, established or competing. session_status says "
        "what that means and what to do.",
        ask=_look,
        parse=_STATE,
    ),
    GatewayTool(
        name="tickle_tickle_get",
        family="session",
        kind="read",
        verb="GET",
        path="/tickle",
        doc="Keeps the session alive and tells its state. The server does this by itself once a minute.",
        ask=_look,
        parse=inside("iserver", record({"authStatus": _STATE}, only=True)),
    ),
    GatewayTool(
        name="init_brokerage_session_iserver_auth_ssodh_init_post",
        family="session",
        kind="trade",
        verb="POST",
        path="/iserver/auth/ssodh/init",
        doc="Opens the brokerage session behind a browser login. Does not push another session out unless told to. "
        "session_status then says when it is ready.",
        arguments=_Open,
        ask=_open,
        parse=_opened,
    ),
    GatewayTool(
        name="reauthenticate_iserver_reauthenticate_post",
        family="session",
        kind="trade",
        verb="POST",
        path="/iserver/reauthenticate",
        doc="The older way to open the brokerage session; never pushes another session out.",
        ask=_open,
        parse=_opened,
        served=Mapped("POST", "/iserver/auth/ssodh/init", "the older endpoint is deprecated"),
    ),
    GatewayTool(
        name="logout_logout_post",
        family="session",
        kind="trade",
        verb="POST",
        path="/logout",
        doc="Ends the login. A person must log in again in a browser before anything works.",
        ask=_log_out,
        parse=record({"status": shapes.done}),
    ),
    GatewayTool(
        name="switch_account_iserver_account_post",
        family="session",
        kind="trade",
        verb="POST",
        path="/iserver/account",
        doc="Selects the account that brokerage requests without an account of their own mean.",
        arguments=_Switch,
        ask=_switch,
        parse=_switched,
    ),
)
