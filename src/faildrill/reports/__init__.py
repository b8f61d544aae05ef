"""Findings and timeline for a terminal, a CI, a meeting: pure functions of a result and the run's files."""

from pathlib import Path
from typing import Final

from faildrill.errors import reason
from faildrill.judging.result import Result
from faildrill.record import notes, surroundings, timeline
from faildrill.system import atomic_file, bounded_read

PAGE: Final = "report.html"
REVIEW: Final = "report.md"
FREE_NOTES: Final = "notes.md"
"""What people write beside the run as they like; it is never written by a report and never read by a judge."""
_LONGEST_NOTES: Final = 100_000
_LARGEST_NOTES: Final = 1 << 24
_MOST_TIMES: Final = 10
"""How often the pages are written anew because somebody adds a note meanwhile."""


def write(folder: Path, result: Result) -> Path:
    """Write `junit.xml`, `report.md` and `report.html` into the run's folder, each whole or not at all.

    A `report.md` that somebody has edited is set aside first. Returns the path of the page. Raises JournalDamaged when
    the timeline was altered, OSError when the disk takes no more; what was there before stays then.
    """
    from faildrill.reports import junit  # noqa: PLC0415 - NumPy and Jinja, which words don't need
    from faildrill.reports.html import look_times, page  # noqa: PLC0415 - the same
    from faildrill.reports.review import build, hand_edits, markdown, run_facts  # noqa: PLC0415 - the same

    entries = timeline.entries(folder / timeline.FILE)
    looks = look_times.read(folder, entries[0].at) if entries else {}
    atomic_file.write(folder / junit.FILE, junit.render(result))
    for _ in range(_MOST_TIMES):
        known = notes.load(folder)
        hand_edits.set_aside(folder / REVIEW)
        edited = hand_edits.kept(folder / REVIEW)
        facts = run_facts.Facts(result, entries, looks, surroundings.load(folder))
        review = build.build(facts, known, _free_notes(folder / FREE_NOTES), edited)
        source = page.Source(folder.name, result, entries, looks, review)
        atomic_file.write(folder / REVIEW, hand_edits.marked(markdown.render(review, result, folder.name)))
        atomic_file.write(folder / PAGE, page.render(source).encode())
        if notes.load(folder) == known:  # else somebody wrote one meanwhile, whose page this may have replaced
            break
    return folder / PAGE


def _free_notes(path: Path) -> str:
    """Read what people wrote; bytes that are no text are shown as such."""
    try:
        return bounded_read.read(path, _LARGEST_NOTES)[:_LONGEST_NOTES].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"({path.name} can't be read: {reason(error)})"
