"""What of a drill concerns sets of runs: its ways, its twin, and whether it warrants a failover."""

from pathlib import Path
from typing import Final, Literal

from faildrill.errors import InvalidFile, WrongUsage
from faildrill.kinds import did_you_mean
from faildrill.loading.kind_use import Use, read_only_use
from faildrill.loading.scope import Scope
from faildrill.loading.steps import Steps
from faildrill.loading.yaml.composer import read
from faildrill.loading.yaml.mapping import MappingReader
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Node
from faildrill.model.drill import Way

SET_KEYS: Final = ("failover", "twin", "ways")
_WAY_KEYS: Final = ("name", "steps", "expect")
_FEWEST: Final = 2
_WORDS: Final[dict[str, Literal["warranted", "needless"]]] = {"warranted": "warranted", "needless": "needless"}


def read_failover(reading: MappingReader) -> Literal["warranted", "needless"] | None:
    """Read whether what happens in the drill is a reason to fail the database over."""
    entry, given = reading.entry("failover"), reading.text("failover")
    if entry is not None and given and given not in _WORDS:
        reading.mistakes.add(entry.node.place, f"must be warranted or needless{did_you_mean(given, list(_WORDS))}")
    if entry is None and (twin := reading.entry("twin")) is not None:
        message = "a drill with a twin says whether it warrants a failover: `failover: warranted` or `needless`"
        reading.mistakes.add(twin.place, message)
    return _WORDS.get(given)


def read_twin(reading: MappingReader, path: Path) -> str:
    """Read which file holds the drill's twin, and see that it is a drill which can be one."""
    entry, given = reading.entry("twin"), reading.text("twin")
    if entry is None or not given:
        return ""
    beside = path.parent / given
    if (trouble := _no_twin(beside, path)) is not None:
        reading.mistakes.add(entry.node.place, trouble)
    elif reading.entry("ways") is not None:
        reading.mistakes.add(entry.place, "a drill has a twin, or several ways, not both")
    return given


def _no_twin(twin: Path, path: Path) -> str | None:
    """Say why a file can't be a drill's twin, or None."""
    if twin.resolve() == path.resolve():
        return "no drill is its own twin"
    try:
        keys = read(twin, Mistakes(str(twin))).entries
    except WrongUsage as error:
        return f"the twin can't be read: {error}"
    except InvalidFile:
        return f"the twin has mistakes; see: faildrill validate {twin}"
    if "drill" not in keys:
        return f"{twin} is no drill"
    if "failover" not in keys:
        return f"the twin {twin} does not say whether it warrants a failover: `failover: warranted` or `needless`"
    return "a twin can't have several ways" if "ways" in keys else None


def read_ways(reading: MappingReader, steps: Steps, scope: Scope) -> tuple[tuple[Way, ...], list[Use]]:
    """Read the ways, each with what is done after the drill's own steps; and all that they expect."""
    nodes = reading.items("ways")
    ways: list[Way] = []
    expected: list[Use] = []
    for node in nodes:
        way, uses = _way(node, steps.fork(), scope, reading.mistakes)
        if way.name and way.name in [earlier.name for earlier in ways]:
            reading.mistakes.add(node.place, f"another way is called {way.name!r}")
        ways.append(way)
        expected += uses
    entry = reading.entry("ways")
    if entry is not None and len(nodes) < _FEWEST:
        reading.mistakes.add(entry.place, "ways are compared: there must be two of them at least")
    return tuple(ways), expected


def _way(node: Node, steps: Steps, scope: Scope, mistakes: Mistakes) -> tuple[Way, list[Use]]:
    reading = MappingReader(Entry(node.place, node), _WAY_KEYS, mistakes)
    if not reading.usable:
        return Way(name=""), []
    reading.refuse_others()
    reading.required("name", "what is this way called, in a few words?")
    entries = [read_only_use(entry, "expectation", scope, mistakes) for entry in reading.items("expect")]
    uses = [use for use in entries if use]
    done = steps.read(reading.items("steps"))
    return Way(name=reading.text("name"), steps=done, expect=tuple(use.use for use in uses)), uses
