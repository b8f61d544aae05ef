"""People are told how drills ended: after the verdict, by a process of its own that changes nothing of it."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import msgspec

from faildrill.errors import WrongUsage, reason
from faildrill.ports.notice import Notice
from faildrill.reports.wording import plain
from faildrill.secrets import Reference
from faildrill.system import redaction, who
from faildrill.system.exit_codes import ExitCode

WITHIN: Final = 15.0
"""Seconds for all receivers together; who has not taken it by then is given up."""
_MARKED: Final = "This is a drill: it was done on purpose."
_LONGEST: Final = 200


def ready(to: Sequence[Reference]) -> None:
    """See, before anything is touched, that people could be told.

    WrongUsage where there is no Apprise, UnresolvedSecret where a reference leads nowhere.
    """
    if to and find_spec("apprise") is None:
        raise WrongUsage("notices need Apprise: pip install 'faildrill[watch]', or leave --notify out")
    for one in to:
        one.resolve()


def ended(what: str, code: int, because: str, folder: Path) -> Notice:
    """Say how a run, or many as one, ended."""
    lines = [because, *hand(code), f"recorded on {who.machine()} in {folder}"]
    return composed(f"drill {ExitCode(code).name}: {what}", lines, is_well=code == ExitCode.PASSED)


def hand(code: int) -> list[str]:
    """Say that a place needs a hand, where an exit code says so."""
    if code != ExitCode.UNSAFE:
        return []
    return [f"It needs a hand: the place is not as it was. What to do says, on {who.machine()}: faildrill status"]


def composed(title: str, lines: Sequence[str], *, is_well: bool) -> Notice:
    """Make a notice of these lines, marked as a drill."""
    body = "\n".join(plain(one) for one in (*lines, _MARKED))
    return Notice("news" if is_well else "alert", plain(title, _LONGEST), body)


def tell(to: Sequence[Reference], notice: Notice | None, within: float = WITHIN) -> None:
    """Send a notice, and say on standard error what went wrong with it; it is over `within` so many seconds.

    Never raises for what becomes of it. A signal meanwhile ends the sending and not this command, whose exit code is
    that of the drill.
    """
    if not to or notice is None:
        return
    cleaned = Notice(notice.sort, redaction.clean(notice.title), redaction.clean(notice.body))
    command = [sys.executable, "-m", "faildrill.cli.notice_sender", *(one.text for one in to)]
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as sending:
            wrong = _seen_through(sending, msgspec.json.encode(cleaned), within)
    except OSError as error:
        wrong = [reason(error)]
    for line in wrong:
        click.echo(f"people were not told: {plain(line, _LONGEST)}", err=True)


def _seen_through(sending: "subprocess.Popen[bytes]", text: bytes, within: float) -> list[str]:
    """Wait for the sender, so long, and return what went wrong."""
    with _ended_by_signals(sending):
        try:
            said, late = sending.communicate(text, within)[1], ""
        except subprocess.TimeoutExpired:
            sending.kill()
            said, late = sending.communicate()[1], f"not all of them within {within:g} s"
    lines = said.decode("utf-8", "replace").splitlines()
    cut = "a signal ended it" if sending.returncode < 0 and not late else ""
    return [*lines, *(one for one in (late, cut) if one)]


@contextlib.contextmanager
def _ended_by_signals(sending: "subprocess.Popen[bytes]") -> Iterator[None]:
    heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.getsignal(one) for one in heard if signal.getsignal(one) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, lambda *_: sending.kill())
    try:
        yield
    finally:
        for one, what in before.items():
            signal.signal(one, what)
