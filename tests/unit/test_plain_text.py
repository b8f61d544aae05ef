"""What came from outside commands no terminal."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from faildrill.plain_text import Stream


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\u202eb", "a�b"),
        ("\x1b[2J", "�[2J"),
        ("\x1b]0;title\x07", "�]0;title�"),
        ("\x9b2J", "�2J"),
        ("ok\rWRONG", "ok�WRONG"),
        ("a line\n\tand a CSV row\r\n", "a line\n\tand a CSV row\r\n"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
    ],
)
def test_only_colours_and_line_breaks_pass(written: str, shown: str) -> None:
    out = io.StringIO()
    Stream(out).write(written)
    assert out.getvalue() == shown


def test_the_command_line_shows_a_hostile_file_name_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a\u202eb.yaml"
    path.write_text("drill: x\n", encoding="utf-8")
    program = "from faildrill.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "validate", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "a�b.yaml:1:1: " in done.stdout
