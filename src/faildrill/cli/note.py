"""`faildrill note`: what people add to the review of a run, each line at the time when it truly happened."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from faildrill import judging
from faildrill.cli.moments import Span, moment
from faildrill.cli.named_runs import find_one
from faildrill.cli.past_runs import OUTPUT, REPORTS
from faildrill.clock import SystemClock
from faildrill.errors import FaildrillError, WrongUsage
from faildrill.plain_text import LONGEST
from faildrill.record import notes, timeline
from faildrill.record.notes import Note, Sort, Standing
from faildrill.record.timeline import Applying
from faildrill.reports.run_files import conclude
from faildrill.reports.wording import plain
from faildrill.system import who

_LONGEST_NAME: Final = 120
_NUMBER: Final = click.IntRange(min=1)


@click.command()
@click.argument("run")
@click.argument("text", required=False)
@click.option("--kind", type=click.Choice(get_args(Sort)), help="What it is; `line` where nothing is said.")
@click.option("--at", metavar="TIME", help="When it happened, e.g. 10:35Z or +19.8s; a line without: now.")
@click.option("--owner", metavar="WHO", help="Who does a task.")
@click.option("--due", metavar="DATE", help="By when a task is to be done, e.g. 2026-12-01.")
@click.option("--by", metavar="NAME", help="Who says so; default: who is logged in.")
@click.option("--correct", type=_NUMBER, metavar="NUMBER", help="TEXT takes the place of that note's; both are kept.")
@click.option("--withdraw", type=_NUMBER, metavar="NUMBER", help="That note counts no more; TEXT says why.")
@REPORTS
@OUTPUT
def note(run: str, text: str | None, among: Path, output: str, **given: Any) -> None:
    """Add a line, a cause, a measure or a task to the review of a RUN, and write its reports anew.

    RUN is its folder, its id, or `last`. A time needs its zone: 10:35Z, 10:35+01:00, '10:35 Europe/Berlin', with or
    without a day; or it counts from the run's first step: +19.8s. One outside of the run is taken, and told. Notes are
    kept in notes.jsonl in the run's folder, with who wrote them and when; nothing is ever taken out of it, and no note
    changes a verdict. Without TEXT the notes are listed.
    """
    folder = find_one(run, among)
    known = notes.load(folder)
    if text is None:
        if any(given.values()):
            raise WrongUsage("there is nothing to write down: give the text, e.g. faildrill note last 'the pager rang'")
        _list(known, output)
        return
    span = _span(folder)
    written = _note(text, given, notes.standing(known.records), span)
    number = notes.append(folder, written)
    _print_kept(number, written, span, output)
    _report(folder)


def _note(text: str, given: dict[str, Any], standing: list[Standing], span: Span) -> Note:
    if given["correct"] and given["withdraw"]:
        raise WrongUsage("a note is corrected or withdrawn, not both")
    about = _about(given["correct"] or given["withdraw"], standing)
    if given["withdraw"] and any(given[name] for name in ("kind", "at", "owner", "due")):
        raise WrongUsage("a note that is withdrawn takes its reason as TEXT, and nothing else")
    former = about.note if about else None
    sort: Sort = given["kind"] or (former.sort if former else "line")
    at, as_given = _when(given["at"], former, sort, span)
    found = Note(
        by=_words(given["by"] or who.user(), "--by", _LONGEST_NAME),
        account=f"{who.user()} on {who.machine()}",
        written=SystemClock().wall(),
        text=_words(text, "the text", LONGEST),
        sort=sort,
        at="" if given["withdraw"] else at,
        given="" if given["withdraw"] else as_given,
        owner=_owner(given["owner"], former),
        due=_due(given["due"], former),
        corrects=given["correct"] or 0,
        withdraws=given["withdraw"] or 0,
    )
    if sort != "task" and (found.owner or found.due):
        raise WrongUsage("only a task has an owner and a date: --kind task")
    return found


def _owner(owner: str | None, former: Note | None) -> str:
    if owner is not None:
        return _words(owner, "--owner", _LONGEST_NAME)
    return former.owner if former else ""


def _due(due: str | None, former: Note | None) -> str:
    if due is not None:
        return _date(due)
    return former.due if former else ""


def _about(number: int | None, standing: list[Standing]) -> Standing | None:
    """Return the note that is corrected or withdrawn; WrongUsage where there is none that could be."""
    if number is None:
        return None
    noted = next((known for known in standing if known.number == number), None)
    if noted is None:
        there = ", ".join(str(known_note.number) for known_note in standing) or "none"
        raise WrongUsage(f"there is no note {number}; there are: {there} (faildrill note RUN lists them)")
    if noted.withdrawn is not None:
        raise WrongUsage(f"note {number} was withdrawn by {plain(noted.withdrawn.by)} already: write a new one")
    return noted


def _words(text: str, what: str, most: int) -> str:
    """Return what somebody wrote, without the bytes that are no text; nothing of it is ever cut."""
    cleaned = text.encode("utf-8", "backslashreplace").decode().strip()
    if not any(character.isprintable() and not character.isspace() for character in cleaned):
        raise WrongUsage(f"{what} says nothing")
    if len(cleaned) > most:
        raise WrongUsage(f"{what} has {len(cleaned):,} characters, {most:,} are shown on a page: make it several notes")
    return cleaned


def _when(at: str | None, former: Note | None, sort: str, span: Span) -> tuple[str, str]:
    """Return when it happened, in UTC, and how that was given where it was not in UTC."""
    if at is None and former is not None:
        return former.at, former.given
    if at is None:
        return (_wall(datetime.now(UTC)), "") if sort == "line" else ("", "")
    return _wall(moment(at, span)), "" if at.strip().endswith(("Z", "UTC")) else at.strip()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise WrongUsage(f"--due {text!r} is no date: write year, month and day, e.g. 2026-12-01") from error


def _wall(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _span(folder: Path) -> Span:
    entries = timeline.entries(folder / timeline.FILE)
    timeline.start_in(folder, entries)
    walls = [datetime.fromisoformat(entry.wall) for entry in entries]
    first = (wall for wall, entry in zip(walls, entries, strict=True) if isinstance(entry.what, Applying))
    return Span(walls[0], walls[-1], next(first, walls[0]))


def _print_kept(number: int, written: Note, span: Span, output: str) -> None:
    if output == "json":
        click.echo(json.dumps({"number": number, **msgspec.to_builtins(written)}))
        return
    what = f"note {number} is kept, by {plain(written.by)}"
    if written.at:
        at = datetime.fromisoformat(written.at)
        what += f", at {_to_the_second(at)} UTC"
        if at < span.started:
            what += f": before the run, which began at {_to_the_second(span.started)}"
        elif at > span.ended:
            what += f": after the run, which ended at {_to_the_second(span.ended)}"
    click.echo(what)


def _to_the_second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _report(folder: Path) -> None:
    """Write the reports anew; whatever becomes of that, the note is kept."""
    if not (folder / judging.FILE).exists():
        click.echo("the run was not judged yet: the note is in its review then", err=True)
        return
    try:
        conclude(folder)
    except FaildrillError as error:
        click.echo(f"the note is kept, but the reports are not written: {error}", err=True)


def _list(known: notes.Notes, output: str) -> None:
    standing = notes.standing(known.records)
    if known.damaged:
        click.echo(f"not all notes can be read: {plain(known.damaged)}", err=True)
    if output == "json":
        click.echo(json.dumps([msgspec.to_builtins(known_note._asdict()) for known_note in standing], indent=2))
        return
    for known_note in standing:
        click.echo(_line(known_note))
    if not standing:
        click.echo("no notes yet")


def _line(one: Standing) -> str:
    kept = one.note
    at = f" at {kept.at[:19].replace('T', ' ')} UTC" if kept.at else ""
    task = "".join(f"; {name} {plain(value)}" for name, value in (("owner", kept.owner), ("due", kept.due)) if value)
    state = f"; withdrawn by {plain(one.withdrawn.by)}: {plain(one.withdrawn.text)}" if one.withdrawn else ""
    corrected = "; corrected" if one.former else ""
    return f"{one.number:>3}  {kept.sort}{at}: {plain(kept.text)}  ({plain(kept.by)}{task}{corrected}{state})"
