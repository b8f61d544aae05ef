"""What is set at load balancers and at what fails databases over, what was approved, and where the two differ.

An adapter reads settings (`ReadsSettings`), a file says a standard, and `differences` compares them; nothing here
knows of which make a load balancer is.
"""

from faildrill.standards.differences import Difference, How, differences, in_words
from faildrill.standards.reader import PutsRight, ReadsSettings
from faildrill.standards.server_address import canonical, is_local, is_name, port
from faildrill.standards.settings import (
    Aside,
    Backend,
    Check,
    Failover,
    Path,
    Route,
    Server,
    Settings,
    SettingsRead,
    Timeouts,
    Unread,
    overlaid,
)
from faildrill.standards.standard import ApprovedBackend, Standard

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
    "ReadsSettings",
    "Route",
    "Server",
    "Settings",
    "SettingsRead",
    "Standard",
    "Timeouts",
    "Unread",
    "canonical",
    "differences",
    "in_words",
    "is_local",
    "is_name",
    "overlaid",
    "port",
]
