"""Certificates for a lab's servers, signed by an authority of its own that lives in its folder."""

import datetime as dt
import ipaddress
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faildrill.lab.core.port_reservations import LOOPBACK

_DAYS: Final = 30
_PEM: Final = serialization.Encoding.PEM


class Certificates(NamedTuple):
    """Where they are."""

    ca: Path
    server: Path
    key: Path


def at(folder: Path) -> Certificates:
    """Tell where those of a folder are."""
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


def make(folder: Path, address: str = LOOPBACK) -> Certificates:
    """Make an authority, and a certificate of it for one address, in a folder; the authority's key is not kept."""
    folder.mkdir(parents=True, exist_ok=True)
    made = at(folder)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name, server = _name("faildrill lab authority"), _name("faildrill lab")
    is_one = x509.BasicConstraints(ca=True, path_length=0)
    signed_by_itself = _builder(name, name, authority.public_key()).add_extension(is_one, critical=True)
    made.ca.write_bytes(signed_by_itself.sign(authority, hashes.SHA256()).public_bytes(_PEM))
    where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    signed = _builder(server, name, key.public_key()).add_extension(where, critical=False)
    made.server.write_bytes(signed.sign(authority, hashes.SHA256()).public_bytes(_PEM))
    made.key.touch(mode=0o600)
    plain = serialization.NoEncryption()
    made.key.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain))
    return made


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
    )
