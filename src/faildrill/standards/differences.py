"""What differs between a standard and what was read: every place where it does, in the order of the standard."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from faildrill import durations
from faildrill.standards.server_address import canonical
from faildrill.standards.settings import Backend, Part, Path, Route, overlaid

Spelled = Mapping[Path, frozenset[str]]
NOTHING: Final[Spelled] = MappingProxyType({})
How = Literal["differs", "missing", "extra", "unread"]
_LISTED: Final = ("servers", "backends")
"""What has to be there and nothing else, where a standard lists it."""


class Difference(NamedTuple):
    """One place where what was read is not what the standard says."""

    path: Path
    how: How
    standard: str
    """What the standard says there, in words; empty where it lists no such thing."""
    live: str
    """What was read there, in words; empty where nothing was."""
    wanted: object = None
    """What the standard says there, as itself."""
    found: object = None
    """What was read there, as itself."""

    def __str__(self) -> str:
        return self.within(None)

    def within(self, backend: str | None) -> str:
        """Tell it in a sentence's part; a server is named without its backend where that is the only one meant."""
        what = in_words(self.path, backend)
        if self.how == "missing":
            return f"{what} is missing"
        if self.how == "extra":
            return f"{what} is not in the standard"
        live = "can't be read" if self.how == "unread" else self.live
        return f"{what}: {live}, the standard says {self.standard}"


def differences(standard: Part, live: Part | None, path: Path = (), spelled: Spelled = NOTHING) -> Iterator[Difference]:
    """Yield every difference; what the standard says nothing about is none, and what can't be read is one.

    Of a thing that is done in another way (`how`) nothing more is told: its other settings mean something else.
    `spelled`: other spellings of addresses, by their path.
    """
    routes = (live.routes or {}) if isinstance(live, Backend) else {}
    for name in type(standard).model_fields:
        wanted = getattr(standard, name)
        if wanted is None or name == "routes" or (routes and name in Route.model_fields):
            continue
        differing = list(_compared(wanted, getattr(live, name, None), (*path, name), spelled))
        yield from differing
        if name == "how" and differing:
            return
    for place, route in routes.items():
        yield from differences(_approved(standard, place), route, (*path, "routes", place), spelled)


def _approved(standard: Part, place: str) -> Route:
    """Return what was approved for what comes by one place: its own settings, and the common ones."""
    common = Route.model_construct(**{name: getattr(standard, name) for name in Route.model_fields})
    own = (getattr(standard, "routes", None) or {}).get(place)
    return overlaid(common, own) if own is not None else common


def _compared(wanted: object, found: object, path: Path, spelled: Spelled) -> Iterator[Difference]:
    if isinstance(wanted, Part):
        yield from differences(wanted, found if isinstance(found, Part) else None, path, spelled)
    elif isinstance(wanted, Mapping):
        yield from _listed(wanted, found if isinstance(found, Mapping) else None, path, spelled)
    elif found is None:
        yield Difference(path, "unread", shown(wanted), "", wanted)
    elif not _same(wanted, found) and not _is_spelled(wanted, found, path, spelled):
        yield Difference(path, "differs", shown(wanted), shown(found), wanted, found)


def _is_spelled(wanted: object, found: object, path: Path, spelled: Spelled) -> bool:
    """Tell whether two addresses are the same one in two spellings."""
    if path[-1] != "address" or not isinstance(wanted, str) or not isinstance(found, str):
        return False
    return canonical(wanted) in {canonical(found), *spelled.get(path, ())}


def _same(wanted: object, found: object) -> bool:
    """Tell whether two values are the same; times are, to the microsecond: `100ms` and `100000us` differ as floats."""
    if isinstance(wanted, float) and isinstance(found, float):
        return round(wanted * 1e6) == round(found * 1e6)
    return wanted == found


def _listed(
    wanted: Mapping[str, object], found: Mapping[str, object] | None, path: Path, spelled: Spelled
) -> Iterator[Difference]:
    if found is None:
        yield Difference(path, "unread", ", ".join(wanted), "")
        return
    for name, wanted_part in wanted.items():
        if name in found:
            yield from _compared(wanted_part, found[name], (*path, name), spelled)
        else:
            yield Difference((*path, name), "missing", "there", "")
    if path[-1] in _LISTED:
        yield from (Difference((*path, name), "extra", "", "there") for name in found if name not in wanted)


def shown(value: object) -> str:
    """Write the value of a setting for people."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return durations.show(value) if isinstance(value, float) else str(value)


def in_words(path: Path, backend: str | None = None) -> str:
    """Name a place: `weight of payments/pay1`, `fall of the check of payments/pay1`, `timeout connect of payments`."""
    section, *rest = path
    if section != "backends":
        return " ".join(word.removesuffix("s") if word == "parameters" else word for word in rest).replace("_", " ")
    if not rest:
        return section
    owner, *inner = rest
    if inner[:1] == ["routes"] and len(inner) > 1:
        return in_words(("backends", f"{owner} ({inner[1]})", *inner[2:]), backend)
    if inner[:1] == ["servers"] and len(inner) > 1:
        owner = inner[1] if owner == backend else f"{owner}/{inner[1]}"
        inner = inner[2:]
    if inner[:1] == ["check"]:
        what = " ".join(inner[1:]).replace("_", " ")
        return f"check of {owner}" if what in ("", "how") else f"{what} of the check of {owner}"
    named = " ".join(word.replace("timeouts", "timeout").replace("_", " ") for word in inner)
    return f"{named} of {owner}" if named else owner
