"""Accounts, positions, cash and allocation as the portfolio side of the gateway keeps them."""

from typing import Annotated, Final, Literal

from pydantic import Field

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import Incomplete, Malformed
from api_gateway.mcp_server.registry import fetching, shapes
from api_gateway.mcp_server.registry.fields import AccountId, AccountIds, Conid, Page, Word
from api_gateway.mcp_server.registry.shapes import each, keyed, number, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool


class OfAccount(Arguments):
    account: AccountId = Field(alias="accountId")


class _Positions(OfAccount):
    page: Page = Field(alias="pageId")
    model: Word | None = Field(None, description="Name of a model portfolio")
    sort: Word | None = Field(None, description="Column to sort by")
    direction: Literal["a", "d"] | None = Field(None, description="a ascending, d descending")
    period: Annotated[str, Field(pattern=r"^[0-9]{1,2}[DWMY]$")] | None = Field(
        None, description="Period of profit: 1D, 7D, 1M"
    )


class _RealtimePositions(OfAccount):
    model: Word | None = Field(None, description="Name of a model portfolio")
    sort: Word | None = Field(None, description="Column to sort by")
    direction: Literal["a", "d"] | None = Field(None, description="a ascending, d descending")


class _PositionOfAccount(Arguments):
    account: AccountId = Field(alias="acctId")
    conid: Conid


class _PositionEverywhere(Arguments):
    conid: Conid


class _Combos(OfAccount):
    nocache: bool | None = Field(None, description="true reads past the gateway's cache")


class _Several(Arguments):
    account_list: AccountIds = Field(alias="acctIds")


class _Pages(Arguments):
    page: Page = 0


_ACCOUNT = record({"id": shapes.words, "accountId": shapes.words, "currency": shapes.words, "type": shapes.words})
_NUMBERS = ("mktPrice", "mktValue", "avgCost", "avgPrice", "realizedPnl", "unrealizedPnl")
_BASE_NUMBERS = tuple(f"base{name[0].upper()}{name[1:]}" for name in _NUMBERS)
_POSITION = record(
    {"conid": shapes.conid, "position": number, "currency": shapes.words},
    # A halted or worthless line has no price, and no value.
    {**dict.fromkeys((*_NUMBERS, *_BASE_NUMBERS), number), "strike": number, "multiplier": number},
)
_REALTIME = record(
    {"conid": shapes.conid, "position": number, "currency": shapes.words},
    dict.fromkeys(("avgCost", "avgPrice", "marketPrice", "marketValue", "realizedPnl", "unrealizedPnl"), number),
)
_WEIGHTS = record({}, {"long": keyed(number), "short": keyed(number)})
_ALLOCATION = record(dict.fromkeys(("assetClass", "sector", "group"), _WEIGHTS))
_SUMMARY = shapes.some(keyed(record({"amount": number}, {"value": shapes.unchanged})))
_LEDGER_NUMBERS = ("cashbalance", "netliquidationvalue", "unrealizedpnl", "realizedpnl")
_LEDGER_OTHERS = (
    "settledcash", "exchangerate", "stockmarketvalue", "dividends", "interest", "funds", "moneyfunds",
    "tbillsmarketvalue",
)  # fmt: skip


def _ledger(value: object, what: str) -> object:
    """Per currency and BASE; a marker without numbers comes only sometimes."""
    rows = {key: row for key, row in wire.mapping(value, what).items() if key != "endofbundle"}
    row = record(dict.fromkeys(_LEDGER_NUMBERS, number), dict.fromkeys(_LEDGER_OTHERS, number))
    return {"BASE": row(rows.get("BASE"), f"{what} BASE"), **wire.mapping(keyed(row)(rows, what), what)}


def _invalidated(value: object, what: str) -> object:
    """`success` as recorded, or the positions as documented."""
    if isinstance(value, list):
        each(record({"conid": shapes.conid}))(value, what)
    elif wire.text(wire.mapping(value, what), "message") != "success":
        raise Malformed(f"{what}: the gateway did not confirm it")
    return {"invalidated": True}


async def _position_page(call: Call) -> object:
    """The first read lacks the names; an empty first page is believed when the uncached endpoint is empty, too."""
    raw, arguments = call.around.raw, call.given(_Positions)
    rows = await raw.settle(call.request(), fetching.with_names, "the gateway has not loaded the positions' names")
    if not rows and arguments.page == 0 and await call.around.portal.portfolio.positions(arguments.account):
        raise Incomplete("the gateway has not loaded the positions")
    return rows


