"""The gateway's side of the doctor in real broken worlds: the right check is blamed with a remedy, and no other one."""

import asyncio
import time
from email.utils import formatdate

import pytest

from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.records import Status
from api_gateway.diagnosis.report import NAMES
from api_gateway.settings import DEFAULT_GATEWAY_URL, GatewaySettings
from api_gateway.simulator import application
from app.commands.processes import free_ports
from tests.integration.diagnosed import (
    ACCOUNT,
    GOOD,
    Handler,
    blamed,
    closes,
    drops,
    found,
    listener,
    scripted_diagnosis,
    settings,
    world,
)
from tests.support.serving import served


async def test_a_gateway_in_good_order_passes_every_check() -> None:
    async with served(application.create_app(world())) as url:
        diagnosis = await diagnose(settings(url, trading_mode="paper"))
    assert {check.status for check in diagnosis.checks} == {Status.OK}
    assert (diagnosis.facts.simulator, diagnosis.facts.paper, diagnosis.facts.currency) == (True, True, "USD")
    assert ACCOUNT not in diagnosis.model_dump_json()


async def test_looking_opens_no_session_sends_no_order_and_asks_little() -> None:
    here = world()
    async with served(application.create_app(here)) as url:
        await diagnose(settings(url))
    assert not [call for call in here.calls if "ssodh" in call or "orders" in call or "reply" in call]
    assert here.calls.total() <= 10


async def test_nothing_listening_is_a_failure_where_a_gateway_was_asked_for() -> None:
    check = blamed(await diagnose(settings(f"http://127.0.0.1:{free_ports().gateway}")))
    assert (check.name, check.finding.split(" at ")[0]) == ("gateway", "nothing listens")


async def test_nothing_listening_is_a_warning_where_nobody_has_asked_for_a_gateway() -> None:
    diagnosis = await diagnose(GatewaySettings(ibkr_gateway_url=DEFAULT_GATEWAY_URL))
    checks = found(diagnosis)
    assert checks["gateway"].status is Status.WARNING
    assert "make demo" in (checks["gateway"].remedy or "")
    assert {checks[name].status for name in NAMES[1:]} == {Status.SKIPPED}


@pytest.mark.parametrize("host", ["gateway.invalid", "gateway..invalid"])
async def test_an_unknown_name_is_told_from_an_absent_listener(host: str) -> None:
    check = blamed(await diagnose(settings(f"https://{host}:5000")))
    assert (check.name, check.finding) == ("gateway", f"the name {host} is not known")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("handler", [closes, drops])
async def test_a_listener_that_answers_nothing_is_the_gateways_fault_not_the_certificates(
    scheme: str, handler: Handler
) -> None:
    async with listener(handler) as port:
        check = blamed(await diagnose(settings(f"{scheme}://127.0.0.1:{port}")))
    assert (check.name, " runs, and" in check.finding) == ("gateway", False)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_listener_that_hangs_does_not_hang_the_doctor(scheme: str) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listener(hang) as port:
        check = blamed(await diagnose(settings(f"{scheme}://127.0.0.1:{port}"), patience_seconds=0.2))
    assert check.name == "gateway"


async def test_a_gateway_that_cannot_reach_the_broker_is_told_from_another_program() -> None:
    async def alone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET / "):
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /sso/Login\r\nContent-Length: 0\r\n\r\n")

    async with listener(alone) as port:
        check = blamed(await diagnose(settings(f"http://127.0.0.1:{port}")))
    assert (check.name, f"127.0.0.1:{port} runs" in check.finding) == ("gateway", True)
    assert "need not be started" in (check.remedy or "")


async def test_http_where_tls_was_asked_for_is_named() -> None:
    async with served(application.create_app(world())) as url:
        check = blamed(await diagnose(settings(url.replace("http:", "https:"))))
    assert check.name == "tls"
    assert "speaks plain HTTP" in check.finding
    assert "http://" in (check.remedy or "")


async def test_a_machine_that_is_not_allowed_is_sent_to_the_gateways_allow_list() -> None:
    denied = {**GOOD, "/iserver/auth/status": (403, b"<html><body>Access Denied</body></html>")}
    check = blamed(await scripted_diagnosis(denied))
    assert check.name == "allow_list"
    assert "ips.allow" in (check.remedy or "")


