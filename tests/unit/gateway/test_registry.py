"""The registry of gateway tools: its names, what each entry says about itself, and what no argument can say."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.raw import Request
from api_gateway.clientportal.request_limits import GLOBAL
from api_gateway.mcp_server import documents
from api_gateway.mcp_server.admission import Admission
from api_gateway.mcp_server.boundary import Boundary
from api_gateway.mcp_server.raw_tools import gateway_tools
from api_gateway.mcp_server.registry import TOOLS, reference
from api_gateway.mcp_server.registry.tool import Call, GatewayTool, Local, Mapped, Surroundings, Unsupported
from api_gateway.simulator.application import gateway_routes
from api_gateway.simulator.front.pacing import CONCURRENT, PER_ENDPOINT
from tests.unit.gateway.scripted import ACCOUNT, portal_to, ready_gateway

NAMES = Path(__file__).with_name("tool_names.txt")
ADDITIONAL = {
    "get_brokerage_accounts_iserver_accounts_get",
    "switch_account_iserver_account_post",
    "get_pnl_partitioned_iserver_account_pnl_partitioned_get",
    "init_brokerage_session_iserver_auth_ssodh_init_post",
    "suppress_questions_iserver_questions_suppress_post",
    "suppress_questions_iserver_questions_suppress_reset_post",
    "get_positions_realtime_portfolio2",
    "get_iserver_account_summary_iserver_account",
    "get_available_funds_iserver_account",
    "get_balances_iserver_account",
    "get_margins_iserver_account",
    "get_market_value_iserver_account",
    "get_exchange_rate_iserver_exchangerate_get",
    "get_trading_schedule_contract_trading_schedule_get",
    "pa_performance",
    "pa_allperiods",
    "pa_transactions",
}
TRADE = {
    "place_order_iserver_account",
    "modify_order_iserver_account",
    "cancel_order_iserver_account",
    "place_order_reply_iserver_reply",
    "suppress_questions_iserver_questions_suppress_post",
    "suppress_questions_iserver_questions_suppress_reset_post",
    "switch_account_iserver_account_post",
    "logout_logout_post",
    "init_brokerage_session_iserver_auth_ssodh_init_post",
    "reauthenticate_iserver_reauthenticate_post",
}
SESSION = {
    "invalidate_portfolio_cache_portfolio",
    "unsubscribe_market_data_iserver_marketdata_unsubscribe_p",
    "unsubscribe_all_market_data_iserver_marketdata_unsubscri",
}
BY_NAME = {tool.name: tool for tool in TOOLS}


def listed() -> tuple[list[str], list[str]]:
    """The names that must be there: the 41, and those of orders and session."""
    text = NAMES.read_text(encoding="ascii")
    _, known, others = re.split(r"^#.*\n", text, flags=re.MULTILINE)
    return known.split(), others.split()


def test_all_41_names_and_those_of_orders_and_session_are_there_byte_for_byte() -> None:
    known, others = listed()
    assert (len(known), len(set(known)), len(others)) == (41, 41, 13)
    assert set(BY_NAME) == {*known, *others, *ADDITIONAL}
    assert len(BY_NAME) == len(TOOLS)


def test_a_name_is_cut_where_the_names_of_such_tools_are_cut() -> None:
    """At a path parameter, and at 56 characters."""
    for name in listed()[0]:
        path = BY_NAME[name].path
        fixed = re.split(r"/\{", path)[0].strip("/").replace("/", "_").replace("-", "_")
        assert len(name) <= 56
        if len(name) < 56:
            ending = fixed if "{" in path else rf"{fixed}_(get|post)"
            assert re.search(rf"_{ending}$", name), (name, path)
    assert max(len(name) for name in BY_NAME) <= 64


def test_every_entry_says_what_it_does_and_every_argument_what_it_is() -> None:
    for tool in TOOLS:
        assert tool.doc.endswith("."), tool.name
        assert tool.path.startswith("/"), tool.name
        aliases = {field.alias or name for name, field in tool.arguments.model_fields.items()}
        assert set(tool.placeholders) <= aliases, tool.name
        assert set(re.findall(r"\{(\w+)\}", tool.path)) == set(tool.placeholders) or isinstance(tool.served, Mapped)


def test_classes_give_the_hints() -> None:
    assert {tool.name for tool in TOOLS if tool.kind == "trade"} == TRADE
    assert {tool.name for tool in TOOLS if tool.kind == "session"} == SESSION
    assert [tool.name for tool in TOOLS if tool.kind == "preview"] == ["preview_order_iserver_account"]
    for tool in TOOLS:
        hints = tool.annotations
        assert hints.destructive_hint is (tool.kind == "trade")
        assert hints.read_only_hint is hints.idempotent_hint is (tool.kind in ("reference", "read", "preview"))
        assert isinstance(tool.served, Local) is (tool.kind == "reference")


def test_the_simulator_serves_every_endpoint_of_the_registry() -> None:
    routes = {(verb, re.sub(r"\{\w+\}", "{}", path)) for verb, path in gateway_routes()}
    asked = {(str(tool.route[0]), re.sub(r"\{\w+\}", "{}", tool.route[1])) for tool in TOOLS if tool.is_served}
    assert asked - routes == set()


def test_the_client_keeps_the_limits_that_the_simulator_enforces() -> None:
    for tool in TOOLS:
        if not tool.is_served:
            continue
        route = (str(tool.route[0]), tool.route[1])
        enforced, together = PER_ENDPOINT.get(route), CONCURRENT.get(route)
        if enforced is not None:
            assert (tool.limit.count, tool.limit.seconds) == (enforced.count, enforced.seconds), tool.name
        elif together is not None:
            assert (tool.limit.count, tool.limit.seconds) == (together, 0.0), tool.name


def test_the_document_is_what_the_registry_says() -> None:
    path = Path(__file__).resolve().parents[3] / documents.DOCUMENT
    text = path.read_text(encoding="utf-8")
    assert documents.tables(text) == text
    assert all(f"| `{tool.name}` | {tool.kind} |" in text for tool in TOOLS)


def test_an_outdated_document_is_told_and_then_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    path = tmp_path / documents.DOCUMENT
    path.write_text("before\n<!-- generated: begin -->\nold\n<!-- generated: end -->\nafter\n", encoding="utf-8")
    assert documents.main(["--check", "--root", str(tmp_path)]) == 1
    assert "outdated" in capsys.readouterr().err
    assert "old" in path.read_text(encoding="utf-8")
    assert documents.main(["--root", str(tmp_path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert documents.main(["--check", "--root", str(tmp_path)]) == 0


def test_the_table_of_fields_is_complete_and_sizes_are_not_swapped() -> None:
    rows = {row["id"]: row for row in reference.field_table()}
    assert sum(1 for row in rows.values() if row["documented"]) == 110
    assert (rows["85"]["label"], rows["88"]["label"]) == ("ask size", "bid size")
    assert "implied volatility" in str(rows["7633"]["label"])


def portal() -> ClientPortal:
    return portal_to(ready_gateway())


def call(tool: GatewayTool, arguments: Mapping[str, object]) -> Call:
    here = portal()
    return Call(tool, tool.arguments.model_validate(arguments), Surroundings(here, Admission(here, ())))


@pytest.mark.parametrize(
    ("name", "arguments", "sent"),
    [
        (
            "get_secdef_info_iserver_secdef_info_get",
            {"conid": "265598", "secType": "OPT", "month": "JAN23", "strike": 130.5, "right": "C"},
            Request(
                "GET",
                "/iserver/secdef/info",
                {"conid": "265598", "sectype": "OPT", "month": "JAN23", "strike": "130.5", "right": "C"},
            ),
        ),
        (
            "run_scanner_iserver_scanner_run_post",
            {
                "instrument": "STK",
                "type": "TOP_PERC_GAIN",
                "locationCode": "STK.US.MAJOR",
                "filter": [{"name": "priceAbove", "value": "5"}, {"code": "priceBelow", "value": 10}],
            },
            Request(
                "POST",
                "/iserver/scanner/run",
                body={
                    "instrument": "STK",
                    "type": "TOP_PERC_GAIN",
                    "location": "STK.US.MAJOR",
                    "filter": [{"code": "priceAbove", "value": 5.0}, {"code": "priceBelow", "value": 10.0}],
                },
            ),
        ),
        (
            "search_currency_pairs_iserver_secdef_currency_get",
            {"symbol": "USD"},
            Request("GET", "/iserver/currency/pairs", {"currency": "USD"}),
        ),
        (
            "get_md_snapshot_md_snapshot_get",
            {"conids": [265598, 8314], "fields": "31, 84"},
            Request("GET", "/iserver/marketdata/snapshot", {"conids": "265598,8314", "fields": "31,84"}),
        ),
        (
            "unsubscribe_all_market_data_iserver_marketdata_unsubscri",
            {},
            Request("GET", "/iserver/marketdata/unsubscribeall"),
        ),
        ("sso_validate_sso_validate_post", {}, Request("GET", "/sso/validate")),
        (
            "get_positions_portfolio",
            {"accountId": ACCOUNT, "pageId": 2, "sort": "name"},
            Request("GET", f"/portfolio/{ACCOUNT}/positions/2", {"sort": "name"}),
        ),
        (
            "get_marketdata_history_iserver_marketdata_history_get",
            {"conid": 1, "period": "6m", "bar": "1d", "outsideRth": True, "startTime": "20260105-15:00:00"},
            Request(
                "GET",
                "/iserver/marketdata/history",
                {"conid": "1", "period": "6m", "bar": "1d", "outsideRth": "true", "startTime": "20260105-15:00:00"},
            ),
        ),
        (
            "show_event_contract_events_show_get",
            {"conid": 7},
            Request("GET", "/forecast/contract/details", {"conid": "7"}),
        ),
    ],
)
def test_upstream_names_are_taken_and_the_gateways_own_are_sent(
    name: str, arguments: dict[str, object], sent: Request
) -> None:
    assert call(BY_NAME[name], arguments).request() == sent


INJECTIONS = (
    "..",
    "../..",
    "a/b",
    "?x=1",
    "#",
    "%2e%2e",
    "%2F",
    "\\",
    "\n",
    "\r\nHost: x",
    ";",
    " ",
    "DU1/../x",
    "＄",
    "U１２３４５６７",
)
PATH_TEXT = st.one_of(st.text(max_size=20), st.sampled_from(INJECTIONS), st.integers(-5, 10**20))


def path_fields() -> list[tuple[GatewayTool, str]]:
    return [(tool, name) for tool in TOOLS for name in re.findall(r"\{(\w+)\}", tool.path)]


@pytest.mark.slow
@given(st.sampled_from(path_fields()), PATH_TEXT)
def test_no_argument_can_change_the_path_that_it_is_part_of(where: tuple[GatewayTool, str], value: object) -> None:
    tool, name = where
    others = {"accountId": ACCOUNT, "acctId": ACCOUNT, "conid": 1, "pageId": 0, "orderId": "1", "replyId": "r1"}
    needed = {field.alias or key for key, field in tool.arguments.model_fields.items() if field.is_required()}
    more = {"isBuy": True, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 1, "confirmed": True}
    given = {key: held for key, held in {**others, **more}.items() if key in needed} | {name: value}
    try:
        request = call(tool, given).request()
    except (ValidationError, KeyError):
        return
    template = re.escape(tool.path)
    pattern = re.sub(r"\\\{\w+\\\}", "[A-Za-z0-9-]+", template)
    assert re.fullmatch(pattern, request.path), request.path


@given(st.text(max_size=30))
def test_a_request_is_made_of_plain_segments_or_not_at_all(text: str) -> None:
    try:
        request = Request("GET", f"/portfolio/{text}/summary")
    except ValueError:
        return
    assert re.fullmatch(r"/portfolio/([A-Za-z0-9_-]+/)+summary", request.path)


@pytest.mark.parametrize(
    ("name", "arguments", "field", "told"),
    [
        ("get_marketdata_history_iserver_marketdata_history_get", {"conid": 1, "period": "6M"}, "period", "lower case"),
        (
            "get_marketdata_history_iserver_marketdata_history_get",
            {"conid": 1, "period": "16y"},
            "period",
            "at most 15y",
        ),
        ("get_contract_info_iserver_contract", {"conid": "AAPL"}, "conid", "positive whole number"),
        ("get_contract_info_iserver_contract", {"conid": -1}, "conid", "positive whole number"),
        ("get_contract_info_iserver_contract", {"conid": True}, "conid", "positive whole number"),
        ("get_contract_info_iserver_contract", {}, "conid", "required"),
        ("get_contract_info_iserver_contract", {"conid": 1, "more": 1}, "more", "not permitted"),
        ("get_account_ledger_portfolio", {"accountId": "../DU1"}, "accountId", "pattern"),
        ("get_trades_iserver_account_trades_get", {"days": 8}, "days", "less than or equal to 7"),
        ("get_live_orders_iserver_account_orders_get", {"filters": "open"}, "filters", "pre_submitted"),
        ("get_contract_rules_iserver_contract_rules_post", {"conid": 1, "isBuy": "yes"}, "isBuy", "boolean"),
        (
            "get_marketdata_snapshot_iserver_marketdata_snapshot_get",
            {"conids": ["x"], "fields": "31"},
            "conids",
            "positive whole number",
        ),
        (
            "get_marketdata_snapshot_iserver_marketdata_snapshot_get",
            {"conids": 1, "fields": "last"},
            "fields",
            "field id is a number",
        ),
        ("cancel_order_iserver_account", {"accountId": ACCOUNT, "orderId": "-1"}, "orderId", "pattern"),
        ("cancel_order_iserver_account", {"accountId": ACCOUNT, "orderId": -1}, "orderId", "pattern"),
        ("get_stocks_by_symbol_trsrv_stocks_get", {"symbols": "A?x=1"}, "symbols", "letters, digits"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_be_right(
    name: str, arguments: dict[str, object], field: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        BY_NAME[name].arguments.model_validate(arguments)
    (first, *_) = refused.value.errors()
    assert first["loc"][0] == field
    assert told in first["msg"]


def test_a_tool_without_an_equivalent_says_what_to_call_instead() -> None:
    for tool in TOOLS:
        if isinstance(tool.served, Unsupported):
            assert any(other in tool.served.remedy for other in BY_NAME), tool.name


def test_without_trading_no_tool_that_trades_is_made() -> None:
    here = portal()
    around = Surroundings(here, Admission(here, ()))
    made = {tool.name for tool in gateway_tools(around, Boundary(), trading=False)}
    assert made == set(BY_NAME) - TRADE
    assert {tool.name for tool in gateway_tools(around, Boundary(), trading=True)} == set(BY_NAME)


def test_a_limit_without_seconds_is_the_number_at_a_time() -> None:
    assert BY_NAME["get_hmds_history_hmds_history_get"].limit.count == 5
    assert BY_NAME["get_account_ledger_portfolio"].limit.count == GLOBAL.count
