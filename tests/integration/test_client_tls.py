"""Real TLS servers on loopback: an unproven gateway gets no byte of a request, and there is a remedy to read."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from api_gateway.clientportal.client import ClientPortal
from api_gateway.clientportal.errors import CertificateRefused
from api_gateway.clientportal.records import Limit
from api_gateway.clientportal.transport import open_http
from tests.support.certificates import A_DAY, Identity, identity


@dataclass
class Gateway:
    """Answers every request with a session that is logged out, and keeps every byte that came in through TLS."""

    port: int = 0
    received: bytearray = field(default_factory=bytearray)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"authenticated": false, "competing": false, "connected": false}'
        try:
            while data := await reader.read(65_536):
                self.received += data
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(shown: Identity, directory: Path) -> AsyncIterator[Gateway]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.save(directory, "shown"))
    gateway = Gateway()
    server = await asyncio.start_server(gateway.talk, "127.0.0.1", 0, ssl=context)
    gateway.port = server.sockets[0].getsockname()[1]
    async with server:
        yield gateway


async def status_through(http: httpx2.AsyncClient) -> object:
    async with http:
        return (await ClientPortal(http, refuse_simulator=False).session.reading()).fault


def answered(fault: object) -> bool:
    return not isinstance(fault, CertificateRefused)


async def test_the_right_authority_lets_requests_through(tmp_path: Path) -> None:
    authority = identity("authority")
    async with serving(identity("gateway", authority), tmp_path) as gateway:
        http = open_http(f"https://127.0.0.1:{gateway.port}", authority.save(tmp_path, "authority"))
        assert answered(await status_through(http))
        assert gateway.received.startswith(b"POST /v1/api/iserver/auth/status HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "written",
    [
        str.lower,
        str.upper,
        lambda text: ":".join(text[i : i + 2] for i in range(0, 64, 2)),
        lambda text: " ".join(text[i : i + 2] for i in range(0, 64, 2)),
        lambda text: f"sha256 Fingerprint={text.upper()}",
        lambda text: f"SHA256: {text}",
    ],
)
async def test_the_pinned_certificate_lets_requests_through_whoever_signed_it(tmp_path: Path, written: object) -> None:
    assert callable(written)
    shown = identity("gateway", host="other.example")
    async with serving(shown, tmp_path) as gateway:
        http = open_http(f"https://127.0.0.1:{gateway.port}", fingerprint=written(shown.fingerprint))
        assert answered(await status_through(http))
        assert gateway.received


@pytest.mark.parametrize("wrong", ["authority", "expired", "host", "pin", "system"])
async def test_an_unproven_gateway_gets_no_byte_of_a_request(tmp_path: Path, wrong: str) -> None:
    authority, stranger = identity("authority"), identity("stranger")
    ca_file = authority.save(tmp_path, "authority")
    shown = {
        "authority": identity("gateway", stranger),
        "expired": identity("gateway", authority, ends=-A_DAY),
        "host": identity("gateway", authority, host="other.example"),
        "pin": identity("gateway", authority),
        "system": identity("gateway", authority),
    }[wrong]
    async with serving(shown, tmp_path) as gateway:
        url = f"https://127.0.0.1:{gateway.port}"
        if wrong == "pin":
            http = open_http(url, fingerprint=stranger.fingerprint)
        else:
            http = open_http(url, None if wrong == "system" else ca_file)
        fault = await status_through(http)
        assert isinstance(fault, CertificateRefused)
        assert not fault.sent
        assert "IBKR_CA_FILE" in fault.remedy
        assert "IBKR_CERT_SHA256" in fault.remedy
        assert gateway.received == b""


async def test_an_order_to_an_unproven_gateway_is_not_sent(tmp_path: Path) -> None:
    order = Limit(
        account="DU1234567", conid=1, side="BUY", quantity=Decimal(1), limit_price=Decimal(1), time_in_force="DAY"
    )
    async with serving(identity("gateway"), tmp_path) as gateway:
        async with open_http(f"https://127.0.0.1:{gateway.port}", fingerprint="00" * 32) as http:
            placed = await ClientPortal(http, refuse_simulator=False).orders.place_once(order)
        assert (placed.outcome, bytes(gateway.received)) == ("not_sent", b"")


async def test_a_server_without_tls_is_no_gateway(tmp_path: Path) -> None:
    gateway = Gateway()
    server = await asyncio.start_server(gateway.talk, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        fault = await status_through(open_http(url, fingerprint="00" * 32))
    assert fault is not None
    assert b"auth" not in gateway.received


@pytest.mark.parametrize("url", ["http://gateway.example:5000", "http://10.0.0.5:5000", "ftp://localhost", "localhost"])
def test_an_address_that_would_carry_the_session_in_clear_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        open_http(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:5055", "http://localhost:5055/v1/api", "http://[::1]:5055"])
async def test_a_simulator_on_this_machine_needs_no_tls(url: str) -> None:
    await open_http(url).aclose()


def test_two_proofs_and_a_file_without_certificates_are_refused(tmp_path: Path) -> None:
    authority = identity("authority").save(tmp_path, "authority")
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate", encoding="utf-8")
    with pytest.raises(ValueError, match="not both"):
        open_http("https://localhost:5000", authority, "00" * 32)
    with pytest.raises(ValueError, match="no certificate"):
        open_http("https://localhost:5000", empty)
