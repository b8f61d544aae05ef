"""The end of a run on a terminal: the findings, what was measured, where the report is, and the verdict last.

The verdict is the last line because that is where a person looks when the prompt comes back, and where a CI's log ends.
"""

import io
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from faildrill import durations
from faildrill.judging.numbers.headline_figures import longest
from faildrill.judging.result import Finding, Result, StepFigures, Verdict
from faildrill.reports import PAGE, headline, wording

_MOST: Final = 40
STYLES: Final = {
    Verdict.PASSED: "bold green",
    Verdict.FAILED: "bold red",
    Verdict.UNSAFE: "bold red",
    Verdict.ERROR: "bold red",
    Verdict.ABORTED: "bold yellow",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.REFUSED: "bold blue",
}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INCONCLUSIVE: "?"}


def summary(result: Result, folder: Path, out: TextIO, *, quiet: bool = False) -> None:
    """Print how a run ended; with `quiet` the verdict's line only. Colours only where `out` is a terminal."""
    written = io.StringIO()
    terminal = out.isatty()
    console = Console(file=written, force_terminal=terminal, highlight=False, soft_wrap=True, emoji=False, markup=False)
    for line in [] if quiet else _lines(result, folder):
        console.print(line)
    console.print(_verdict(result))
    encoding = out.encoding or "utf-8"
    out.write(written.getvalue().encode(encoding, "replace").decode(encoding))
    out.flush()


def _lines(result: Result, folder: Path) -> list[Text]:
    texts = [Text()]
    texts += [line for finding in result.findings[:_MOST] for line in _finding(finding)]
    if len(result.findings) > _MOST:
        texts.append(Text(f"  and {wording.count(len(result.findings) - _MOST, 'more finding')} in the report"))
    lines = (_headline(result), _outages(result), _late(result), _unproven(result), _undone(result.steps))
    texts += [line for line in lines if line is not None]
    report = folder / PAGE
    where = report if report.exists() else folder
    texts += [Text(), Text.assemble(("report   ", "dim"), wording.plain(str(where))), Text()]
    return texts


def _finding(finding: Finding) -> list[Text]:
    style = STYLES[finding.verdict]
    mark = _MARKS.get(finding.verdict, "!")
    word = "" if finding.verdict is Verdict.PASSED else f"{finding.verdict.value}: "
    lines = [
        Text.assemble((f"  {mark} ", style), (word, style), wording.plain(finding.claim)),
        Text.assemble((f"    {wording.plain(finding.because)}", "dim")),
    ]
    if finding.advice:
        lines.append(Text(f"    next: {wording.plain(finding.advice)}"))
    return lines


def _headline(result: Result) -> Text | None:
    """Say what the run is remembered by: failover, failback, writes."""
    lines = [Text.assemble((f"{name:<9}", "dim"), wording.plain(words)) for name, words in headline.lines(result)]
    return Text("\n").join([Text(), *lines]) if lines else None


def _outages(result: Result) -> Text | None:
    """Say for each probe how long its longest outage was."""
    worst = [outage for figures in result.probes if (outage := longest(figures.outages)) is not None]
    if not worst:
        return None
    back = {"putting back": ", while it was put back"}
    lines = [
        f"{wording.plain(one.probe, 60)} {wording.bounds(one.length)}{back.get(one.followed, '')}" for one in worst
    ]
    return Text.assemble(("\ndark     ", "dim"), "\n         ".join(lines))


def _late(result: Result) -> Text | None:
    """Say for each probe how many answers came late, which is not dark."""
    late = [
        (probe, durations.show(probe.late_after))
        for probe in result.probes
        if probe.late and probe.late_after is not None
    ]
    lines = [
        f"{wording.plain(figures.probe, 60)} {wording.count(figures.late, 'answer')} later than {it}"
        for figures, it in late
    ]
    return Text.assemble(("\nlate     ", "dim"), "\n         ".join(lines)) if lines else None


def _unproven(result: Result) -> Text | None:
    """Say for each probe which of its looks got to the service and proved nothing."""
    lines = [f"{wording.plain(probe.probe, 60)} {why}" for probe in result.probes for why in wording.unproven(probe)]
    return Text.assemble(("\nopen     ", "dim"), "\n         ".join(lines)) if lines else None


def _undone(steps: list[StepFigures]) -> Text | None:
    """Say what was not put back; nothing where all was."""
    left = [step for step in steps if step.undo in ("not verified", "failed", "left")]
    if not left:
        return None
    lines = [f"{wording.plain(step.name)}: {step.undo} {wording.plain(step.undo_because)}".rstrip() for step in left]
    return Text.assemble(("\nstays    ", "bold red"), "\n         ".join(lines))


def _verdict(result: Result) -> Text:
    took = f" in {durations.show(result.duration)}" if result.duration else ""
    drill = wording.plain(result.drill, 120)
    return Text.assemble(
        (f" {result.verdict.value} ", f"{STYLES[result.verdict]} reverse"),
        f" {drill}{took}: {wording.plain(result.because)}",
    )
