"""What a job of GitHub Actions is told: annotations of drill files, a summary of the step, outputs of the step.

Ten annotations of a kind are all that a step may have, and a summary of more than 1 MiB is dropped whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faildrill.judging.result import Finding, Verdict
from faildrill.reports import wording

_MOST: Final = 10
"""Annotations of a kind that GitHub keeps of a step; it drops the others without a word."""
_LARGEST: Final = 1 << 20
"""Bytes of a summary that GitHub takes."""
_MORE: Final = "\n\nand more: see the report\n"


@dataclass(frozen=True)
class Told:
    """One drill, as a job is told of it."""

    name: str
    word: str
    """Its verdict, or that it was not run."""
    because: str
    findings: tuple[Finding, ...] = ()
    file: Path | None = None
    lines: Mapping[str, int] | None = None
    """In the file, where each kind is expected; the line of `steps` by the name `steps`."""


def annotations(drills: Iterable[Told]) -> list[str]:
    """Return an `::error` for each broken expectation, ten at most; for a drill without one, for the drill itself."""
    lines = [line for drill in drills if drill.word != Verdict.PASSED.value for line in _of_drill(drill)]
    return lines[:_MOST]


def _of_drill(told: Told) -> list[str]:
    broken = [finding for finding in told.findings if finding.verdict is Verdict.FAILED]
    texts = [(finding.kind, f"{finding.claim}: {finding.because}") for finding in broken] or [("", told.because)]
    return [_error(told, kind, text) for kind, text in texts]


def _error(told: Told, kind: str, text: str) -> str:
    lines = told.lines or {}
    place = {"file": str(told.file), "line": str(lines.get(kind, lines.get("steps", 1)))} if told.file else {}
    values = {**place, "title": f"{told.name}: {told.word}"}
    given = ",".join(f"{name}={_property(wording.plain(value))}" for name, value in values.items())
    return f"::error {given}::{_data(wording.plain(text))}"


def _data(text: str) -> str:
    """Escape a message, as GitHub's own toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, as GitHub's own toolkit does."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(title: str, drills: Iterable[Told]) -> str:
    """Return the summary of a step as Markdown, cut to what GitHub takes."""
    rows = [f"| {_cell(drill.name)} | {_cell(drill.word)} | {_cell(drill.because)} |" for drill in drills]
    text = "\n".join([f"### {_cell(title)}", "", "| drill | verdict | |", "| --- | --- | --- |", *rows, ""])
    whole = text.encode()
    if len(whole) <= _LARGEST:
        return text
    return whole[: _LARGEST - len(_MORE.encode())].decode("utf-8", "ignore").rpartition("\n")[0] + _MORE


def _cell(text: str) -> str:
    return wording.markdown(text)


def outputs(verdict: Verdict, folder: Path, page: Path) -> str:
    """Return the outputs of a step, a line each."""
    values = {"verdict": verdict.value, "exit-code": verdict.exit_code, "folder": folder, "report": page}
    return "".join(f"{name}={wording.plain(str(value), 4_000)}\n" for name, value in values.items())
