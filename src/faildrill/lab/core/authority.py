"""An authority that signs certificates for the servers and clients of a lab; its key is never written down."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS: Final = 30
_PEM: Final = serialization.Encoding.PEM
_USES: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
_NOTHING: Final = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ),
    False,
)
_SIGNS: Final = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **_NOTHING)
"""What an authority's key is for: Python 3.13 wants it said."""


@dataclass(frozen=True)
class Subject:
    """Whom a certificate is for."""

    name: str
    """Its common name."""
    group: str = ""
    """Its organisation, which Kubernetes takes for a group."""
    addresses: tuple[str, ...] = ()
    """Where it serves."""
    names: tuple[str, ...] = ()
    """The names by which it is reached."""


class Signed(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


class Authority:
    """One authority, for as long as the process that made it lives."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(Subject("faildrill lab authority"))
        known_by = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known_by)
        builder = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(known_by, critical=False)
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())

    def write(self, path: Path) -> Path:
        """Write its own certificate, by which others know what it has signed."""
        path.write_bytes(self._certificate.public_bytes(_PEM))
        return path

    def sign(self, subject: Subject, folder: Path, stem: str) -> Signed:
        """Make a key that only its owner can read, and a certificate of it, as STEM.key and STEM.pem in a folder."""
        made = Signed(folder / f"{stem}.pem", folder / f"{stem}.key")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(subject), key.public_key())
        builder = builder.add_extension(_USES, critical=False).add_extension(self._by, critical=False)
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in subject.addresses]
        served = [*addresses, *map(x509.DNSName, subject.names)]
        if served:
            builder = builder.add_extension(x509.SubjectAlternativeName(served), critical=False)
        made.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        write_key(made.key, key)
        return made

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
        )


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that only its owner can read."""
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def _named(subject: Subject) -> x509.Name:
    group = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.group)] if subject.group else []
    return x509.Name([*group, x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])
