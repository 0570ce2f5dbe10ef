"""The brokerage side of an account: who it is, profit and loss, balances, performance, exchange rates."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Malformed
from api_gateway.mcp_server.registry import fetching, shapes
from api_gateway.mcp_server.registry.fields import AccountId, AccountIds, Conids, Currency, whole
from api_gateway.mcp_server.registry.shapes import Check, each, keyed, number, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, Family, GatewayTool, Refused, Sight


class _OfAccount(Arguments):
    account: AccountId = Field(alias="accountId")


class _Rate(Arguments):
    source: Currency = Field(description="Currency to convert from")
    target: Currency = Field(description="Currency to convert to")


class _Performance(Arguments):
    account_list: AccountIds = Field(alias="acctIds")
    period: Annotated[
        Literal["1D", "7D", "MTD", "1M", "3M", "6M", "YTD", "1Y"], Field(description="Period up to the last close")
    ] = "1Y"
    freq: Annotated[Literal["D", "M", "Q"], Field(description="Daily, monthly, quarterly")] | None = None


class _AllPeriods(Arguments):
    account_list: AccountIds = Field(alias="acctIds")


class _Transactions(Arguments):
    account_list: AccountIds = Field(alias="acctIds")
    conids: Conids
    currency: Currency = "USD"
    days: Annotated[int, Field(ge=1, le=730, description="How far back, in days"), BeforeValidator(whole)] = 90


def _balances(value: object, what: str) -> object:
    """Amounts such as `"994,831 USD"` as amount and currency, `"24,903"` as a number, at any depth."""
    if isinstance(value, dict):
        return {key: _balances(held, f"{what} {key}") for key, held in value.items()}
    if isinstance(value, list):
        return [_balances(held, what) for held in value]
    if not isinstance(value, str):
        return value
    found = shapes.money(value, what)
    if isinstance(found, dict):
        return found if found["currency"] else found["amount"]
    return value


def _rate(value: object, what: str) -> object:
    row = record({"rate": number})(value, what)
    if wire.required_number(wire.mapping(row, what), "rate") <= 0:
        raise Malformed(f"{what}: the rate is not positive")
    return row


def _shown_accounts(data: object, sight: Sight) -> object:
    row = dict(wire.mapping(data, "accounts"))
    for key in ("acctProps", "aliases"):
        held = row.get(key)
        if isinstance(held, dict):
            row[key] = {account: value for account, value in held.items() if account in sight.allowed}
    if row.get("selectedAccount") not in sight.allowed:
        row["selectedAccount"] = None
    return {**row, "accounts": fetching.names(row["accounts"], sight)}


async def _profit(call: Call) -> object:
    return await call.around.raw.settle(
        call.request(),
        lambda answer: bool(wire.mapping(answer, "profit and loss").get("upnl")),
        "the gateway has not loaded profit and loss",
    )


async def _performance(call: Call) -> object:
    """An answer that the desk's own tool would ask for is kept for it: the broker gives the next in 15 minutes."""
    arguments = call.given(_Performance)
    answer = await fetching.once(call)
    if len(arguments.account_list) == 1 and arguments.period == "1Y" and arguments.freq is None:
        call.around.portal.portfolio.keep_performance(arguments.account_list[0], answer)
    return answer


def _own_profit(data: object, sight: Sight) -> object:
    shown = fetching.under("upnl", fetching.accounts_as_keys)(data, sight)
    if not wire.mapping(shown, "profit and loss").get("upnl"):
        raise Refused(
            "the gateway tells profit and loss of the selected account alone, which this server may not show",
            "Read the ledger of the account, or have the account selected",
        )
    return shown


_PROFIT = record({"upnl": keyed(record({}, dict.fromkeys(("dpl", "nl", "upl", "uel", "el", "mv"), number)))}, only=True)
_SERIES = each(record({}, {"navs": each(number), "returns": each(number)}))
_BALANCE: Final[Family] = "account"


