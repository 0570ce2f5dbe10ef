"""Name, port and certificate of the gateway, before a byte of HTTP is sent. TLS is verified here as everywhere."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from api_gateway.clientportal.tls import trust
from api_gateway.diagnosis.certificate import Shown, blind, examine
from api_gateway.diagnosis.records import Status
from api_gateway.diagnosis.report import Report
from api_gateway.settings import DEFAULT_GATEWAY_URL, GatewaySettings

_SOON_DAYS: Final = 14
_NO_TLS: Final = "The gateway speaks https://. If it is the simulator, write http:// in IBKR_GATEWAY_URL."
_TLS_ALERT: Final = b"\x15\x03"
# Of the broker's other programs, Trader Workstation and IB Gateway, live and paper: they speak a protocol of their own.
_SOCKET_PORTS: Final = frozenset({7496, 7497, 4001, 4002})


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


def silent(address: Address) -> str:
    """What to do about a listener that says nothing that is HTTP."""
    if address.port in _SOCKET_PORTS:
        return (
            f"{address.port} is the API port of Trader Workstation or IB Gateway, which speak another protocol: start "
            f" the Client Portal gateway and name it in IBKR_GATEWAY_URL, such as {DEFAULT_GATEWAY_URL}."
        )
    return (
        "It accepts connections and answers nothing: look at the gateway's log, restart it, "
        "or correct IBKR_GATEWAY_URL if another program listens there."
    )


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


async def speech(address: Address, patience_seconds: float) -> tuple[str, str] | None:
    """Finding and remedy for a listener that does not speak what its address says, None where it does or says nothing.

    Asked in plain HTTP, and in TLS where it hangs up on that.
    """
    said = b""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(patience_seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            with contextlib.closing(writer):
                writer.write(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                said = await reader.read(60)
    if said.startswith(b"HTTP/"):
        found = f"{address} speaks plain HTTP, and IBKR_GATEWAY_URL says https://"
        return (found, _NO_TLS) if address.scheme == "https" else None
    if said and not said.startswith(_TLS_ALERT):
        words = "".join(each if each.isprintable() else "." for each in said.decode("ascii", "replace"))
        return f"{address} answers in something that is not HTTP: {words.strip()}", silent(address)
    if address.scheme == "http" and await _takes_tls(address, patience_seconds):
        return f"{address} speaks TLS, and IBKR_GATEWAY_URL says http://", f"Write https://{address} there."
    return None


async def _takes_tls(address: Address, patience_seconds: float) -> bool:
    with contextlib.suppress(OSError):
        return await _connect(address, blind(), patience_seconds) is not None
    return False


async def _connect(address: Address, context: ssl.SSLContext | None, patience_seconds: float) -> ssl.SSLObject | None:
    """What was agreed on where `context` asked for TLS; nothing is sent.

    Raises: OSError, of which TimeoutError and SSLError are kinds; UnicodeError for a name that cannot be one.
    """
    async with asyncio.timeout(patience_seconds):
        _, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, server_hostname=address.host if context else None
        )
    agreed: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(patience_seconds):
            await writer.wait_closed()
    return agreed


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
        remedy = "Take IBKR_CA_FILE out: then this shows how to pin the gateway's certificate instead."
        report.end("tls", f"IBKR_CA_FILE: {error}", remedy)
    try:
        agreed = await _connect(address, context, patience_seconds)
    except ssl.SSLCertVerificationError as error:
        report.end("tls", *await _explain_unverified(settings, address, error, patience_seconds))
    except ssl.SSLError as error:
        finding = f"{address} does not speak TLS ({error.reason or 'no reason given'})"
        report.end("tls", *(await speech(address, patience_seconds) or (finding, silent(address))))
    except OSError:
        report.end("gateway", f"{address} accepts connections and says nothing", silent(address))
    if settings.ibkr_cert_sha256:
        report.ok("tls", "it is the certificate that IBKR_CERT_SHA256 pins")
    else:
        _check_certificate(settings, report, (agreed.getpeercert() if agreed else None) or {})


async def _explain_unverified(
    settings: GatewaySettings, address: Address, error: ssl.SSLCertVerificationError, patience_seconds: float
) -> tuple[str, str]:
    """What is wrong with the certificate, and what to do about it: the pin first, which needs neither name nor date."""

    async def shake(context: ssl.SSLContext) -> bytes:
        agreed = await _connect(address, context, patience_seconds)
        return (agreed.getpeercert(binary_form=True) if agreed else None) or b""

    whose = f"the certificate of {address}"
    try:
        shown = await examine(shake, address.host, settings.ibkr_ca_file)
    except OSError:
        return f"{whose} is refused: {error.verify_message}", "Run the diagnosis again: the gateway hung up meanwhile."
    if settings.ibkr_cert_sha256:
        finding = f"{whose} is not the pinned one: its SHA-256 fingerprint is {shown.fingerprint}"
        return finding, f"Find out who answers there. If you made the gateway a new certificate: {_pin(address, shown)}"
    why = "; ".join(shown.faults) or error.verify_message
    finding = f"{whose} is refused: {why}. Its SHA-256 fingerprint is {shown.fingerprint}"
    return finding, _pin(address, shown) + _instead(settings, shown)


def _pin(address: Address, shown: Shown) -> str:
    command = (
        f"openssl s_client -connect localhost:{address.port} </dev/null | openssl x509 -noout -fingerprint -sha256"
    )
    return (
        f"compare with what `{command}` says on the gateway's own machine; if it is the same, pin it by this line in "
        f".env: IBKR_CERT_SHA256={shown.fingerprint}"
    )


def _instead(settings: GatewaySettings, shown: Shown) -> str:
    if settings.ibkr_ca_file is not None:
        return " (and take IBKR_CA_FILE out: this certificate is not of that authority, of another date or name)"
    if shown.vouches_for_itself:
        return ". Or save the certificate itself and name its file in IBKR_CA_FILE"
    return ""


def _check_certificate(settings: GatewaySettings, report: Report, certificate: Mapping[str, object]) -> None:
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    trust = f"by {settings.ibkr_ca_file}" if settings.ibkr_ca_file else "by the authorities that are shipped"
    finding = f"verified {trust}; the certificate is valid until {until.date()}"
    if (until - datetime.now(UTC)).days < _SOON_DAYS:
        report.warn("tls", finding, "Make the gateway a new certificate soon, or pin this one in IBKR_CERT_SHA256.")
    else:
        report.ok("tls", finding)
