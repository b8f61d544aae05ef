"""An index of the folders of runs, in SQLite: it makes answers fast and is never the truth.

It is compared with the folders each time it is opened: what is new or was judged again is read, what is gone is
forgotten. One that is broken, or that another version wrote, is made anew. Deleting the file loses nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from faildrill.history.retention import removable
from faildrill.history.run_summary import Baseline, Dated, RunSummary, Unread
from faildrill.judging.result import Verdict
from faildrill.record import run_set

FILE: Final = ".history.sqlite"
VERSION: Final = 5
"""Of the tables and of what a summary holds; another one has the index made anew."""
_TABLES: Final = f"""
CREATE TABLE folders (
  folder TEXT PRIMARY KEY, changed INTEGER, sort TEXT, drill TEXT, way TEXT, environment TEXT, started TEXT,
  verdict TEXT, has_notes INTEGER, baseline BLOB, told BLOB
);
CREATE INDEX by_start ON folders (sort, started);
CREATE INDEX by_drill ON folders (
  sort, drill, environment, way, started, folder, changed, verdict, has_notes, baseline
);
PRAGMA user_version = {VERSION};
"""
"""By start and by drill: what is asked for most often is read without going through all rows; by drill, with what tells
whether a run may go, which is asked of all of them."""
_RUNS: Final = "SELECT folder, changed, told FROM folders WHERE sort = 'run'"
_SERIES: Final = f"{_RUNS} AND drill = ? AND environment = ? AND way = ?"
_LAST: Final = " ORDER BY started DESC, folder DESC LIMIT ?"
_ROW: Final = "INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SUMMARY: Final = msgspec.json.Decoder(RunSummary)
"""Made once: it costs more than a row."""
_BASELINE: Final = msgspec.json.Decoder(Baseline)
_TAKEN_OVER: Final = 10.0
"""Seconds to wait for another command that brings the index up to date."""


@dataclass(frozen=True)
class Untold:
    """A folder that holds a run of which nothing is known, and why."""

    folder: str
    because: str


class Index:
    """The runs in a folder of reports; use `opened`.

    Which folders there are is compared once. Whether one was judged again, or changed otherwise, is looked at when its
    row is asked for, so that what is told is as the folders are, and a hundred thousand others need not be looked at.
    """

    def __init__(self, database: sqlite3.Connection, reports: Path) -> None:
        self._database = database
        self._reports = reports
        self._is_in_memory = False
        self._compared: set[str] = set()
        """Folders whose rows are known to be as they are."""

    def untold(self) -> list[Untold]:
        """Return the folders with runs that can't be told of, by name."""
        rows = self._rows("SELECT folder, changed, told FROM folders WHERE sort = 'untold' ORDER BY folder")
        return [Untold(folder, bytes(because).decode()) for folder, _, because in rows]

    def number(self) -> int:
        """Return how many runs there are."""
        [[number]] = self._database.execute("SELECT count(*) FROM folders WHERE sort = 'run'")
        return int(number)

    def latest(self, most: int, drill: str | None = None) -> list[RunSummary]:
        """Return the last runs, of one drill or of all, the oldest first."""
        which, values = ("", ()) if drill is None else (" AND drill = ?", (drill,))
        # By folder as well: of two that began in one second the order must be the same each time.
        return self._read(f"{_RUNS}{which}{_LAST}", (*values, most))[::-1]

    def removable(self, before: str) -> list[Dated]:
        """Return the runs that began before a moment and that nothing rests on, the oldest first."""
        query = """SELECT folder, changed, drill, way, environment, started, verdict, has_notes, baseline
            FROM folders WHERE sort = 'run' ORDER BY drill, environment, way, started, folder"""
        while True:
            rows = self._database.execute(query).fetchall()
            may_go = removable(map(_dated, rows), before)
            changed = {row[0]: row[1] for row in rows}
            if not self._renewed((run.folder, changed[run.folder]) for run in may_go):
                return may_go

    def series(self) -> list[tuple[str, str, str]]:
        """Return which drill was run where, in which way: (drill, environment, way), by name."""
        query = "SELECT DISTINCT drill, environment, way FROM folders WHERE sort = 'run' ORDER BY 1, 2, 3"
        return [(drill, environment, way) for drill, environment, way in self._database.execute(query)]

    def runs_of(self, series: tuple[str, str, str], most: int = -1) -> list[RunSummary]:
        """Return the runs of a series, the oldest first; only the last `most` where that is not negative."""
        return self._read(f"{_SERIES}{_LAST}", (*series, most))[::-1]

    def last_of(self, series: tuple[str, str, str], verdict: str | None = None, since: str = "") -> RunSummary | None:
        """Return the last run of a series that began later than `since`, with a verdict where one is asked for."""
        after = f"{_SERIES} AND started > ?"
        if verdict is None:
            return next(iter(self._read(f"{after}{_LAST}", (*series, since, 1))), None)
        # Those that are later may have this verdict by now, as they were judged again.
        later = f"""{after} AND started >= coalesce(
            (SELECT max(started) FROM folders WHERE sort = 'run' AND drill = ? AND environment = ? AND way = ?
             AND started > ? AND verdict = ?), ?)"""  # noqa: S608 - the text is ours
        self._rows(later, (*series, since, *series, since, verdict, since))
        return next(iter(self._read(f"{after} AND verdict = ?{_LAST}", (*series, since, verdict, 1))), None)

    def verdicts(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """Return how many runs of each series have which verdict: (drill, environment, way) to verdict to number."""
        self._rows("SELECT folder, changed FROM folders")
        query = """SELECT drill, environment, way, verdict, count(*) FROM folders WHERE sort = 'run'
            GROUP BY drill, environment, way, verdict ORDER BY 1, 2, 3"""
        numbers: dict[tuple[str, str, str], dict[str, int]] = {}
        for drill, environment, way, verdict, number in self._database.execute(query):
            numbers.setdefault((drill, environment, way), {})[verdict] = number
        return numbers

    def before(self, run: RunSummary) -> RunSummary | None:
        """Return the run of the same series before a run."""
        values = (run.drill, run.environment, run.way, run.started, run.folder, 1)
        return next(iter(self._read(f"{_SERIES} AND (started, folder) < (?, ?){_LAST}", values)), None)

    def _read(self, query: str, values: tuple[object, ...]) -> list[RunSummary]:
        return [_SUMMARY.decode(told) for _, _, told in self._rows(query, values)]

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows (folder, changed, …) of a query, asked again until the folder of each is as its row says."""
        while True:
            rows = self._database.execute(query, values).fetchall()
            if not self._renewed((row[0], row[1]) for row in rows):
                return rows

    def _renewed(self, known: Iterable[tuple[str, int]]) -> bool:
        """Read folders again that were changed later than their rows say; tell whether there were such."""
        fresh = [(folder, changed) for folder, changed in known if folder not in self._compared]
        other = [folder for folder, changed in fresh if self._changed(folder) != changed]
        self._compared.update(folder for folder, _ in fresh)
        self._take(other)
        return bool(other)

    def _changed(self, folder: str) -> int | None:
        """Return when a folder was last changed; None where it is gone."""
        try:
            return os.lstat(f"{self._reports}/{folder}").st_mtime_ns
        except FileNotFoundError:
            return None

    def _take(self, folders: Iterable[str]) -> None:
        """Read folders; those that are gone are forgotten."""
        changed = {folder: self._changed(folder) for folder in folders}
        if not changed:
            return
        try:
            with self._database:
                gone = [(folder,) for folder, when in changed.items() if when is None]
                self._database.executemany("DELETE FROM folders WHERE folder = ?", gone)
                read = (_row(self._reports, folder, when) for folder, when in changed.items() if when is not None)
                self._database.executemany(_ROW, read)
        except sqlite3.DatabaseError:
            if self._is_in_memory:
                raise
            self.go_into_memory()
            return
        self._compared.update(changed)

    def go_into_memory(self) -> None:
        """Go on with an index that nothing is kept of, where the one that is there can't be read or written."""
        self.close()
        self._database, self._is_in_memory = _connected(":memory:"), True
        self._compared.clear()
        self.update()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def update(self) -> None:
        """Bring the index up to which folders there are now, and what became of those with no run to tell of."""
        there = _folders(self._reports)
        known = {folder for [folder] in self._database.execute("SELECT folder FROM folders")}
        outer = there - known
        sets_known = {folder for [folder] in self._database.execute("SELECT folder FROM folders WHERE sort = 'set'")}
        for name in (outer | sets_known) & there:
            if os.access(f"{self._reports}/{name}/{run_set.FILE}", os.F_OK):
                there |= {f"{name}/{inner}" for inner in _folders(self._reports / name)}
        if known != there:
            self._take(known ^ there)
        self._rows("SELECT folder, changed FROM folders WHERE sort <> 'run'")


@contextlib.contextmanager
def opened(reports: Path, *, anew: bool = False) -> Iterator[Index]:
    """Give the index of a folder of reports, up to date; one in memory where none can be kept there.

    OSError where the folder can't be read. `anew` reads all folders again.
    """
    if anew:
        with contextlib.suppress(OSError):
            (reports / FILE).unlink(missing_ok=True)
    index = Index(_kept(reports / FILE), reports)
    try:
        try:
            index.update()
        except sqlite3.DatabaseError:
            index.go_into_memory()
        yield index
    finally:
        index.close()


def _kept(path: Path) -> sqlite3.Connection:
    """Open the index that is there, or make one; in memory where that can't be."""
    for _ in range(2):
        try:
            return _connected(str(path))
        except sqlite3.DatabaseError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return _connected(":memory:")


def _connected(where: str) -> sqlite3.Connection:
    database = sqlite3.connect(where, timeout=_TAKEN_OVER)
    try:
        database.execute("PRAGMA synchronous = OFF")  # it can be made anew
        [[version]] = database.execute("PRAGMA user_version")
        if version != VERSION:  # the tables of another version are there already, which is an error as well
            # At once the writer (SQLite's manual, "Transactions"): of two that find no tables, the second waits and
            # then fails.
            database.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _folders(within: Path) -> set[str]:
    """Return the names of the folders in a folder."""
    with os.scandir(within) as entries:
        return {
            entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        }


def _row(reports: Path, name: str, changed: int) -> tuple[object, ...]:
    """Read a folder: a run, a set of them, what can't be told of, or nothing of ours."""
    from faildrill.history.summarized_folder import summarize  # noqa: PLC0415 - 0.2 s, and most times nothing is new

    folder = reports / name
    try:
        summary = summarize(folder, name)
    except FileNotFoundError:
        sort = "set" if (folder / run_set.FILE).exists() else "other"
        return (name, changed, sort, *("",) * 5, False, None, b"")
    except (Unread, OSError) as error:
        return (name, changed, "untold", *("",) * 5, False, None, str(error).encode())
    about = (summary.drill, summary.way, summary.environment, summary.started, summary.verdict.value)
    baseline = msgspec.json.encode(summary.baseline) if summary.baseline is not None else None
    return (name, changed, "run", *about, summary.has_notes, baseline, msgspec.json.encode(summary))


def _dated(row: Sequence[Any]) -> Dated:
    folder, _, drill, way, environment, started, verdict, has_notes, baseline = row
    return Dated(
        folder=folder,
        drill=drill,
        way=way,
        environment=environment,
        started=started,
        verdict=Verdict(verdict),
        has_notes=bool(has_notes),
        baseline=_BASELINE.decode(baseline) if baseline is not None else None,
    )
