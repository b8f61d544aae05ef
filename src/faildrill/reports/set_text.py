"""A set of runs for a terminal, a CI, a meeting: what each run came to, and what it did to the users, side by side."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from faildrill import judging
from faildrill.errors import FaildrillError
from faildrill.judging.result import Finding, Result, Verdict
from faildrill.judging.set_result import RunOfSet, SetResult
from faildrill.record import timeline
from faildrill.reports import PAGE, junit, suite_rows, terminal, wording
from faildrill.reports.html import set_page
from faildrill.reports.html.set_page import Shown
from faildrill.reports.impact_table import COLUMNS, figures
from faildrill.system import atomic_file

_WIDTH: Final = 200
"""Characters in a line where no terminal says how many there are."""


def write(folder: Path, result: SetResult) -> Path:
    """Write `junit.xml` and `report.html` into the set's folder, each whole or not at all; return the page's path.

    Raises OSError when the disk takes no more; what was there before stays then.
    """
    from faildrill.reports.html import look_times  # noqa: PLC0415 - NumPy, which words don't need

    shown = []
    for run in result.runs:
        judged = _judged(folder / run.folder)
        looks = {}
        if judged is not None:
            origin = timeline.entries(folder / run.folder / timeline.FILE)[0].at
            looks = look_times.read(folder / run.folder, origin)
        shown.append(Shown(run, judged, looks))
    atomic_file.write(folder / junit.FILE, _junit(result, shown))
    atomic_file.write(folder / PAGE, set_page.render(result, shown, folder.name).encode())
    return folder / PAGE


def _judged(folder: Path) -> Result | None:
    try:
        return judging.judge(folder)
    except (FaildrillError, OSError):
        return None


def _junit(result: SetResult, shown: list[Shown]) -> bytes:
    """Return a testsuite for the set itself, and one for each run; in a suite, for the last try of each drill."""
    many = result.sort == "suite"
    suites = [_of_suite(result) if many else _own(result, f"{result.drill}, the set")]
    told = [(number, run) for number, run in enumerate(shown, 1) if not run.run.tried_again]
    names = junit.unique(
        wording.plain(run.run.name, 120) if many else f"{result.drill}: {label(run.run)}" for _, run in told
    )
    for (number, run), name in zip(told, names, strict=True):
        if run.result is not None:
            suites.append(junit.suite(run.result, name, number))
    return junit.written(suites)


def _of_suite(result: SetResult) -> ET.Element:
    """Make the testsuite of a suite: a testcase a drill, and that all were run."""
    cases = [*result.findings, *suite_rows.cases(result)]
    return junit.bare(f"{result.drill}, the suite", cases, started=result.started, host=result.host)


def _own(result: SetResult, name: str) -> ET.Element:
    """Make the testsuite of the set: what it promises itself, and that each run that can't be judged is an error."""
    cases = [
        *result.findings,
        *(
            Finding(kind="run", claim=f"{label(run)} passes", verdict=run.verdict, because=run.because)
            for run in result.runs
        ),
    ]
    return junit.bare(name, cases, started=result.started, host=result.host)


def label(run: RunOfSet) -> str:
    """Return what a run is called in a report, different for every run of a set."""
    return f"{run.number}. {wording.plain(run.name, 120)}"


def summary(result: SetResult, folder: Path, out: TextIO, *, quiet: bool = False) -> None:
    """Print how a set ended; with `quiet` the verdict's line only. Colours only where `out` is a terminal."""
    written = io.StringIO()
    console = Console(
        file=written,
        force_terminal=out.isatty(),
        highlight=False,
        soft_wrap=True,
        emoji=False,
        markup=False,
        width=None if out.isatty() else _WIDTH,
    )
    for line in [] if quiet else _lines(result, folder):
        console.print(line)
    drill, runs = wording.plain(result.drill, 120), wording.count(len(result.runs), "run")
    if result.sort == "suite":
        runs = wording.count(len(result.members), "drill")
    words = f" {drill}, {runs}: {wording.plain(result.because)}"
    console.print(Text.assemble((f" {result.verdict.value} ", f"{terminal.STYLES[result.verdict]} reverse"), words))
    encoding = out.encoding or "utf-8"
    out.write(written.getvalue().encode(encoding, "replace").decode(encoding))
    out.flush()


def _lines(result: SetResult, folder: Path) -> list[Text | Table]:
    rows: list[Text | Table] = [Text(), _drills(result)] if result.sort == "suite" else [Text()]
    for run in result.runs if result.sort != "suite" else ():
        rows.append(Text.assemble((f"  {run.verdict.value:<13}", terminal.STYLES[run.verdict]), label(run)))
        rows.append(Text(f"                 {wording.plain(run.because)}", style="dim"))
    rows += [
        Text(f"  {finding.verdict.value}: {wording.plain(finding.claim)}: {wording.plain(finding.because)}")
        for finding in result.findings
        if finding.verdict is not Verdict.PASSED
    ]
    for probe in probes(result):
        rows += [Text(), _table(result, probe)]
    counted = failovers(result)
    rows += [Text(), *(Text(f"failover   {line}") for line in counted)] if counted else []
    page = folder / PAGE
    rows += [Text(), Text.assemble(("report   ", "dim"), wording.plain(str(page if page.exists() else folder))), Text()]
    return rows


def _drills(result: SetResult) -> Table:
    """Lay the drills of a suite out: what each came to, and in a sentence why, or what users went through."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", justify="right")
    for name in ("drill", "verdict", "took"):
        table.add_column(name, no_wrap=name != "drill")
    table.add_column("")
    for row in suite_rows.rows(result):
        words = row.headline if row.verdict is Verdict.PASSED and row.headline else row.because
        words = f"{row.note}: {words}" if row.note else words
        word = Text(row.word, style=terminal.STYLES[row.verdict])
        number = "" if row.number is None else f"{row.number}"
        table.add_row(number, wording.plain(row.name, 120), word, row.took, Text(wording.plain(words), style="dim"))
    return table


def probes(result: SetResult) -> list[str]:
    """List the probes whose impact is told, in their order."""
    return list(dict.fromkeys(impact.probe for run in result.runs for impact in run.impacts))


def _table(result: SetResult, probe: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(wording.plain(probe, 40))
    for name in COLUMNS:
        table.add_column(name)
    for run in result.runs:
        for impact in (of_probe for of_probe in run.impacts if of_probe.probe == probe):
            table.add_row(label(run), *(figure.text for figure in figures(impact, run.ledgers)))
    return table


def failovers(result: SetResult) -> list[str]:
    """Say how often the database was failed over, of the runs that declare what they make of it."""
    lines = []
    for counted, words in ((result.warranted, "is warranted"), (result.needless, "is needless")):
        if counted.runs:
            unknown = f", {counted.unknown} not known" if counted.unknown else ""
            lines.append(f"done in {counted.done} of {wording.count(counted.runs, 'run')} in which it {words}{unknown}")
    return lines
