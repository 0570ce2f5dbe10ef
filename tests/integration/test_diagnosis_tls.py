"""The doctor in front of certificates that are refused: what is wrong with them, and that what it advises works."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import State
from api_gateway.clientportal.transport import open_http
from api_gateway.diagnosis.diagnose import diagnose
from api_gateway.diagnosis.records import Check, Status
from tests.integration.diagnosed import LOGGED_OUT, blamed, closes, found, listener, scripted, served_by, settings
from tests.support.certificates import A_DAY, Identity, identity

# As in the broker's download: signed by itself, over for years, and naming no host.
OF_THE_DOWNLOAD: Final[dict[str, Any]] = {"issuer": None, "ends": -7 * 365 * A_DAY, "host": None}


@pytest.fixture(scope="module")
def trusted() -> Identity:
    return identity("test authority")


def line_of(check: Check) -> dict[str, str]:
    """The setting that the remedy tells to write, as pydantic takes it."""
    (value,) = re.findall(r"IBKR_CERT_SHA256=([0-9A-F:]{95})", check.remedy or "")
    return {"ibkr_cert_sha256": value}


async def session_state(url: str, pin: str) -> State:
    """As the MCP server finds it."""
    http = open_http(url, None, pin)
    async with http:
        return (await ClientPortal(http, refuse_simulator=False).session.reading()).state


@pytest.mark.parametrize(
    ("shown", "faults"),
    [
        (OF_THE_DOWNLOAD, ("no authority", "expired", "does not name 127.0.0.1")),
        ({"issuer": None}, ("no authority",)),
        ({"issuer": None, "ends": -A_DAY}, ("no authority", "expired")),
        ({"ends": -A_DAY}, ("no authority", "expired")),
        ({"host": "gateway.example"}, ("no authority", "does not name 127.0.0.1")),
        ({"host": "127.0.0.2"}, ("no authority", "does not name 127.0.0.1")),
        ({}, ("no authority",)),
    ],
)
async def test_everything_that_is_wrong_is_said_and_the_line_that_is_advised_works(
    trusted: Identity, tmp_path: Path, shown: dict[str, Any], faults: tuple[str, ...]
) -> None:
    own = identity("server", **{"issuer": trusted, **shown})
    async with listener(scripted(LOGGED_OUT), served_by(own, tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        check = blamed(await diagnose(settings(url)))
        pinned = found(await diagnose(settings(url, **line_of(check))))
        state = await session_state(url, line_of(check)["ibkr_cert_sha256"])
    every = ("no authority", "expired", "does not name 127.0.0.1")
    assert (check.name, tuple(fault for fault in every if fault in check.finding)) == ("tls", faults)
    assert (pinned["tls"].status, pinned["login"].status, state) == (Status.OK, Status.FAILURE, State.LOGIN_REQUIRED)


@pytest.mark.parametrize(
    ("shown", "offered"), [({"issuer": None}, True), (OF_THE_DOWNLOAD, False), ({}, False), ({"host": "else"}, False)]
)
async def test_a_file_is_advised_beside_the_pin_only_where_it_would_be_accepted(
    trusted: Identity, tmp_path: Path, shown: dict[str, Any], offered: bool
) -> None:
    own = identity("server", **{"issuer": trusted, **shown})
    file = own.save(tmp_path, "saved")
    async with listener(scripted(LOGGED_OUT), served_by(own, tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        remedy = blamed(await diagnose(settings(url))).remedy or ""
        followed = found(await diagnose(settings(url, ibkr_ca_file=file)))
    assert ("IBKR_CA_FILE" in remedy, followed["tls"].status is not Status.FAILURE) == (offered, offered)
    assert remedy.find("IBKR_CERT_SHA256") < remedy.find("IBKR_CA_FILE") or not offered


async def test_the_fingerprint_is_what_the_advised_command_prints_on_the_gateways_machine(tmp_path: Path) -> None:
    own = identity("server", **OF_THE_DOWNLOAD)
    async with listener(closes, served_by(own, tmp_path)) as port:
        check = blamed(await diagnose(settings(f"https://127.0.0.1:{port}")))
        (command,) = re.findall(r"`(openssl [^`]*)`", check.remedy or "")
        command = command.replace("localhost", "127.0.0.1")
        done = await asyncio.to_thread(
            subprocess.run, ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True
        )
    printed = done.stdout.strip().partition("=")[2]
    assert printed == line_of(check)["ibkr_cert_sha256"]
    assert printed in check.finding


@pytest.mark.parametrize("shown", [{"issuer": None}, {"ends": -A_DAY}, {"host": "gateway.example"}, OF_THE_DOWNLOAD])
async def test_where_a_file_is_named_already_it_is_to_be_taken_out_for_the_pin(
    trusted: Identity, tmp_path: Path, shown: dict[str, Any]
) -> None:
    file, own = trusted.save(tmp_path, "authority"), identity("server", **{"issuer": trusted, **shown})
    async with listener(closes, served_by(own, tmp_path)) as port:
        check = blamed(await diagnose(settings(f"https://127.0.0.1:{port}", ibkr_ca_file=file)))
    assert (check.name, line_of(check)["ibkr_cert_sha256"] in check.finding) == ("tls", True)
    assert "take IBKR_CA_FILE out" in (check.remedy or "")


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


async def test_another_certificate_than_the_pinned_one_is_shown_with_the_line_for_a_new_one(tmp_path: Path) -> None:
    own = identity("own")
    async with listener(scripted(LOGGED_OUT), served_by(own, tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        check = blamed(await diagnose(settings(url, ibkr_cert_sha256=identity("another").fingerprint)))
        again = found(await diagnose(settings(url, **line_of(check))))
    assert (check.name, "not the pinned one" in check.finding) == ("tls", True)
    assert "who answers there" in (check.remedy or "")
    assert again["tls"].status is Status.OK


async def test_a_file_without_a_certificate_is_named_and_taking_it_out_leads_on(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    async with listener(scripted(LOGGED_OUT), served_by(identity("own"), tmp_path)) as port:
        url = f"https://127.0.0.1:{port}"
        check = blamed(await diagnose(settings(url, ibkr_ca_file=empty)))
        then = blamed(await diagnose(settings(url)))
    assert (check.name, "holds no certificate" in check.finding) == ("tls", True)
    assert line_of(then)