@pytest.mark.parametrize(
    ("kind", "name"), [("logged_out", "login"), ("competing", "competing"), ("no_bridge", "bridge")]
)
async def test_each_state_of_the_session_has_its_own_check(kind: str, name: str) -> None:
    here = world({"path": "/**", "kind": kind, "times": 1000})
    async with served(application.create_app(here)) as url:
        diagnosis = await diagnose(settings(url))
    assert blamed(diagnosis).name == name
    assert not [call for call in here.calls if "ssodh" in call]


@pytest.mark.parametrize(("status", "said"), [(503, "not available"), (429, "429"), (418, "not as a gateway does")])
async def test_a_gateway_in_maintenance_in_the_penalty_box_or_none_at_all_is_the_first_checks_finding(
    status: int, said: str
) -> None:
    check = blamed(await scripted_diagnosis({**GOOD, "/iserver/auth/status": (status, b'{"error":"no"}')}))
    assert (check.name, said in check.finding) == ("gateway", True)


async def test_a_live_login_under_paper_mode_is_named_and_reading_goes_on() -> None:
    live = {**GOOD, "/iserver/accounts": {"accounts": [ACCOUNT], "isPaper": False}}
    diagnosis = await scripted_diagnosis(live, trading_mode="paper", ibkr_account_id=ACCOUNT)
    assert blamed(diagnosis).name == "trading_mode"
    assert found(diagnosis)["market_data"].status is Status.OK


async def test_a_simulator_under_live_mode_is_named() -> None:
    async with served(application.create_app(world())) as url:
        check = blamed(await diagnose(settings(url, trading_mode="live", ibkr_account_id=ACCOUNT)))
    assert (check.name, "simulator" in check.finding) == ("trading_mode", True)


async def test_an_account_that_the_login_does_not_see_is_named_and_not_printed_whole() -> None:
    diagnosis = await scripted_diagnosis(GOOD, ibkr_account_id="U1112223")
    assert blamed(diagnosis).name == "accounts"
    assert "U1112223" not in diagnosis.model_dump_json()


async def test_several_accounts_without_a_choice_are_a_warning_with_a_live_login_a_failure() -> None:
    two = {"accounts": [ACCOUNT, "DU1112223"], "isPaper": True}
    checks = found(await scripted_diagnosis({**GOOD, "/iserver/accounts": two}))
    assert (checks["accounts"].status, checks["account"].status) == (Status.WARNING, Status.SKIPPED)
    assert (
        found(await scripted_diagnosis({**GOOD, "/iserver/accounts": {**two, "isPaper": False}}))["accounts"].status
        is Status.FAILURE
    )


async def test_an_account_that_was_not_read_in_this_session_is_read_after_its_primer() -> None:
    here = world()
    async with served(application.create_app(here)) as url:
        diagnosis = await diagnose(settings(url))
        again = await diagnose(settings(url))
    assert found(diagnosis)["account"].status is found(again)["account"].status is Status.OK
    assert here.calls["GET /portfolio/accounts"] == 1


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("RpB", Status.OK, "live"),
        ("DPB", Status.WARNING, "delayed"),
        ("Y", Status.WARNING, "delayed"),
        ("Z", Status.WARNING, "frozen"),
        ("N", Status.FAILURE, "not subscribed"),
        ("O", Status.FAILURE, "agreement"),
        ("?", Status.WARNING, "did not say"),
    ],
)
async def test_the_class_of_the_quotes_is_named(code: str, status: Status, said: str) -> None:
    answers = {**GOOD, "/iserver/marketdata/snapshot": [{"conid": 265598, "6509": code}]}
    diagnosis = await scripted_diagnosis(answers)
    check = found(diagnosis)["market_data"]
    assert (check.status, said in check.finding) == (status, True)
    others = [each for each in diagnosis.checks if each.name not in ("market_data", "clock")]
    assert {each.status for each in others} == {Status.OK}


@pytest.mark.parametrize(("seconds", "status"), [(-3600, Status.FAILURE), (3600, Status.FAILURE), (10, Status.WARNING)])
async def test_a_gateway_whose_clock_differs_is_told(seconds: int, status: Status) -> None:
    diagnosis = await scripted_diagnosis(GOOD, formatdate(time.time() + seconds, usegmt=True))
    check = found(diagnosis)["clock"]
    assert check.status is status
    assert ("behind" if seconds > 0 else "ahead") in check.finding
    assert {each.status for each in diagnosis.checks if each is not check} == {Status.OK}