PORTFOLIO: Final = (
    GatewayTool(
        name="get_portfolio_accounts_portfolio_accounts_get",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/accounts",
        doc="Accounts that this server may show, with currency and type (DEMO is a paper account).",
        parse=shapes.some(each(_ACCOUNT)),
        visible=fetching.rows_of("accountId", "id"),
    ),
    GatewayTool(
        name="get_account_summary_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/summary",
        doc="Net liquidation, cash, margin and buying power of an account; suffix -s securities, -c commodities.",
        arguments=OfAccount,
        parse=_SUMMARY,
    ),
    GatewayTool(
        name="get_positions_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/positions/{pageId}",
        doc="Positions of an account, 100 per page from page 0, empty past the end. Cached by the gateway; "
        "get_positions_realtime_portfolio2 is not.",
        arguments=_Positions,
        ask=_position_page,
        parse=each(_POSITION),
        visible=fetching.of_the_account("acctId"),
    ),
    GatewayTool(
        name="get_position_by_conid_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{acctId}/position/{conid}",
        doc="The account's position in one contract; an empty list when it holds none.",
        arguments=_PositionOfAccount,
        parse=each(_POSITION),
        visible=fetching.of_the_account("acctId"),
    ),
    GatewayTool(
        name="get_all_positions_by_conid_portfolio_positions",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/positions/{conid}",
        doc="Positions in one contract over all accounts that this server may show, by account id.",
        arguments=_PositionEverywhere,
        parse=keyed(each(_POSITION)),
        visible=fetching.accounts_as_keys,
    ),
    GatewayTool(
        name="get_combo_positions_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/combo/positions",
        doc="Positions that make up combinations, such as spreads.",
        arguments=_Combos,
        parse=each(record({"name": shapes.words})),
    ),
    GatewayTool(
        name="get_account_ledger_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/ledger",
        doc="Cash, settled cash, profit and loss per currency; BASE is the sum in the account's currency.",
        arguments=OfAccount,
        parse=_ledger,
    ),
    GatewayTool(
        name="get_account_allocation_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/allocation",
        doc="Value by asset class, sector and group, long and short.",
        arguments=OfAccount,
        parse=_ALLOCATION,
    ),
    GatewayTool(
        name="get_all_accounts_allocation_portfolio_allocation_post",
        family="portfolio",
        kind="read",
        verb="POST",
        path="/portfolio/allocation",
        doc="Value by asset class, sector and group over several accounts together.",
        arguments=_Several,
        parse=_ALLOCATION,
    ),
    GatewayTool(
        name="get_account_meta_portfolio",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/{accountId}/meta",
        doc="Currency, type and trading rights of one account.",
        arguments=OfAccount,
        parse=_ACCOUNT,
    ),
    GatewayTool(
        name="get_portfolio_subaccounts_portfolio_subaccounts_get",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/subaccounts",
        doc="Sub-accounts that this server may show; for up to 100 of them.",
        parse=shapes.some(each(_ACCOUNT)),
        visible=fetching.rows_of("accountId", "id"),
    ),
    GatewayTool(
        name="get_portfolio_subaccounts_large_portfolio_subaccounts2_g",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio/subaccounts2",
        doc="Sub-accounts that this server may show, page by page. The totals count those it may not show, too.",
        arguments=_Pages,
        parse=record({"metadata": record({}, {"total": shapes.whole}), "subaccounts": each(_ACCOUNT)}),
        visible=fetching.under("subaccounts", fetching.rows_of("accountId", "id")),
    ),
    GatewayTool(
        name="invalidate_portfolio_cache_portfolio",
        family="portfolio",
        kind="session",
        verb="POST",
        path="/portfolio/{accountId}/positions/invalidate",
        doc="Makes the gateway read the account's positions anew on the next call. Changes nothing in the account.",
        arguments=OfAccount,
        ask=fetching.sent_once,
        parse=_invalidated,
    ),
    GatewayTool(
        name="get_positions_realtime_portfolio2",
        family="portfolio",
        kind="read",
        verb="GET",
        path="/portfolio2/{accountId}/positions",
        doc="All positions of an account, near real time and past the gateway's cache.",
        arguments=_RealtimePositions,
        parse=each(_REALTIME),
        visible=fetching.of_the_account("acctId", "accountId"),
    ),
)
