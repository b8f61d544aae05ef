"""`faildrill recover --settle`: a person ends a mark by their word, after what can be put back and asked has been."""

from collections.abc import Callable
from pathlib import Path

import click

from faildrill.clock import SystemClock
from faildrill.errors import FaildrillError, WrongUsage
from faildrill.locking.dirty_marks import Mark, all_marks
from faildrill.locking.settled_marks import settle
from faildrill.record.timeline import Settled
from faildrill.restoring.salvage import go_on, home, remembered, unseen
from faildrill.system import redaction, who


def settled(folder: Path, because: str, put_back: Callable[[], bool]) -> None:
    """Put a run back as far as that can be done; where that is not seen, take a person's word and write it down."""
    mark = _mark(folder)
    try:
        if put_back():
            return
    except WrongUsage:
        raise
    except FaildrillError as error:
        click.echo(f"it could not be put back: {error}")
    if _mark_of(folder) is None:
        return
    unseen_parts = (*unseen(remembered(home(folder))),) or ("nobody knows what the run did: nothing could be asked",)
    clock, words = SystemClock(), redaction.clean(because)
    settle(mark, who.user(), clock.wall(), words, unseen_parts)
    if remembered(home(folder)):
        timeline = go_on(home(folder), clock)
        timeline.note(Settled(by=who.user(), because=words, seen=list(unseen_parts)))
        timeline.close()
    click.echo(f"SETTLED by {who.user()}, not seen put back: {words}")
    for line in unseen_parts:
        click.echo(f"  {line}")


def _mark_of(folder: Path) -> Mark | None:
    return next((mark for some in all_marks().values() for mark in some if mark.run == folder.name), None)


def _mark(folder: Path) -> Mark:
    mark = _mark_of(folder)
    if mark is None:
        raise WrongUsage(f"nothing to settle: no place of this machine is marked by a run {folder.name}")
    return mark
