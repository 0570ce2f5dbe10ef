"""Contracts: search, definitions, trading rules, schedules, derivatives."""

from typing import Annotated, Final, Literal

from pydantic import Field

from api_gateway.clientportal import wire
from api_gateway.clientportal.errors import GatewayRefused
from api_gateway.clientportal.raw import Request
from api_gateway.mcp_server.registry import fetching, shapes
from api_gateway.mcp_server.registry.fields import (
    Conid,
    Conids,
    Currency,
    Exchange,
    Month,
    Number,
    Symbol,
    Symbols,
    Word,
)
from api_gateway.mcp_server.registry.shapes import each, inside, keyed, number, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool, Mapped, Sight

_SecurityType = Annotated[str, Field(pattern=r"^[A-Z]{2,6}$", description="STK, OPT, FUT, FOP, IND, CASH, BOND, WAR")]


class _Search(Arguments):
    symbol: Symbol = Field(description="Symbol, or company name with name=true")
    by_name: bool | None = Field(None, alias="name", description="true searches company names; strikes then stay empty")
    security_type: _SecurityType | None = Field(None, alias="secType")


class _OfContract(Arguments):
    conid: Conid


class _Sided(Arguments):
    conid: Conid
    is_buy: bool = Field(alias="isBuy", description="true for a purchase, false for a sale")


class _Derivative(_OfContract):
    conid: Conid = Field(description="Contract id of the underlying")
    # The gateway reads this one parameter in lower case only.
    security_type: _SecurityType = Field(alias="secType", serialization_alias="sectype")
    month: Month | None = None
    exchange: Exchange | None = None
    strike: Number | None = Field(None, description="Strike price of an option")
    right: Literal["C", "P"] | None = Field(None, description="C call, P put")


class _Strikes(_OfContract):
    conid: Conid = Field(description="Contract id of the underlying")
    security_type: _SecurityType = Field(alias="secType", serialization_alias="sectype")
    month: Month
    exchange: Exchange | None = None


class _Algos(Arguments):
    conid: Conid
    algos: Annotated[str, Field(pattern=r"^[A-Za-z0-9;,]{1,200}$")] | None = Field(None, description="Names, by ;")
    descriptions: Literal[0, 1] | None = Field(None, alias="addDescription", description="1 adds descriptions")
    parameters: Literal[0, 1] | None = Field(None, alias="addParams", description="1 adds parameters")


class _Currency(Arguments):
    symbol: Currency = Field(serialization_alias="currency")


class _Issuer(Arguments):
    issuer: Word = Field(alias="issuerId", description="Issuer such as e1400715, as a search for bonds lists it")


class _Symbols(Arguments):
    symbols: Symbols


class _Conids(Arguments):
    conids: Conids


class _Schedule(Arguments):
    asset_class: _SecurityType = Field(alias="assetClass")
    symbol: Symbol = Field(description="Symbol of the contract")
    exchange: Exchange | None = Field(None, description="Listing exchange; SMART means none in particular")
    exchange_filter: Exchange | None = Field(None, alias="exchangeFilter")


_INFO = record({"con_id": shapes.conid, "instrument_type": shapes.words}, {"currency": shapes.words})
_RULES = record(
    {"sizeIncrement": number}, {"increment": number, "defaultSize": number, "incrementDigits": shapes.whole}
)
_TRADING = record({}, {"canTradeAcctIds": each(shapes.words)})


def _rules(value: object, what: str) -> object:
    return _RULES(_TRADING(value, what), what)


def _rules_shown(data: object, sight: Sight) -> object:
    """The rules list every account that may trade the contract."""
    row = wire.mapping(data, "rules")
    return fetching.under("canTradeAcctIds", fetching.names)(row, sight) if row.get("canTradeAcctIds") else row


async def _schedule(call: Call) -> object:
    # The gateway knows no schedule of SMART and answers with an empty list.
    request = call.request(exchange=None) if call.given(_Schedule).exchange == "SMART" else call.request()
    return fetching.require(await call.around.raw.read(request), "no schedule is known for this symbol and exchange")


async def _bond_filters(call: Call) -> object:
    # The gateway demands the symbol and takes no other.
    return await call.around.raw.read(call.request(symbol="BOND"))


async def _after_search(call: Call) -> object:
    """Derivatives are answered only once their underlying was searched for."""
    raw, conid = call.around.raw, call.given(_OfContract).conid
    info = wire.mapping(await raw.read(Request("GET", f"/iserver/contract/{conid}/info")), "contract info")
    search = Request("GET", "/iserver/secdef/search", {"symbol": wire.required_text(info, "symbol")})
    try:
        await raw.read(search)
    except GatewayRefused as error:
        raise GatewayRefused(error.status, f"the underlying cannot be searched for: {error.text}") from error
    return await raw.read(call.request())


