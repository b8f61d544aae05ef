"""A job of GitHub Actions is told, and never holds a verdict up."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill import judging
from faildrill.cli import github_job
from unit.judging.runs import Run


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_summary_that_is_no_file_holds_nothing_up(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = judging.judge(
        Run(expect=[{"outage": {"of": "pay", "at_most": "5s"}}]).usual().good().write(tmp_path / "run")
    )
    make(tmp_path / "summary")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    github_job.tell(result, tmp_path / "run", tmp_path / "no drill.yaml")
    assert "verdict=PASSED\nexit-code=0\n" in (tmp_path / "outputs").read_text(encoding="utf-8")
