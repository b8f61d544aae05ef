"""Which sorts of lab there are, and where each is made: what a sort needs is loaded only with it."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from faildrill.errors import FaildrillError, WrongUsage
from faildrill.lab.core.folders import DEFAULT, Place

PAYMENTS: Final = "payments"
SORTS: Final = {
    PAYMENTS: "faildrill.lab.payments.staging",
    "hosts": "faildrill.lab.hosts.staging",
    "mariadb": "faildrill.lab.stores.mariadb",
    "redis": "faildrill.lab.stores.redis",
    "kubernetes": "faildrill.lab.kubernetes.staging",
    "aws": "faildrill.lab.aws.staging",
}
"""Where each is made; whoever adds one writes it here, and nowhere else."""
_PAYING: Final = (PAYMENTS, "hosts", "kubernetes")
"""Those whose users pay through a service; the others are stores alone."""
_BUILT: Final = {"kubernetes": "faildrill.lab.kubernetes.go_build"}
"""Those that need what no wheel brings, and what builds it."""
_NEEDS: Final = {"kubernetes": "faildrill.lab.kubernetes.programs"}
"""Those that need something that may not be there, and what looks for it."""


def named(name: str) -> str | None:
    """Return the sort of the lab that a command starts for itself by that name: `lab`, `lab-hosts` and so on."""
    if name == DEFAULT:
        return PAYMENTS
    sort = name.removeprefix(f"{DEFAULT}-")
    return sort if sort != name and sort in SORTS and sort != PAYMENTS else None


def has_payments(sort: str) -> bool:
    """Tell whether users of a lab of a sort pay through a service, whose address is worth knowing."""
    return sort in _PAYING


def make(sort: str, place: Place) -> Any:  # noqa: ANN401 - a staging.Staging, which this must not import
    """Plan a lab of a sort and lay it out in its folders; FaildrillError when there is no such sort."""
    if sort not in SORTS:
        raise FaildrillError(f"no such sort of lab: {sort!r}; there are {', '.join(SORTS)}")
    return importlib.import_module(SORTS[sort]).make(place)


def build(sort: str, tell: Callable[[str], None]) -> Path:
    """Build what a sort of lab needs, unless it is there, and return where it is; WrongUsage where it needs nothing."""
    if sort not in _BUILT:
        raise WrongUsage(f"nothing is built for a lab of the sort {sort!r}; only for {', '.join(_BUILT)}")
    made: Path = importlib.import_module(_BUILT[sort]).build(tell)
    return made


def needs(sort: str) -> dict[str, str]:
    """Return the variables that tell a lab of a sort where what it needs is; FaildrillError where that is missing."""
    if sort not in _NEEDS:
        return {}
    variables: dict[str, str] = importlib.import_module(_NEEDS[sort]).variables()
    return variables
