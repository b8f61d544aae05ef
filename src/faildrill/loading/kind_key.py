"""Which key of a probe or a step is its kind: exactly one that is no setting."""

from faildrill.kinds import Shape, did_you_mean, names
from faildrill.kinds.table import TABLES
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Place


def the_kind(
    others: dict[str, Entry], place: Place, shape: Shape, settings: tuple[str, ...], mistakes: Mistakes
) -> tuple[str, Entry] | None:
    """Return the one kind among the keys that are no settings; None, with what is wrong noted, where it isn't one."""
    if len(others) == 1 and not others.keys() - TABLES[shape].keys():
        return next(iter(others.items()))  # the usual case: nothing need be known of other packages
    known = names(shape)
    kinds = {key: entry for key, entry in others.items() if key in known}
    if len(kinds) != 1 and not others:
        mistakes.add(place, f"no kind of {shape} is given: one key says what it is, e.g. {_example(known)}")
        return None
    if not kinds:
        kinds = _nearest(others, settings)
    for key, entry in others.items():
        if key not in kinds:
            mistakes.add(entry.place, f"unknown key {key!r}{did_you_mean(key, [*settings, *known])}")
    if not kinds:
        return None
    (first, entry), *more = kinds.items()
    for other, its_entry in more:
        mistakes.add(its_entry.place, f"{other!r} beside {first!r}: one {shape} is of one kind")
    return first, entry


def _nearest(others: dict[str, Entry], settings: tuple[str, ...]) -> dict[str, Entry]:
    """Take one unknown key for the kind that was meant: one that looks like a kind, and not like a setting."""
    for key, entry in others.items():
        if "." in key or (len(others) == 1 and "mean" not in did_you_mean(key, list(settings))):
            return {key: entry}
    return {}


def _example(known: list[str]) -> str:
    return f"`{known[0]}: {{…}}`" if known else "none is known"
