"""Proves that the gateway is the one it should be, before the first byte of a request. There is no way around it.

Either an authority vouches for the certificate (the system's, or one's own), or the certificate is known by its
fingerprint. The certificate that the broker ships with its gateway proves nothing: its private key is in everybody's
download.
"""

import hashlib
import hmac
import ipaddress
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit


def address_refusal(url: str) -> str | None:
    """Why a gateway's address is not accepted: anything but TLS is for a simulator on this machine alone."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("http", "https") or not host:
        return "must start with http:// or https:// and name a host"
    if parts.scheme == "http" and not _is_loopback(host):
        return "must be https://, because only a simulator on this machine may be reached without TLS"
    return None


def normal_fingerprint(text: str) -> str:
    """64 lower-case digits out of a SHA-256 fingerprint, which may have colons, blanks and openssl's words before it.

    Raises: ValueError.
    """
    digits = re.sub(r"(?i)^\s*sha-?256(\s+fingerprint)?\s*[=:]|[\s:]", "", text).lower()
    if re.fullmatch(r"[0-9a-f]{64}", digits) is None:
        sha1 = " (40 digits are a SHA-1 fingerprint)" if re.fullmatch(r"[0-9a-f]{40}", digits) else ""
        raise ValueError(f"is not a SHA-256 fingerprint of 64 hexadecimal digits{sha1}")
    return digits


def trust(ca_file: Path | None, fingerprint: str | None) -> ssl.SSLContext:
    """What a connection must prove: the certificate with the fingerprint, or one that the authority of `ca_file` or,
    without a file, of the system vouches for, by the name it was called by.

    Raises: ValueError for both at once, for a fingerprint that is none and for a file without certificates.
    """
    if fingerprint is not None:
        if ca_file is not None:
            raise ValueError("give a file of authorities or a fingerprint, not both")
        return _pinned(normal_fingerprint(fingerprint))
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except ssl.SSLError as error:
        raise ValueError(f"{ca_file} holds no certificate that can be read") from error


def certificate_refusal(error: BaseException) -> str | None:
    """What was wrong with the gateway's certificate, when that is why a connection failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the gateway's certificate is refused: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return None


def _pinned(fingerprint: str) -> ssl.SSLContext:
    class PinnedObject(ssl.SSLObject):
        """The handshake proves possession of the certificate's key; here follows that it is the right certificate."""

        def do_handshake(self) -> None:
            super().do_handshake()
            found = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(found, fingerprint):
                refusal = ssl.SSLCertVerificationError("another certificate is pinned")
                refusal.verify_message = f"its SHA-256 fingerprint is {found}, another one is pinned"
                raise refusal

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # No authority signs it and it names no host: the fingerprint stands for both.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslobject_class = PinnedObject
    return context


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
