"""This machine, by the id that its system was given when it was installed (`man 5 machine-id`)."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from faildrill.ports import Told
from faildrill.system import bounded_read

_LARGEST: Final = 4096
"""Bytes; it has 33."""
_FILE: Final = Path("/etc/machine-id")
"""Made once when the system is installed; copies of one image that keep it are one machine here."""
MachineId = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="what this host's /etc/machine-id holds")]
"""A field that holds the id of a machine."""


def fact(machine: str) -> str:
    """Return what is proven of a machine."""
    return f"machine {machine}"


def otherwise(machine: str) -> Told | None:
    """Return how this host differs from a machine, or why that can't be told; None where it is that one."""
    try:
        own = bounded_read.read(str(_FILE), _LARGEST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        return Told(silent=[f"{_FILE} can't be read ({error}): this host does not prove which machine it is"])
    return None if own == machine else Told(differs=[f"this host is the machine {own[:32]}, not {machine}"])
