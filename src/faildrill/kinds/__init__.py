"""Which names a file may use, and where each lives.

A kind is found by its name in one table per shape, or as an entry point `faildrill.kinds` of somebody else's
package (`my.kind = "package.module:Class"`, its shape being the Protocol that it fits). Its module is imported
when a file names it, and not before.
"""

import difflib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal, NamedTuple, get_args

from faildrill.errors import WrongUsage
from faildrill.kinds.table import TABLES
from faildrill.ports import TELLS_WRITER, Aborts, Action, Examines, Guard, Kind, Lock, Probe, WriterBy
from faildrill.ports.effect import EFFECT_IS, Effect
from faildrill.ports.target import KindUse, Target
from faildrill.ports.witness import Testifies

Shape = Literal[
    "probe",
    "action",
    "guard",
    "reach",
    "expectation",
    "abort",
    "lock",
    "check",
    "settings",
    "witness",
    "target",
]
_Protocols = tuple[type[Any], ...]
_PROTOCOLS: Final[dict[str, _Protocols]] = {
    "probe": (Probe,),
    "action": (Action,),
    "guard": (Guard,),
    "lock": (Lock,),
    "check": (Examines,),
    "witness": (Testifies,),
    "target": (Target,),
    "abort": (Aborts, Guard),  # a guard here is asked before the start, and again while the drill runs
}


class UnknownKind(WrongUsage):
    """No kind of that name and shape."""


def _protocols(shape: Shape) -> _Protocols | None:
    """Return what a kind of this shape must fit, one of them; None where its table is the only place to be in."""
    if shape == "settings":
        from faildrill.standards import ReadsSettings  # noqa: PLC0415 - what settings are made of, which few ask for

        return (ReadsSettings,)
    return _PROTOCOLS.get(shape)


_WRITERS_BY_NAME: Final[Mapping[str, WriterBy]] = {"writer": "nodes", "writers": "nodes", ".write": "users"}
"""How the names of probes ended that tell the writer, before their classes said it."""


class _Home(NamedTuple):
    """Where a kind lives: `package.module:Class`, and the installed package that brings it, where it is not ours."""

    where: str
    package: str = ""

    def __str__(self) -> str:
        return f"{self.where} (of {self.package})" if self.package else self.where


@cache
def _foreign() -> dict[str, _Home]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes long, and few drills name such a kind

    points = entry_points(group="faildrill.kinds")
    return {point.name: _Home(point.value, point.dist.name if point.dist else "") for point in points}


def names(shape: Shape) -> list[str]:
    """List the names of all kinds of a shape, sorted; those of other packages are imported to be told apart.

    One that can't be imported is listed with every shape: `find` says why, once it is used.
    """
    protocols = _protocols(shape)
    foreign = [
        point
        for point, home in _foreign().items()
        if protocols and ("." not in point or shape != "target") and _may_fit(home, protocols)
    ]
    return sorted([*TABLES[shape], *foreign])


@cache
def find(name: str, shape: Shape) -> type[Kind]:
    """Return the class of a kind; UnknownKind, with what was perhaps meant, when there is none."""
    home = _Home(TABLES[shape][name]) if name in TABLES[shape] else _foreign().get(name)
    if home is None:
        raise UnknownKind(f"no {shape} is called {name!r}{did_you_mean(name, names(shape))}")
    kind = _load(home)
    protocols = _protocols(shape)
    if protocols and not _fits(kind, protocols):
        raise UnknownKind(f"{name!r} is no {shape}")
    if shape == "action" and (wrong := misnamed_effect(kind)):
        raise UnknownKind(f"{name!r} says that its effect is {wrong!r}: `{EFFECT_IS}` is `event` or `state`")
    if shape == "target" and (section := getattr(kind, "section", "")) != name:
        raise UnknownKind(f"{home} says that its `section` is {section!r}, and is listed as {name!r}")
    return kind


def trait(name: str, shape: Shape, called: str) -> Any:  # noqa: ANN401 - each trait says what it holds
    """Return what the class of a kind says of itself under this name; None where it says nothing, or is not here.

    For what was recorded with kinds of packages that are not installed here: such a run is judged without them.
    """
    try:
        return getattr(find(name, shape), called, None)
    except UnknownKind:
        return None


def tells_writer(name: str) -> WriterBy | None:
    """Return by what a probe of a kind tells who takes writes; None where it doesn't.

    Of a kind that is not installed here its name says it, as it did when such runs were first judged.
    """
    try:
        by: WriterBy | None = getattr(find(name, "probe"), TELLS_WRITER, None)
    except UnknownKind:
        return next((by for ending, by in _WRITERS_BY_NAME.items() if name.endswith(ending)), None)
    return by


def misnamed_effect(kind: type[Kind]) -> object:
    """Return what a kind of action says that its effect is, where that is no word; None where its parameters decide."""
    effect = getattr(kind, EFFECT_IS, "state")
    return None if isinstance(effect, property) or effect in get_args(Effect) else effect


def build(use: KindUse, shape: Shape) -> Any:  # noqa: ANN401 - its shape is the caller's to name
    """Build a kind from its name and its parameters as data; pydantic.ValidationError when they don't fit."""
    return find(use.kind, shape).model_validate(use.params)


_FITS_A_LINE: Final = 12


def did_you_mean(name: str, known: list[str]) -> str:
    """Return `; did you mean …?` when one of the known names is close, otherwise what there is, in short."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(known)}" if 0 < len(known) <= _FITS_A_LINE else ""


def _load(home: _Home) -> type[Kind]:
    module, _, name = home.where.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise UnknownKind(f"{home} can't be imported ({error}); is its extra installed?") from error
    if not (inspect.isclass(kind) and issubclass(kind, Kind)):
        raise UnknownKind(f"{home} is not a kind: it must derive from faildrill.ports.Kind")
    return kind


def _may_fit(home: _Home, protocols: _Protocols) -> bool:
    try:
        return _fits(_load(home), protocols)
    except UnknownKind:
        return True


def _fits(kind: type[Kind], protocols: _Protocols) -> bool:
    return issubclass(kind, protocols)
