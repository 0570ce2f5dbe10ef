"""How an answer is fetched where one read is not enough: the first answer of several endpoints is empty or bare.

An answer that stays cold is an error; it is never handed out as "nothing there".
"""

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import ClientPortalError, GatewayRefused, Incomplete, Malformed
from api_gateway.mcp_server.registry.tool import Call, Sight, Visible


async def once(call: Call) -> object:
    """A read that a repetition would make wait for a quarter of an hour."""
    return await call.around.raw.read(call.request(), attempts=1)


async def sent_once(call: Call) -> object:
    """Something with an effect."""
    await call.around.portal.session.prime()
    return await call.around.raw.send(call.request())


def is_chart_missing(error: ClientPortalError) -> bool:
    """The first request for a contract may fail while the gateway fetches its chart."""
    return isinstance(error, GatewayRefused) and error.status in (404, 500)


def rows_of(*keys: str) -> Visible:
    """Rows of a list, each of an account under one of the keys; those of other accounts are left out.

    A row without an account is shown only where there is no account to hide.
    """

    def visible(data: object, sight: Sight) -> object:
        return [row for row in wire.rows(data, "rows") if _is_shown(row, keys, sight)]

    return visible


def under(key: str, visible: Visible) -> Visible:
    """What is visible of one value of an object."""

    def shown(data: object, sight: Sight) -> object:
        row = wire.mapping(data, key)
        return {**row, key: visible(row.get(key), sight)}

    return shown


def accounts_as_keys(data: object, sight: Sight) -> object:
    """An object keyed by account, or by an account and a suffix behind a point."""
    return {
        key: value for key, value in wire.mapping(data, "accounts").items() if key.partition(".")[0] in sight.allowed
    }


def names(data: object, sight: Sight) -> object:
    """A list of account ids."""
    if not isinstance(data, list):
        raise Malformed("accounts: expected a list")
    return [each for each in data if each in sight.allowed]


def of_the_account(*keys: str) -> Visible:
    """Rows that all must be of the account that was asked for. Raises: Malformed for anyone else's."""

    def visible(data: object, sight: Sight) -> object:
        for row in wire.rows(data, "rows"):
            if wire.text(row, *keys) not in (*sight.allowed, None):
                raise Malformed("the gateway answered for another account")
        return data

    return visible


def require(found: object, message: str) -> object:
    """Raises: Incomplete for an empty answer."""
    if not found:
        raise Incomplete(message)
    return found


def with_names(rows: object) -> bool:
    """Whether position rows are complete: the first read lacks the names, which shares alone always have."""
    shares = [row for row in wire.rows(rows, "positions") if row.get("assetClass") == "STK"]
    return not shares or any(row.get("ticker") or row.get("name") for row in shares)


def _is_shown(row: object, keys: tuple[str, ...], sight: Sight) -> bool:
    account = wire.text(wire.mapping(row, "row"), *keys)
    return account in sight.allowed if account is not None else not sight.hidden
