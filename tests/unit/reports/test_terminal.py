import io
from pathlib import Path

import msgspec
import pytest

from faildrill.judging.result import Verdict
from faildrill.reports import terminal
from unit.reports import hostile, judged


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(out: io.StringIO, result: object = None, *, quiet: bool = False) -> str:
    given = judged.result() if result is None else result
    terminal.summary(given, Path("reports/a-run"), out, quiet=quiet)  # type: ignore[arg-type]  # None or a Result
    return out.getvalue()


def test_the_verdict_is_the_last_line() -> None:
    last = told(io.StringIO()).rstrip().splitlines()[-1]
    assert last.strip().startswith("PASSED  postgres-primary-crash in 45.4 s: 4 of 4 claims hold")


def test_findings_bounds_and_the_report_are_named() -> None:
    text = told(io.StringIO())
    for one in ("pay is never down for more than 30 s", "pay at least 19.983 s, at most 20.040 s", "reports/a-run"):
        assert one in text


def test_quiet_is_the_verdict_and_nothing_else() -> None:
    assert len(told(io.StringIO(), quiet=True).splitlines()) == 1


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[" not in told(io.StringIO())
    assert "\x1b[" in told(Terminal())


def test_what_was_not_put_back_is_named() -> None:
    steps = [msgspec.structs.replace(judged.steps()[0], undo="not verified", undo_because="pg1 does not stream")]
    unsafe = msgspec.structs.replace(judged.result(verdict=Verdict.UNSAFE), steps=steps)
    assert "stays    kill the primary: not verified pg1 does not stream" in told(io.StringIO(), unsafe)


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_no_control_character_of_a_run_reaches_the_terminal(text: str) -> None:
    written = told(io.StringIO(), judged.result(hostile.put_into(text)))
    assert not [one for one in written if (ord(one) < 32 and one != "\n") or 126 < ord(one) < 160]
    assert len(written.splitlines()) == len(told(io.StringIO()).splitlines())


def test_an_old_terminal_that_knows_only_ascii_is_still_told_the_verdict() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.summary(judged.result(), Path("reports/a-run"), out)
    out.flush()
    assert b"PASSED" in raw.getvalue()
