"""Find a lab that is up: what every command asks that is given a name; where there is none, that costs nothing."""

from pathlib import Path

from faildrill.errors import FaildrillError
from faildrill.lab.core import folders
from faildrill.lab.core.facts import Facts


def find(name: str, root: Path | None = None) -> Facts | None:
    """Return the facts of the lab of that name if it is up and ready."""
    place = folders.place(name, root)
    if not place.control.exists():
        return None
    from faildrill.lab.core import control, facts  # noqa: PLC0415 - imports asyncio, for a lab that is there only

    try:
        if control.ask(place.control, {"op": "status"}, 10.0)["phase"] != "ready":
            return None
    except (FaildrillError, TimeoutError):
        return None
    return facts.read(place.facts)
