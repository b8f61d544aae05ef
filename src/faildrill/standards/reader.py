"""The shape of what reads settings: an adapter of any make of load balancer, or of what fails a database over."""

from typing import Protocol, runtime_checkable

from faildrill.ports import Given
from faildrill.standards.differences import Difference
from faildrill.standards.settings import SettingsRead


@runtime_checkable
class ReadsSettings(Protocol):
    """Reads what is set at one place; changes nothing."""

    async def settings(self, given: Given) -> SettingsRead:
        """Read it; what could not be read is told in it. CannotSee when nothing could be read at all."""
        ...


@runtime_checkable
class PutsRight(Protocol):
    """What reads settings, and knows how a person puts one right."""

    def remedy(self, difference: Difference) -> str:
        """Return the exact command that sets what the standard says, or empty where there is none."""
        ...