_SHEET = shapes.some(keyed(record({})))
_SHORT_SHEET = record({"netLiquidationValue": number})


def _sheet(value: object, what: str) -> object:
    """By segment or currency."""
    return _balances(_SHEET(value, what), what)


def _short_sheet(value: object, what: str) -> object:
    return _balances(_SHORT_SHEET(value, what), what)


def _balance_tool(name: str, ending: str, doc: str, parse: Check = _sheet) -> GatewayTool:
    return GatewayTool(
        name=name,
        family=_BALANCE,
        kind="read",
        verb="GET",
        path=f"/iserver/account/{{accountId}}/summary{ending}",
        doc=doc,
        arguments=_OfAccount,
        parse=parse,
    )


ACCOUNT: Final = (
    GatewayTool(
        name="get_brokerage_accounts_iserver_accounts_get",
        family="account",
        kind="read",
        verb="GET",
        path="/iserver/accounts",
        doc="Accounts of the login that this server may show, the selected one, and whether the login is paper.",
        parse=record(
            {"accounts": shapes.some(each(shapes.words)), "isPaper": shapes.truth},
            {
                "selectedAccount": shapes.words,
                "acctProps": keyed(record({})),
                "aliases": keyed(shapes.unchanged),
                "isFT": shapes.truth,
            },
            only=True,
        ),
        visible=_shown_accounts,
    ),
    GatewayTool(
        name="get_pnl_partitioned_iserver_account_pnl_partitioned_get",
        family="account",
        kind="read",
        verb="GET",
        path="/iserver/account/pnl/partitioned",
        doc="Today's profit and loss (dpl), unrealized (upl), net liquidation (nl), excess liquidity (el), "
        "market value (mv).",
        ask=_profit,
        parse=_PROFIT,
        visible=_own_profit,
    ),
    _balance_tool(
        "get_iserver_account_summary_iserver_account", "", "Balances and margin of an account in short.", _short_sheet
    ),
    _balance_tool(
        "get_available_funds_iserver_account", "/available_funds", "Available funds and buying power by segment."
    ),
    _balance_tool("get_balances_iserver_account", "/balances", "Cash and equity balances by segment."),
    _balance_tool("get_margins_iserver_account", "/margins", "Initial and maintenance margin by segment."),
    _balance_tool("get_market_value_iserver_account", "/market_value", "Market value by currency and asset class."),
    GatewayTool(
        name="get_exchange_rate_iserver_exchangerate_get",
        family="account",
        kind="read",
        verb="GET",
        path="/iserver/exchangerate",
        doc="How much of the target currency one unit of the source currency is worth.",
        arguments=_Rate,
        parse=_rate,
    ),
    GatewayTool(
        name="pa_performance",
        family="account",
        kind="read",
        verb="POST",
        path="/pa/performance",
        doc="Net asset values and returns over a period. The broker answers once in 15 minutes; one account over 1Y "
        "leaves the tool performance its answer, anything else makes it wait.",
        arguments=_Performance,
        ask=_performance,
        parse=record(
            {"nav": record({"data": _SERIES, "dates": each(shapes.name)})},
            {"cps": record({}, {"data": _SERIES})},
        ),
    ),
    GatewayTool(
        name="pa_allperiods",
        family="account",
        kind="read",
        verb="POST",
        path="/pa/allperiods",
        doc="Performance over every period that the broker keeps. The broker answers once in 15 minutes.",
        arguments=_AllPeriods,
        ask=fetching.once,
        parse=shapes.some(record({})),
    ),
    GatewayTool(
        name="pa_transactions",
        family="account",
        kind="read",
        verb="POST",
        path="/pa/transactions",
        doc="Trades, dividends and transfers in some contracts. The broker answers once in 15 minutes.",
        arguments=_Transactions,
        ask=fetching.once,
        parse=record({"transactions": each(record({}))}),
    ),
)
