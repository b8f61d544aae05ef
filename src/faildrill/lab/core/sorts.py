"""Which sorts of lab there are, and where each is made: what a sort needs is loaded only with it."""

import importlib
from typing import Any, Final

from faildrill.errors import FaildrillError
from faildrill.lab.core.folders import DEFAULT, Place

PAYMENTS: Final = "payments"
_SORTS: Final = {
    PAYMENTS: "faildrill.lab.payments.staging",
    "hosts": "faildrill.lab.hosts.staging",
    "mariadb": "faildrill.lab.stores.mariadb",
    "redis": "faildrill.lab.stores.redis",
}


def named(name: str) -> str | None:
    """Return the sort of the lab that a command starts for itself by that name: `lab`, `lab-hosts` and so on."""
    if name == DEFAULT:
        return PAYMENTS
    sort = name.removeprefix(f"{DEFAULT}-")
    return sort if sort != name and sort in _SORTS and sort != PAYMENTS else None


def make(sort: str, place: Place) -> Any:  # noqa: ANN401 - a staging.Staging, which this must not import
    """Plan a lab of a sort and lay it out in its folders; FaildrillError when there is no such sort."""
    if sort not in _SORTS:
        raise FaildrillError(f"no such sort of lab: {sort!r}; there are {', '.join(_SORTS)}")
    return importlib.import_module(_SORTS[sort]).make(place)
