"""Event contracts, whose older endpoints are gone."""

from typing import Final

from pydantic import Field

from api_gateway.mcp_server.registry import shapes
from api_gateway.mcp_server.registry.fields import Conid, Conids
from api_gateway.mcp_server.registry.shapes import record
from api_gateway.mcp_server.registry.tool import Arguments, GatewayTool, Mapped, Unsupported


class _Conids(Arguments):
    conids: Conids


class _OfContract(Arguments):
    conid: Conid = Field(description="Contract id of one side of the event")


EVENTS: Final = (
    GatewayTool(
        name="get_events_contracts_events_contracts_get",
        family="events",
        kind="read",
        verb="GET",
        path="/events/contracts",
        doc="The older list of event contracts, which the gateway does not serve any more.",
        arguments=_Conids,
        served=Unsupported(
            "the gateway answers 404 to /events/contracts",
            "Call show_event_contract_events_show_get with one contract id at a time",
        ),
    ),
    GatewayTool(
        name="show_event_contract_events_show_get",
        family="events",
        kind="read",
        verb="GET",
        path="/events/show",
        doc="Question, sides and settlement of one event contract.",
        arguments=_OfContract,
        parse=record({"conid_yes": shapes.conid, "conid_no": shapes.conid, "question": shapes.words}),
        served=Mapped("GET", "/forecast/contract/details", "the older endpoint answers 404"),
    ),
)
