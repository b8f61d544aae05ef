"""What is set at load balancers and at what fails databases over, what was approved, and where the two differ.

An adapter reads settings (`ReadsSettings`), a file says a standard, and `differences` compares them; nothing here
knows of which make a load balancer is.
"""

from faildrill.settings.addresses import canonical, is_name
from faildrill.settings.comparing import Difference, How, differences, in_words
from faildrill.settings.overlaying import overlaid
from faildrill.settings.reading import PutsRight, ReadsSettings
from faildrill.settings.shapes import (
    Aside,
    Backend,
    Check,
    Failover,
    Path,
    Reading,
    Route,
    Server,
    Settings,
    Timeouts,
    Unread,
)
from faildrill.settings.standard import ApprovedBackend, Standard

__all__ = [
    "ApprovedBackend",
    "Aside",
    "Backend",
    "Check",
    "Difference",
    "Failover",
    "How",
    "Path",
    "PutsRight",
    "Reading",
    "ReadsSettings",
    "Route",
    "Server",
    "Settings",
    "Standard",
    "Timeouts",
    "Unread",
    "canonical",
    "differences",
    "in_words",
    "is_name",
    "overlaid",
]
