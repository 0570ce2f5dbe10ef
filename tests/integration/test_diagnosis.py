"""The gateway's side of the doctor in real broken worlds: the right check is blamed with a remedy, and no other one."""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.records import Check, Diagnosis, Status
from api_gateway.diagnosis.report import NAMES
from api_gateway.settings import DEFAULT_GATEWAY_URL, GatewaySettings
from api_gateway.simulator import application
from api_gateway.simulator.faults import RULES
from api_gateway.simulator.scenario import DEFAULT_SCENARIO
from api_gateway.simulator.world import Options, World, build_world
from app.commands.processes import free_ports
from tests.support.certificates import A_DAY, Identity, identity
from tests.support.serving import served

ACCOUNT = "DU7654321"
Answers = Mapping[str, object]
# Of a gateway in good order, as far as the doctor asks.
GOOD: Answers = {
    "/iserver/auth/status": {"authenticated": True, "connected": True, "competing": False, "established": True},
    "/iserver/accounts": {"accounts": [ACCOUNT], "isPaper": True},
    f"/portfolio/{ACCOUNT}/summary": {
        "netliquidation": {"amount": 1000.0, "currency": "USD"},
        "availablefunds": {"amount": 500.0},
        "buyingpower": {"amount": 500.0},
        "tradingtype-s": {"value": "STKNOPT"},
    },
    "/iserver/marketdata/snapshot": [{"conid": 265598, "31": "130.01", "6509": "RpB"}],
}


def world(*faults: Mapping[str, object]) -> World:
    """A simulated gateway with those fault rules in force."""
    return build_world(Options(None, 7, 0.001, DEFAULT_SCENARIO, "synthetic", RULES.validate_python(list(faults))))


def settings(url: str, **changes: object) -> GatewaySettings:
    """Of a person who has set the gateway's address."""
    return GatewaySettings.model_validate({"ibkr_gateway_url": url, **changes})


def found(diagnosis: Diagnosis) -> dict[str, Check]:
    """The checks by name, all of them there and in order."""
    assert [check.name for check in diagnosis.checks] == list(NAMES)
    return {check.name: check for check in diagnosis.checks}


def blamed(diagnosis: Diagnosis) -> Check:
    """The one check that failed; nothing else is blamed, and there is something to do about it."""
    (failed,) = [check for check in found(diagnosis).values() if check.status is Status.FAILURE]
    others = {check.status for check in diagnosis.checks if check is not failed}
    assert others <= {Status.OK, Status.SKIPPED}, diagnosis
    assert failed.remedy
    assert "\n" not in failed.finding
    return failed


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A bare server; yields its port. Every connection is closed at the end of its handler, and awaited at ours."""
    talks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(_handled(handler, reader, writer)))

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*talks)


async def _handled(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        await handler(reader, writer)
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hears and hangs up without a byte."""
    await reader.read(65_536)


async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up before it has heard all."""
    await reader.read(1)


def scripted(answers: Answers, date: str | None = None) -> Handler:
    """A gateway that knows these answers; a value that is a pair is status and body."""

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1].partition("?")[0].removeprefix("/v1/api")
        given = answers[path]
        status, body = given if isinstance(given, tuple) else (200, given)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        dated = f"Date: {date}\r\n" if date else ""
        writer.write(f"HTTP/1.1 {status} -\r\nConnection: close\r\n{dated}".encode())
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    return answer_one


LOGGED_OUT: Answers = {
    **GOOD,
    "/iserver/auth/status": {"authenticated": False, "connected": False, "competing": False},
}


async def scripted_diagnosis(answers: Answers, date: str | None = None, **changes: object) -> Diagnosis:
    """Of a gateway that gives these answers."""
    async with listener(scripted(answers, date)) as port:
        return await diagnose(settings(f"http://127.0.0.1:{port}", **changes), spacing_seconds=0)


@pytest.fixture(scope="module")
def trusted() -> Identity:
    return identity("test authority")


def served_by(shown: Identity, directory: Path) -> ssl.SSLContext:
    """Of a server that shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.save(directory, "server"))
    return context


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
    assert (check.name, "it runs" in check.finding) == ("gateway", False)


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
    assert (check.name, "it runs" in check.finding) == ("gateway", True)
    assert "cannot reach Interactive Brokers" in (check.remedy or "")


async def test_http_where_tls_was_asked_for_is_named() -> None:
    async with served(application.create_app(world())) as url:
        check = blamed(await diagnose(settings(url.replace("http:", "https:"))))
    assert check.name == "tls"
    assert "does not speak TLS" in check.finding


async def test_a_certificate_of_an_unknown_authority_comes_with_the_command_to_fetch_it(
    trusted: Identity, tmp_path: Path
) -> None:
    async with listener(closes, served_by(identity("server", trusted), tmp_path)) as port:
        check = blamed(await diagnose(settings(f"https://127.0.0.1:{port}")))
    assert check.name == "tls"
    assert f"openssl s_client -connect 127.0.0.1:{port}" in (check.remedy or "")
    assert "IBKR_CA_FILE" in (check.remedy or "")


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"issuer": None}, "is not trusted"),
        ({"ends": -A_DAY}, "expired"),
        ({"host": "gateway.example"}, "is not for 127.0.0.1"),
    ],
)
async def test_a_certificate_signed_by_itself_an_expired_one_and_one_for_another_host_are_told_apart(
    trusted: Identity, tmp_path: Path, shown: dict[str, Any], said: str
) -> None:
    file, own = trusted.save(tmp_path, "authority"), identity("server", **{"issuer": trusted, **shown})
    async with listener(closes, served_by(own, tmp_path)) as port:
        check = blamed(await diagnose(settings(f"https://127.0.0.1:{port}", ibkr_ca_file=file)))
    assert (check.name, said in check.finding) == ("tls", True)


async def test_a_verified_gateway_goes_on_to_the_login_and_says_when_its_certificate_ends(
    trusted: Identity, tmp_path: Path
) -> None:
    file = trusted.save(tmp_path, "authority")
    for ends, status in ((90 * A_DAY, Status.OK), (3 * A_DAY, Status.WARNING)):
        context = served_by(identity("server", trusted, ends=ends), tmp_path)
        async with listener(scripted(LOGGED_OUT), context) as port:
            checks = found(await diagnose(settings(f"https://127.0.0.1:{port}", ibkr_ca_file=file)))
        assert (checks["tls"].status, checks["login"].status) == (status, Status.FAILURE)
        assert "valid until" in checks["tls"].finding


async def test_a_pinned_certificate_passes_and_another_one_does_not(tmp_path: Path) -> None:
    own = identity("own")
    async with listener(scripted(LOGGED_OUT), served_by(own, tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        assert blamed(await diagnose(settings(url, ibkr_cert_sha256=own.fingerprint))).name == "login"
        check = blamed(await diagnose(settings(url, ibkr_cert_sha256=identity("another").fingerprint)))
    assert (check.name, "pinned" in check.finding) == ("tls", True)


async def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    async with listener(closes) as port:
        check = blamed(await diagnose(settings(f"https://127.0.0.1:{port}", ibkr_ca_file=empty)))
    assert (check.name, "holds no certificate" in check.finding) == ("tls", True)


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
