"""Certificates for real TLS on loopback, made anew by every test that needs one."""

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
A_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key; an authority when nobody else has signed it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def save(self, directory: Path, name: str) -> Path:
        """A file with both; the certificate comes first."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = directory / f"{name}.pem"
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM) + key)
        return file


def identity(
    name: str, issuer: Identity | None = None, *, host: str | None = "127.0.0.1", ends: datetime.timedelta = A_DAY
) -> Identity:
    """Valid from three days before `NOW`, or before its end; `host` None names none, as the broker's download does."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(NOW, NOW + ends) - 3 * A_DAY)
        .not_valid_after(NOW + ends)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if host is not None:
        alternative = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return Identity(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
