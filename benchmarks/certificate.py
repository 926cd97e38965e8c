"""A self-signed certificate for the loopback address, made anew for every benchmark that wants TLS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_certificate"]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write certificate.pem and key.pem (ECDSA P-256, valid for two days) into a folder and give their paths.

    Clients trust it when AWS_CA_BUNDLE names certificate.pem.
    """
    from cryptography import x509  # noqa: PLC0415 - only TLS runs need it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - only TLS runs need it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only TLS runs need it
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - only TLS runs need it

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "macie-inventory benchmark")])
    now = datetime.now(UTC)
    usage = {"key_cert_sign": True, "digital_signature": True, "content_commitment": False, "key_encipherment": False}
    usage |= {
        "data_encipherment": False,
        "key_agreement": False,
        "crl_sign": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    return folder / "certificate.pem", folder / "key.pem"
