"""Market scanners."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from api_gateway.mcp_server.registry import shapes
from api_gateway.mcp_server.registry.fields import Number, Word, unpacked
from api_gateway.mcp_server.registry.shapes import each, record
from api_gateway.mcp_server.registry.tool import Arguments, GatewayTool, Unsupported
from api_gateway.mcp_server.strict import without_nulls

Location = Annotated[str, Field(pattern=r"^[A-Z0-9._]{1,40}$", description="Where, such as STK.US.MAJOR")]


def _coded(value: object) -> object:
    """Filters of the older spelling `{name, value}` as the gateway wants them: `{code, value}`."""
    given = unpacked(value)
    if not isinstance(given, list):
        return given
    return [_coded_row(row) if isinstance(row, dict) else row for row in given]


def _coded_row(row: dict[str, object]) -> dict[str, object]:
    said = without_nulls(row, frozenset())
    return {"code": said.pop("name"), **said} if "name" in said and "code" not in said else said


class _Filter(Arguments):
    code: Word = Field(description="Filter such as priceAbove, as the scanner parameters list them")
    value: Number


_EITHER_NAME: Final = {
    "type": "object",
    "properties": {
        "code": {"type": ["string", "null"], "description": "Filter, as the scanner parameters list it"},
        "name": {"type": ["string", "null"], "description": "The older name of code; give one of them"},
        "value": {"type": ["number", "string"], "description": "What it is compared with"},
    },
    "required": ["value"],
    "additionalProperties": False,
}
Filters = Annotated[
    list[_Filter],
    BeforeValidator(_coded),
    Field(max_length=20),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": 20,
            "items": _EITHER_NAME,
            "description": "Conditions, each {code, value} such as priceAbove 5; the older {name, value} is taken, too",
        }
    ),
]


class _Scan(Arguments):
    instrument: Word = Field(description="Type of instrument, such as STK")
    type_: Word = Field(alias="type", description="Scanner, such as TOP_PERC_GAIN")
    location: Location = Field(alias="locationCode", serialization_alias="location")
    filters: Filters | None = Field(None, alias="filter")


class _OldScan(Arguments):
    instrument: Word = Field(description="Type of instrument, such as STK")
    locations: Location
    scan_code: Word = Field(alias="scanCode", description="Scanner, such as TOP_PERC_GAIN")
    security_type: Word = Field(alias="secType", description="Kind of contract, such as STK")
    filters: Filters | None = None


SCANNER: Final = (
    GatewayTool(
        name="get_scanner_params_iserver_scanner_params_get",
        family="scanner",
        kind="read",
        verb="GET",
        path="/iserver/scanner/params",
        doc="Scanners, instruments, filters and places that a scan can name. The broker answers once in 15 minutes.",
        parse=record(
            {
                "scan_type_list": shapes.some(each(record({"code": shapes.words}))),
                "instrument_list": shapes.some(each(record({}))),
                "filter_list": each(record({"code": shapes.words})),
                "location_tree": shapes.some(each(record({}))),
            }
        ),
    ),
    GatewayTool(
        name="run_scanner_iserver_scanner_run_post",
        family="scanner",
        kind="read",
        verb="POST",
        path="/iserver/scanner/run",
        doc="Contracts that a scanner finds, best first.",
        arguments=_Scan,
        parse=record({"contracts": each(record({"con_id": shapes.conid, "symbol": shapes.words}))}),
    ),
    GatewayTool(
        name="run_hmds_scanner_hmds_scanner_post",
        family="scanner",
        kind="read",
        verb="POST",
        path="/hmds/scanner",
        doc="The older scanner, which the gateway does not serve any more.",
        arguments=_OldScan,
        served=Unsupported(
            "the gateway answers 404 to /hmds/scanner", "Call run_scanner_iserver_scanner_run_post instead"
        ),
    ),
)
