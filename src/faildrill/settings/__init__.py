"""What is set at load balancers and at what fails databases over, what was approved, and where the two differ.

An adapter reads settings (`ReadsSettings`), a file says a standard, and `differences` compares them; nothing here
knows of which make a load balancer is.
"""

from faildrill.settings.comparing import Difference, How, Path, differences, in_words
from faildrill.settings.overlaying import overlaid
from faildrill.settings.reading import PutsRight, ReadsSettings
from faildrill.settings.shapes import (
    Backend,
    Check,
    Failover,
    Reading,
    Server,
    Settings,
    Timeouts,
    Unread,
)
from faildrill.settings.standard import ApprovedBackend, Standard

__all__ = [
    "ApprovedBackend",
    "Backend",
    "Check",
    "Difference",
    "Failover",
    "How",
    "Path",
    "PutsRight",
    "Reading",
    "ReadsSettings",
    "Server",
    "Settings",
    "Standard",
    "Timeouts",
    "Unread",
    "differences",
    "in_words",
    "overlaid",
]
