"""An index of the folders of runs, in SQLite: it makes answers fast and is never the truth.

It is compared with the folders each time it is opened: what is new or was judged again is read, what is gone is
forgotten. One that is broken, or that another version wrote, is made anew. Deleting the file loses nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from faildrill.history.run_summary import Dated, RunSummary, Unread
from faildrill.record import run_set

FILE: Final = ".history.sqlite"
VERSION: Final = 4
"""Of the tables and of what a summary holds; another one has the index made anew."""
_TABLES: Final = f"""
CREATE TABLE folders (
  folder TEXT PRIMARY KEY, changed INTEGER, sort TEXT, drill TEXT, way TEXT, environment TEXT, started TEXT,
  verdict TEXT, told BLOB
) WITHOUT ROWID;
CREATE INDEX by_start ON folders (sort, started);
CREATE INDEX by_drill ON folders (sort, drill, environment, way, started);
PRAGMA user_version = {VERSION};
"""
"""By start and by drill: what is asked for most often is read without going through all rows."""
_SUMMARY: Final = msgspec.json.Decoder(RunSummary)
"""Made once: it costs more than a row."""
_DATED: Final = msgspec.json.Decoder(Dated)
_TAKEN_OVER: Final = 10.0
"""Seconds to wait for another command that brings the index up to date."""


@dataclass(frozen=True)
class Untold:
    """A folder that holds a run of which nothing is known, and why."""

    folder: str
    because: str


class Index:
    """The runs in a folder of reports; use `opened`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def untold(self) -> list[Untold]:
        """Return the folders with runs that can't be told of, by name."""
        rows = self._database.execute("SELECT folder, told FROM folders WHERE sort = 'untold' ORDER BY folder")
        return [Untold(folder, bytes(because).decode()) for folder, because in rows]

    def number(self) -> int:
        """Return how many runs there are."""
        [[number]] = self._database.execute("SELECT count(*) FROM folders WHERE sort = 'run'")
        return int(number)

    def latest(self, most: int, drill: str | None = None) -> list[RunSummary]:
        """Return the last runs, of one drill or of all, the oldest first."""
        which, values = ("", ()) if drill is None else (" AND drill = ?", (drill,))
        # By folder as well: of two that began in one second the order must be the same each time.
        query = f"SELECT told FROM folders WHERE sort = 'run'{which} ORDER BY started DESC, folder DESC LIMIT ?"  # noqa: S608 - the text is ours
        return self._read(query, (*values, most))[::-1]

    def dated(self) -> list[Dated]:
        """Return all runs, in no order, with what tells whether they may go."""
        return [
            _DATED.decode(summary)
            for [summary] in self._database.execute("SELECT told FROM folders WHERE sort = 'run'")
        ]

    def series(self) -> list[tuple[str, str, str]]:
        """Return which drill was run where, in which way: (drill, environment, way), by name."""
        query = "SELECT DISTINCT drill, environment, way FROM folders WHERE sort = 'run' ORDER BY 1, 2, 3"
        return [(drill, environment, way) for drill, environment, way in self._database.execute(query)]

    def runs_of(self, series: tuple[str, str, str], most: int = -1) -> list[RunSummary]:
        """Return the runs of a series, the oldest first; only the last `most` where that is not negative."""
        query = """SELECT told FROM folders WHERE sort = 'run' AND drill = ? AND environment = ? AND way = ?
            ORDER BY started DESC, folder DESC LIMIT ?"""
        return self._read(query, (*series, most))[::-1]

    def last_of(self, series: tuple[str, str, str], verdict: str | None = None) -> RunSummary | None:
        """Return the last run of a series, with a verdict where one is asked for."""
        which, values = ("", ()) if verdict is None else (" AND verdict = ?", (verdict,))
        query = f"""SELECT told FROM folders WHERE sort = 'run' AND drill = ? AND environment = ? AND way = ?{which}
            ORDER BY started DESC, folder DESC LIMIT 1"""  # noqa: S608 - the text is ours
        return next(iter(self._read(query, (*series, *values))), None)

    def verdicts(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """Return how many runs of each series have which verdict: (drill, environment, way) to verdict to number."""
        query = """SELECT drill, environment, way, verdict, count(*) FROM folders WHERE sort = 'run'
            GROUP BY drill, environment, way, verdict ORDER BY 1, 2, 3"""
        numbers: dict[tuple[str, str, str], dict[str, int]] = {}
        for drill, environment, way, verdict, number in self._database.execute(query):
            numbers.setdefault((drill, environment, way), {})[verdict] = number
        return numbers

    def before(self, run: RunSummary) -> RunSummary | None:
        """Return the run of the same series before a run."""
        query = """SELECT told FROM folders WHERE sort = 'run' AND drill = ? AND environment = ? AND way = ?
            AND (started, folder) < (?, ?) ORDER BY started DESC, folder DESC LIMIT 1"""
        values = (run.drill, run.environment, run.way, run.started, run.folder)
        return next(iter(self._read(query, values)), None)

    def _read(self, query: str, values: tuple[object, ...]) -> list[RunSummary]:
        return [_SUMMARY.decode(summary) for [summary] in self._database.execute(query, values)]

    def update(self, reports: Path) -> None:
        """Bring the index up to what the folders hold now."""
        known = dict(self._database.execute("SELECT folder, changed FROM folders"))
        there = _folders(reports)
        new = [name for name, changed in there.items() if known.get(name) != changed]
        for name in {*new, *self._sets()}:
            if name in there and os.access(f"{reports}/{name}/{run_set.FILE}", os.F_OK):
                inside = {f"{name}/{inner}": changed for inner, changed in _folders(reports / name).items()}
                new += [folder for folder, changed in inside.items() if known.get(folder) != changed]
                there |= inside
        gone = [(name,) for name in known.keys() - there.keys()]
        if not gone and not new:
            return
        with self._database:
            self._database.executemany("DELETE FROM folders WHERE folder = ?", gone)
            read = (_row(reports, name, there[name]) for name in new)
            self._database.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", read)

    def _sets(self) -> set[str]:
        return {name for [name] in self._database.execute("SELECT folder FROM folders WHERE sort = 'set'")}


@contextlib.contextmanager
def opened(reports: Path, *, anew: bool = False) -> Iterator[Index]:
    """Give the index of a folder of reports, up to date; one in memory where none can be kept there.

    OSError where the folder can't be read. `anew` reads all folders again.
    """
    if anew:
        with contextlib.suppress(OSError):
            (reports / FILE).unlink(missing_ok=True)
    database = _kept(reports / FILE)
    try:
        index = Index(database)
        try:
            index.update(reports)
        except sqlite3.DatabaseError:
            database.close()
            database = _connected(":memory:")
            index = Index(database)
            index.update(reports)
        yield index
    finally:
        database.close()


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


def _folders(within: Path) -> dict[str, int]:
    """Return the folders in a folder with when each was last changed: a hundred thousand of them in half a second."""
    with os.scandir(within) as entries:
        return {
            entry.name: entry.stat(follow_symlinks=False).st_mtime_ns
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        }


def _row(reports: Path, name: str, changed: int) -> tuple[object, ...]:
    """Read a folder: a run, a set of them, what can't be told of, or nothing of ours."""
    from faildrill.history.summarized_folder import summarize  # noqa: PLC0415 - 0.2 s, and most times nothing is new

    folder = reports / name
    try:
        summary = summarize(folder, name)
    except FileNotFoundError:
        sort = "set" if (folder / run_set.FILE).exists() else "other"
        return (name, changed, sort, *("",) * 5, b"")
    except (Unread, OSError) as error:
        return (name, changed, "untold", *("",) * 5, str(error).encode())
    about = (summary.drill, summary.way, summary.environment, summary.started, summary.verdict.value)
    return (name, changed, "run", *about, msgspec.json.encode(summary))
