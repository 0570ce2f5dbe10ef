"""Market data: snapshots, history, subscriptions, and the tables that go with them."""

from typing import Annotated, Final, Literal

from pydantic import Field

from api_gateway.clientportal import wire
from api_gateway.mcp_server.registry import fetching, reference, shapes, snapshots
from api_gateway.mcp_server.registry.fields import Bar, Conid, Exchange, FieldIds, Period, StartTime
from api_gateway.mcp_server.registry.shapes import each, number, record
from api_gateway.mcp_server.registry.tool import Arguments, Call, GatewayTool, Local, Mapped


class _OldSnapshot(snapshots.Snapshot):
    fields_: FieldIds = Field(["31", "84", "85", "86", "88"], alias="fields")


BarType = Annotated[Literal["Last", "Bid", "Ask", "Midpoint"], Field(description="Which price makes the bars")]


class _History(Arguments):
    conid: Conid
    period: Period
    bar: Bar | None = None
    exchange: Exchange | None = None
    outside_hours: bool | None = Field(None, alias="outsideRth", description="true adds trading outside regular hours")
    bar_type: BarType | None = Field(None, alias="barType")
    start_time: StartTime | None = Field(None, alias="startTime")
    direction: Literal[-1, 1] | None = Field(None, description="-1: startTime is the end; 1: it is the beginning")


class _OldHistory(Arguments):
    conid: Conid
    period: Period
    bar: Bar | None = None
    outside_hours: bool | None = Field(None, alias="outsideRth", description="true adds trading outside regular hours")
    bar_type: BarType | None = Field(None, alias="barType")
    start_time: StartTime | None = Field(None, alias="startTime")


class _Unsubscribe(Arguments):
    conid: Conid


_BARS = record(
    {"data": shapes.some(each(record({"t": shapes.moment, **dict.fromkeys("ohlc", number)}, {"v": number})))},
    {"priceFactor": number, "volumeFactor": number},
)


async def _bars(call: Call) -> object:
    """Without the placeholder of an empty window, which has no time."""
    answer = await call.around.raw.settle(
        call.request(), bool, "the gateway delivered no chart", forgiven=fetching.is_chart_missing
    )
    found = wire.mapping(answer, "history")
    bars = [row for row in wire.rows(found.get("data"), "history bars") if row.get("t") is not None]
    return {**found, "data": fetching.require(bars, "there are no bars in this window"), "points": len(bars)}


async def _fields(_: Call) -> object:
    return reference.field_table()


async def _availability(_: Call) -> object:
    return reference.AVAILABILITY


async def _rules(_: Call) -> object:
    return reference.HISTORY_RULES


_TABLE = Local("the gateway documents the table and does not serve it")
MARKET: Final = (
    GatewayTool(
        name="get_marketdata_snapshot_iserver_marketdata_snapshot_get",
        family="market data",
        kind="read",
        verb="GET",
        path="/iserver/marketdata/snapshot",
        doc="Current values of up to 50 fields for up to 100 contracts, read until they are there: numbers decoded, "
        "every field with its label, a previous close marked as one. What did not arrive is listed.",
        arguments=snapshots.Snapshot,
        ask=snapshots.poll,
    ),
    GatewayTool(
        name="get_md_snapshot_md_snapshot_get",
        family="market data",
        kind="read",
        verb="GET",
        path="/md/snapshot",
        doc="The older name of the snapshot; answered by get_marketdata_snapshot_iserver_marketdata_snapshot_get.",
        arguments=_OldSnapshot,
        ask=snapshots.poll,
        served=Mapped("GET", "/iserver/marketdata/snapshot", "the older endpoint is no longer documented"),
    ),
    GatewayTool(
        name="get_marketdata_history_iserver_marketdata_history_get",
        family="market data",
        kind="read",
        verb="GET",
        path="/iserver/marketdata/history",
        doc="Bars (open, high, low, close, volume as the gateway scales it) of one contract, at most 1000.",
        arguments=_History,
        ask=_bars,
        parse=_BARS,
    ),
    GatewayTool(
        name="get_hmds_history_hmds_history_get",
        family="market data",
        kind="read",
        verb="GET",
        path="/hmds/history",
        doc="The older name of the history; answered by get_marketdata_history_iserver_marketdata_history_get.",
        arguments=_OldHistory,
        ask=_bars,
        parse=_BARS,
        served=Mapped("GET", "/iserver/marketdata/history", "the older endpoint is no longer documented"),
    ),
    GatewayTool(
        name="get_available_fields_iserver_marketdata_fields_get",
        family="market data",
        kind="reference",
        verb="GET",
        path="/iserver/marketdata/fields",
        doc="Every field id of the snapshot with its label and how its value reads.",
        ask=_fields,
        served=_TABLE,
    ),
    GatewayTool(
        name="get_availability_codes_iserver_marketdata_availability_g",
        family="market data",
        kind="reference",
        verb="GET",
        path="/iserver/marketdata/availability",
        doc="What the letters of field 6509 say: real time, delayed, frozen, not subscribed.",
        ask=_availability,
        served=_TABLE,
    ),
    GatewayTool(
        name="get_iserver_history_rules_iserver_marketdata_history_rul",
        family="market data",
        kind="reference",
        verb="GET",
        path="/iserver/marketdata/history/rules",
        doc="Which periods and bars a history can have, and the bar that a period has by default.",
        ask=_rules,
        served=_TABLE,
    ),
    GatewayTool(
        name="get_hmds_history_rules_hmds_history_rules_get",
        family="market data",
        kind="reference",
        verb="GET",
        path="/hmds/history/rules",
        doc="The same rules under their older name.",
        ask=_rules,
        served=_TABLE,
    ),
    GatewayTool(
        name="unsubscribe_market_data_iserver_marketdata_unsubscribe_p",
        family="market data",
        kind="session",
        verb="POST",
        path="/iserver/marketdata/unsubscribe",
        doc="Ends the gateway's subscription to one contract. The next snapshot starts it anew.",
        arguments=_Unsubscribe,
        ask=fetching.sent_once,
        parse=record({"success": shapes.done}),
    ),
    GatewayTool(
        name="unsubscribe_all_market_data_iserver_marketdata_unsubscri",
        family="market data",
        kind="session",
        verb="GET",
        path="/iserver/marketdata/unsubscribeall",
        doc="Ends all of the gateway's market data subscriptions. The next snapshot starts its own anew.",
        ask=fetching.sent_once,
        parse=record({"unsubscribed": shapes.done}),
    ),
)
