"""Findings and timeline for a terminal, a CI, a meeting: pure functions of a result and the run's files."""

from pathlib import Path
from typing import Final

from faildrill.judging.result import Result
from faildrill.record import timeline
from faildrill.system import atomic_file, bounded_read

PAGE: Final = "report.html"
_LONGEST_NOTES: Final = 100_000
_LARGEST_NOTES: Final = 1 << 24


def write(folder: Path, result: Result) -> Path:
    """Write `junit.xml`, `report.md` and `report.html` into the run's folder, each whole or not at all.

    Returns the path of the page. Raises JournalDamaged when the timeline was altered, OSError when the disk takes
    no more; what was there before stays then.
    """
    from faildrill.reports import junit, review  # noqa: PLC0415 - NumPy and Jinja, which words don't need
    from faildrill.reports.html import look_times, page  # noqa: PLC0415 - the same

    entries = timeline.entries(folder / timeline.FILE)
    seen = look_times.read(folder, entries[0].at) if entries else {}
    notes = _notes(folder / review.NOTES)
    source = page.Source(folder.name, result, entries, seen, notes)
    atomic_file.write(folder / junit.FILE, junit.render(result))
    atomic_file.write(folder / review.FILE, review.render(result, folder.name, notes).encode())
    atomic_file.write(folder / PAGE, page.render(source).encode())
    return folder / PAGE


def _notes(path: Path) -> str:
    """Read what people wrote; bytes that are no text are shown as such."""
    try:
        return bounded_read.read(path, _LARGEST_NOTES)[:_LONGEST_NOTES].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"({path.name} can't be read: {error.strerror or error})"
