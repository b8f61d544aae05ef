"""What a place is proven to be: as a whole, and by each of its facts. What locks, marks and switches are kept under.

Two environment files may describe the same place with different facts; one that both declare keeps them apart. Small:
the sentinel imports it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from faildrill.record.timeline import RunStarted
from faildrill.system import state_folder


@dataclass(frozen=True)
class PlaceKey:
    """The digest of all that an environment proves together, and that of each single fact."""

    identity: str
    facts: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that it is kept under, in the one order in which everybody takes it.

        The whole is among them: under it alone versions before facts kept what they left.
        """
        return tuple(sorted({self.identity, *self.facts}))

    @classmethod
    def of(cls, first: RunStarted) -> Self:
        """Return what the place of a run was proven to be."""
        return cls(first.identity, tuple(first.facts))


def places() -> Path:
    """Return the folder of this machine's state with a folder for each key."""
    return state_folder.folder() / "environments"


def folder_of(key: str) -> Path:
    """Return the folder in which all that concerns a key is kept, made where it was not there."""
    folder = places() / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder
