"""What can run in a pod of the lab: an `image` names a recipe, which makes a command line for this machine of it."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple


class Given(NamedTuple):
    """What a recipe is made with."""

    pod: str
    """The pod's name."""
    listening: str
    """The address of this machine that stands for the pod's."""
    variables: Mapping[str, str]
    """The container's environment."""
    folder: Path
    """A folder of the container's own."""
    command: list[str]
    """What the pod gives as `command` and `args`."""


class Lacking(ValueError):
    """The pod does not give what the recipe needs; says what."""


def payment_server(given: Given) -> list[str]:
    """Serve payments: PORT, DATABASE_PORT and DATABASE_PASSWORD; DATABASE_NODE names who answers there."""
    try:
        port, database = int(given.variables["PORT"]), int(given.variables["DATABASE_PORT"])
        password = given.variables["DATABASE_PASSWORD"]
    except (KeyError, ValueError) as error:
        raise Lacking(f"a payment server needs PORT, DATABASE_PORT and DATABASE_PASSWORD: {error}") from error
    secret = _secret(given.folder / "password", password)
    config = {
        "name": given.pod,
        "host": given.listening,
        "port": port,
        "database": {"host": given.variables.get("DATABASE_HOST", "127.0.0.1"), "port": database, "user": "payments"},
        "password_file": str(secret),
        "nodes": {str(database): given.variables.get("DATABASE_NODE", "database")},
        "within_seconds": 2.0,
        "capacity": 32,
        "service_seconds": 0.0,
    }
    path = _secret(given.folder / "payments.json", json.dumps(config))
    return [sys.executable, "-P", "-m", "faildrill.lab.payments.server", str(path)]


def bare(given: Given) -> list[str]:
    """Run what the pod gives as its command."""
    if not given.command:
        raise Lacking("this image runs nothing by itself: give a command")
    return given.command


RECIPES: Final[Mapping[str, Callable[[Given], list[str]]]] = {
    "faildrill/payment-server:1": payment_server,
    "faildrill/bare:1": bare,
}


def _secret(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