CONTRACTS: Final = (
    GatewayTool(
        name="search_contract_by_symbol_or_name_iserver_secdef_search_",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/secdef/search",
        doc="Contracts under a symbol or company name, in no order that means anything: check exchange and type. "
        "resolve_contracts finds the one US listing that a symbol means.",
        arguments=_Search,
        parse=each(record({"conid": shapes.conid})),
    ),
    GatewayTool(
        name="get_contract_info_iserver_contract",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/contract/{conid}/info",
        doc="Name, type, currency, exchanges and industry of a contract.",
        arguments=_OfContract,
        parse=_INFO,
    ),
    GatewayTool(
        name="get_contract_info_and_rules_iserver_contract",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/contract/{conid}/info-and-rules",
        doc="A contract's description together with the rules that an order for it must keep.",
        arguments=_Sided,
        parse=record({"con_id": shapes.conid, "rules": _rules}),
        visible=fetching.under("rules", _rules_shown),
    ),
    GatewayTool(
        name="get_secdef_info_iserver_secdef_info_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/secdef/info",
        doc="Derivatives of an underlying, or a contract's own definition.",
        arguments=_Derivative,
        ask=_after_search,
        parse=each(record({"conid": shapes.conid}, {"strike": number})),
    ),
    GatewayTool(
        name="get_contract_rules_iserver_contract_rules_post",
        family="contract",
        kind="read",
        verb="POST",
        path="/iserver/contract/rules",
        doc="Order types, price increments and quantity increments that an order for a contract must keep.",
        arguments=_Sided,
        parse=_rules,
        visible=_rules_shown,
    ),
    GatewayTool(
        name="get_contract_algos_iserver_contract",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/contract/{conid}/algos",
        doc="Algorithms of the broker that can work an order for a contract.",
        arguments=_Algos,
        parse=record({"algos": each(record({"id": shapes.words}))}),
    ),
    GatewayTool(
        name="get_strikes_iserver_secdef_strikes_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/secdef/strikes",
        doc="Strikes of the calls and puts on an underlying in one month; both empty where there are none.",
        arguments=_Strikes,
        ask=_after_search,
        parse=record({"call": each(number), "put": each(number)}),
    ),
    GatewayTool(
        name="search_currency_pairs_iserver_secdef_currency_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/secdef/currency",
        doc="Currency pairs with one currency, by its code such as USD.",
        arguments=_Currency,
        parse=keyed(each(record({"symbol": shapes.words, "conid": shapes.conid}))),
        served=Mapped("GET", "/iserver/currency/pairs", "the gateway has never served the upstream path"),
    ),
    GatewayTool(
        name="get_bond_filters_iserver_secdef_bond_filters_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/iserver/secdef/bond-filters",
        doc="Choices of maturity, coupon and currency that narrow an issuer's bonds.",
        arguments=_Issuer,
        ask=_bond_filters,
        parse=record({"bondFilters": each(record({}))}),
    ),
    GatewayTool(
        name="get_trsrv_futures_by_symbol_trsrv_futures_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/trsrv/futures",
        doc="Futures that have not expired, by symbol; an empty list for a symbol without any.",
        arguments=_Symbols,
        parse=keyed(each(record({"conid": shapes.conid, "symbol": shapes.words}))),
    ),
    GatewayTool(
        name="get_stocks_by_symbol_trsrv_stocks_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/trsrv/stocks",
        doc="Every company and listing under each symbol, abroad included; an empty list for a symbol without any.",
        arguments=_Symbols,
        parse=keyed(each(record({"contracts": each(record({"conid": shapes.conid, "exchange": shapes.words}))}))),
    ),
    GatewayTool(
        name="get_secdef_by_conids_trsrv_secdef_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/trsrv/secdef",
        doc="Definitions of contracts: ticker, listing exchange, sector, price increments.",
        arguments=_Conids,
        parse=inside("secdef", shapes.some(each(record({"conid": shapes.conid}, {"strike": number})))),
    ),
    GatewayTool(
        name="get_trading_schedule_trsrv_secdef_schedule_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/trsrv/secdef/schedule",
        doc="Trading hours of a symbol on its exchanges. By contract id: "
        "get_trading_schedule_contract_trading_schedule_get.",
        arguments=_Schedule,
        ask=_schedule,
        parse=each(record({"schedules": each(record({}))})),
    ),
    GatewayTool(
        name="get_trading_schedule_contract_trading_schedule_get",
        family="contract",
        kind="read",
        verb="GET",
        path="/contract/trading-schedule",
        doc="Opening and closing of the coming sessions of a contract, in epoch seconds, half days included.",
        arguments=_OfContract,
        parse=record({"exchange_time_zone": shapes.words, "schedules": keyed(record({}))}),
    ),
)
