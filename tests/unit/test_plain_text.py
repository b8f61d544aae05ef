"""What came from outside commands no terminal."""

import io
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from faildrill.plain_text import Stream, plain


def test_of_all_characters_that_there_are_those_are_replaced_that_command_reorder_or_are_none() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    nowhere = [
        chr(code) for code in (*range(0xFDD0, 0xFDF0), *(end for end in range(0x110000) if end & 0xFFFE == 0xFFFE))
    ]
    odd = {*nowhere, *"\u061c\u200b\u200e\u200f\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
    odd.update(one for one in every if unicodedata.category(one) in {"Cc", "Cs"})
    shown = dict.fromkeys(odd, "\N{REPLACEMENT CHARACTER}") | dict.fromkeys("\t\n\r\v\f\x85\u2028\u2029", " ")
    cleaned = plain("".join(every), most=len(every))
    assert not [(one, now) for one, now in zip(every, cleaned, strict=True) if now != shown.get(one, one)]


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
