"""What is wrong with a certificate that was refused, all of it at once, and which proof of it would work.

Each is tried by a handshake of its own, so that no remedy is named that fails for the next reason. Nothing is ever sent
over a connection that was not verified.
"""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api_gateway.clientportal.tls import trust

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which the standard library has no name.
_ANY_TIME: Final = 0x200000
Handshake = Callable[[ssl.SSLContext], Awaitable[bytes]]
"""Returns the certificate that was shown. Raises: ssl.SSLError, OSError."""


@dataclass(frozen=True)
class Shown:
    """`faults` in words; `fingerprint` as openssl prints it. `vouches_for_itself`: it would do as IBKR_CA_FILE."""

    fingerprint: str
    faults: tuple[str, ...]
    vouches_for_itself: bool


async def examine(shake: Handshake, host: str, ca_file: Path | None) -> Shown:
    """Raises: ssl.SSLError, OSError where no handshake is possible at all."""
    shown = await shake(blind())
    digest = hashlib.sha256(shown).hexdigest().upper()
    is_trusted = await _passes(shake, _relaxed(trust(ca_file, None), _ANY_TIME, names=False))
    in_time, for_host, itself = await asyncio.gather(
        _passes(shake, _relaxed(_anchored(shown), ssl.VERIFY_X509_PARTIAL_CHAIN, names=False)),
        _passes(shake, _relaxed(_anchored(shown), ssl.VERIFY_X509_PARTIAL_CHAIN | _ANY_TIME, names=True)),
        _passes(shake, _anchored(shown)),
    )
    said = {
        "no authority that is trusted here has signed it": is_trusted,
        "it has expired, or this machine's clock is wrong": in_time,
        f"it does not name {host}": for_host,
    }
    faults = tuple(fault for fault, is_well in said.items() if not is_well)
    return Shown(":".join(digest[at : at + 2] for at in range(0, 64, 2)), faults, itself)


async def _passes(shake: Handshake, context: ssl.SSLContext) -> bool:
    with contextlib.suppress(ssl.SSLCertVerificationError):
        await shake(context)
        return True
    return False


def blind() -> ssl.SSLContext:
    """Verifies nothing: to look at what is shown, never to send anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _anchored(certificate: bytes) -> ssl.SSLContext:
    """What the client would demand if the certificate were its file of authorities."""
    return ssl.create_default_context(cadata=certificate)


def _relaxed(context: ssl.SSLContext, flags: int, *, names: bool) -> ssl.SSLContext:
    context.check_hostname = names
    context.verify_flags |= flags
    return context
