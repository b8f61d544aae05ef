"""A job of GitHub Actions that `faildrill run` is a step of: told where its own environment says that it is one."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from faildrill.errors import FaildrillError
from faildrill.judging.result import Result
from faildrill.judging.set_result import RunOfSet, SetResult
from faildrill.loading.file_sort import lines_of
from faildrill.reports import PAGE, suite_rows, workflow_commands
from faildrill.reports.workflow_commands import Told


def is_one() -> bool:
    """Tell whether we are run by GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def tell(result: Result, folder: Path, file: Path) -> None:
    """Tell the job of one drill."""
    _write(result, [_told(result.drill, result.verdict.value, result, file)], folder)


def tell_of_suite(result: SetResult, folder: Path, files: Mapping[str, Path]) -> None:
    """Tell the job of a suite, whose drills are in these files by their names."""
    runs = {run.name: run for run in result.runs}
    rows = [row for row in suite_rows.rows(result) if row.decides]
    drills = [
        _told(row.name, row.word, runs[row.name], files.get(row.name))
        if row.number is not None
        else Told(row.name, row.word, row.because)
        for row in rows
    ]
    _write(result, drills, folder)


def _told(name: str, word: str, result: Result | RunOfSet, file: Path | None) -> Told:
    lines: dict[str, int] = {}
    with contextlib.suppress(FaildrillError):
        lines = lines_of(file) if file is not None else {}
    return Told(name, word, result.because, tuple(result.findings), file, lines)


def _write(result: Result | SetResult, drills: list[Told], folder: Path) -> None:
    """Write annotations to standard error, which GitHub reads as well, and the files that it names.

    A file that can't be written changes nothing of the verdict.
    """
    with contextlib.suppress(OSError):
        for line in workflow_commands.annotations(drills):
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    title = f"{result.drill}: {result.verdict.value}"
    _append("GITHUB_STEP_SUMMARY", workflow_commands.summary(title, drills))
    _append("GITHUB_OUTPUT", workflow_commands.outputs(result.verdict, folder, folder / PAGE))


def _append(variable: str, text: str) -> None:
    named = os.environ.get(variable)
    if not named:
        return
    # Without waiting: a runner's file opens at once, and a pipe that nobody reads would hold the verdict up for ever.
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with contextlib.suppress(OSError), os.fdopen(os.open(named, how, 0o666), "w", encoding="utf-8") as file:
        file.write(text)
