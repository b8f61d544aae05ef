"""What is set around a drill, before and after: what differs, and what is not known."""

from collections.abc import Collection, Iterator
from typing import Final

from pydantic import ValidationError

from faildrill.record.surroundings import Sight, Surroundings
from faildrill.reports.review.content import Line
from faildrill.standards import Settings
from faildrill.standards.differences import differences, in_words
from faildrill.standards.settings import Path

UNASKED: Final = (
    "what no `settings` of the environment reads (rules of networks and hosts, paused jobs, further replicas) was not "
    "asked, and may not be as before"
)
_BEFORE: Final = ("surroundings:1",)
_BOTH: Final = ("surroundings:1", "surroundings:2")


def lines(seen: Surroundings) -> Iterator[Line]:
    """Yield a line for each place that was read, then what was not asked."""
    before, after = seen
    if before is None:
        return
    if after is None:
        yield Line("not known: what is set was read before, and not after", _BEFORE)
        return
    for name in dict.fromkeys((*before.settings, *before.unread)):
        yield from _of_settings(name, before, after)


def _of_settings(name: str, before: Sight, after: Sight) -> Iterator[Line]:
    unread = [
        f"{why} {when}"
        for when, unread_part in (("before", before), ("after", after))
        for why in unread_part.unread.get(name, ())
    ]
    if name in before.settings and name in after.settings:
        try:
            one, other = (Settings.model_validate(sight.settings[name]) for sight in (before, after))
        except ValidationError:
            unread.append("it was written by another version of faildrill")
        else:
            steered = {tuple(path) for sight in (before, after) for path in sight.steered.get(name, ())}
            differing, gone = changed(one, other, steered)
            unread += gone
            if differing:
                yield Line(f"not as before: what is set at {name}: {'; '.join(differing)}", _BOTH, level="bad")
            elif not unread:
                yield Line(f"no difference seen: what is set at {name}", _BOTH)
    if unread:
        yield Line(f"not known: what is set at {name}: {'; '.join(unread)}", _BOTH)


def changed(before: Settings, after: Settings, steered: Collection[Path] = ()) -> tuple[list[str], list[str]]:
    """Say in words what differs, and what can't be compared as it was read at one time only.

    What something sets again and again is neither.
    """
    differs: dict[Path, str] = {}
    untold: dict[Path, str] = {}
    for difference in differences(before, after):
        if difference.how == "unread":
            untold[difference.path] = (
                f"{in_words(difference.path)}: {difference.standard} before, and can't be read after"
            )
            continue
        now = {"extra": "there", "missing": "gone"}.get(difference.how, difference.live)
        differs[difference.path] = f"{in_words(difference.path)}: {now}, {difference.standard or 'not there'} before"
    for difference in differences(after, before):
        if difference.how == "missing":
            differs.setdefault(difference.path, f"{in_words(difference.path)}: there, not there before")
        elif difference.how == "unread":
            untold[difference.path] = f"{in_words(difference.path)}: {difference.standard} after, and not read before"
    return [told for path, told in differs.items() if path not in steered], list(untold.values())
