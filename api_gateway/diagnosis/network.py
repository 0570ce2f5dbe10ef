"""Name, port and certificate of the gateway, before a byte of HTTP is sent. TLS is verified here as everywhere."""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from api_gateway.clientportal.tls import trust
from api_gateway.diagnosis.records import Status
from api_gateway.diagnosis.report import Report
from api_gateway.settings import DEFAULT_GATEWAY_URL, GatewaySettings

_SOON_DAYS: Final = 14
# Codes of OpenSSL's verification.
_EXPIRED, _NOT_YET, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
SILENT: Final = (
    "It accepts connections and answers nothing: look at the gateway's log, restart it, "
    "or correct IBKR_GATEWAY_URL if another program listens there."
)


@dataclass(frozen=True)
class Address:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def address_of(url: str) -> Address:
    """Raises: ValueError where the URL names no host or no valid port."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("it names no host")
    return Address(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


async def reach(settings: GatewaySettings, report: Report, patience_seconds: float) -> None:
    """The checks `gateway` and `tls`. Raises: Ended where no HTTP can be spoken."""
    try:
        address = address_of(settings.ibkr_gateway_url)
    except ValueError as error:
        report.end("gateway", f"IBKR_GATEWAY_URL cannot be used: {error}", f"Write it like {DEFAULT_GATEWAY_URL}.")
    try:
        await _connect(address, None, patience_seconds)
    except (OSError, UnicodeError) as error:
        _end_unreachable(settings, report, address, error)
    report.ok("gateway", f"{address} accepts connections")
    if address.scheme == "https":
        await _check_tls(settings, report, address, patience_seconds)
    else:
        report.ok("tls", "not used: the address begins with http://")


async def _connect(address: Address, context: ssl.SSLContext | None, patience_seconds: float) -> dict[str, object]:
    """The peer's certificate where there is one.

    Raises: OSError, of which TimeoutError and SSLError are kinds; UnicodeError for a name that cannot be one.
    """
    async with asyncio.timeout(patience_seconds):
        _, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, server_hostname=address.host if context else None
        )
    certificate: dict[str, object] = writer.get_extra_info("peercert") or {}
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(patience_seconds):
            await writer.wait_closed()
    return certificate


def _end_unreachable(
    settings: GatewaySettings, report: Report, address: Address, error: OSError | UnicodeError
) -> None:
    if isinstance(error, TimeoutError):
        finding = f"{address} does not answer"
        remedy = "Is the machine up, and does a firewall stand between? Check IBKR_GATEWAY_URL."
    elif isinstance(error, socket.gaierror | UnicodeError):
        finding, remedy = f"the name {address.host} is not known", "Correct IBKR_GATEWAY_URL, or the machine's DNS."
    else:
        finding, remedy = f"nothing listens at {address}", "Start the gateway, or correct IBKR_GATEWAY_URL."
    # Where nobody has asked for a gateway yet, its absence is no failure.
    unasked = settings.ibkr_gateway_url == DEFAULT_GATEWAY_URL and settings.trading_mode == "off"
    if unasked:
        remedy = "`make demo` and `portfolio up` need no gateway; docs/gateway.md shows how to run the real one."
    report.end("gateway", finding, remedy, Status.WARNING if unasked else Status.FAILURE)


async def _check_tls(settings: GatewaySettings, report: Report, address: Address, patience_seconds: float) -> None:
    try:
        context = trust(settings.ibkr_ca_file, settings.ibkr_cert_sha256)
    except ValueError as error:
        report.end("tls", f"IBKR_CA_FILE: {error}", f"Fetch it again: {_fetch(address)}")
    try:
        certificate = await _connect(address, context, patience_seconds)
    except ssl.SSLCertVerificationError as error:
        report.end("tls", *_unverified(settings, address, error))
    except ssl.SSLError as error:
        finding = f"{address} does not speak TLS ({error.reason or 'no reason given'})"
        report.end("tls", finding, "Correct IBKR_GATEWAY_URL: the simulator speaks http://, the gateway https://.")
    except OSError:
        report.end("gateway", f"{address} accepts connections and says nothing", SILENT)
    if settings.ibkr_cert_sha256:
        report.ok("tls", "it is the certificate that IBKR_CERT_SHA256 pins")
    else:
        _check_certificate(settings, report, certificate)


def _unverified(settings: GatewaySettings, address: Address, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """What is wrong with the certificate, and what to do about it."""
    whose = f"the certificate of {address}"
    if settings.ibkr_cert_sha256:
        remedy = "If you made the gateway a new one, pin that in IBKR_CERT_SHA256; else find out who answers there."
        return f"{whose} is not the pinned one: {error.verify_message}", remedy
    if error.verify_code in (_EXPIRED, _NOT_YET):
        remedy = "Make the gateway a new certificate, and check this machine's clock; docs/gateway.md says how."
        return f"{whose}: {error.verify_message}", remedy
    if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
        remedy = "Name in IBKR_GATEWAY_URL a host that the certificate names, or make one that names this host."
        return f"{whose} is not for {address.host}", remedy
    finding = f"{whose} is not trusted: {error.verify_message}"
    if settings.ibkr_ca_file:
        return finding, f"IBKR_CA_FILE is of another gateway or another certificate. Fetch it anew: {_fetch(address)}"
    remedy = "Fetch the gateway's certificate and set IBKR_CA_FILE=gateway-ca.pem, or pin it in IBKR_CERT_SHA256"
    return finding, f"{remedy}: {_fetch(address)}"


def _fetch(address: Address) -> str:
    return (
        f"openssl s_client -connect {address} -servername {address.host} -showcerts </dev/null "
        "| openssl x509 -out gateway-ca.pem; compare `openssl x509 -in gateway-ca.pem -noout -fingerprint -sha256` "
        "with the same command on the gateway's machine before you trust it"
    )


def _check_certificate(settings: GatewaySettings, report: Report, certificate: dict[str, object]) -> None:
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    trust = f"by {settings.ibkr_ca_file}" if settings.ibkr_ca_file else "by the authorities that are shipped"
    finding = f"verified {trust}; the certificate is valid until {until.date()}"
    if (until - datetime.now(UTC)).days < _SOON_DAYS:
        report.warn("tls", finding, "Make the gateway a new certificate soon.")
    else:
        report.ok("tls", finding)
