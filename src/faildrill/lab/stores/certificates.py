"""Certificates for a lab's servers, signed by an authority of its own that lives in its folder."""

from pathlib import Path
from typing import NamedTuple

from faildrill.lab.core.authority import Authority, Subject
from faildrill.lab.core.port_reservations import LOOPBACK


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
    authority = Authority()
    authority.write(at(folder).ca)
    authority.sign(Subject("faildrill lab", addresses=(address,)), folder, "server")
    return at(folder)
