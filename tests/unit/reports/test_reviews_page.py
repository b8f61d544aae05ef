"""Every command on docs/reviews.md does what the page shows."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from faildrill import judging
from faildrill.cli.main import cli

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "reviews.md"
BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[list[str], list[str]]]:
    """Return the words of each command of the page, with the lines that it is shown to print."""
    found: list[tuple[list[str], list[str]]] = []
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((shlex.split(line[2:], comments=True), []))
            else:
                found[-1][1].append(line)
    return found


def test_the_commands_of_the_page_print_what_it_shows(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.write(run, judging.judge(run))
    (tmp_path / "reports").mkdir()
    run.rename(tmp_path / "reports" / run.name)
    (tmp_path / "drills").symlink_to(ROOT / "drills")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    told = commands()
    assert len(told) >= 8
    for (program, *words), shown in told:
        assert program == "faildrill"
        done = CliRunner().invoke(cli, words)
        assert (words, done.exit_code, done.stderr) == (words, 0, "")
        if shown:
            assert done.stdout.splitlines() == shown
