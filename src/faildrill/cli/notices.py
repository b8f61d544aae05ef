"""Notices to people: what they say, and how they are sent, by a process of its own that changes nothing of a drill."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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
_GIVES_WAY: Final = 10
"""How nice a process is that sends while drills are run."""


def ready(to: Sequence[Reference]) -> None:
    """See, before anything is touched, that people could be told.

    WrongUsage where there is no Apprise, UnresolvedSecret where a reference leads nowhere.
    """
    if to and find_spec("apprise") is None:
        raise WrongUsage("notices need Apprise: pip install 'faildrill[watch]', or leave --notify out")
    for address in to:
        address.resolve()


def ended(what: str, code: int, because: str, folder: Path) -> Notice:
    """Say how a run, or many as one, ended."""
    lines = [because, *hand(code), f"recorded on {who.machine()} in {folder}"]
    return composed(f"drill {ExitCode(code).name}: {what}", lines, is_well=code == ExitCode.PASSED)


def begins(what: str, lines: Sequence[str]) -> Notice:
    """Say that faults are about to be put somewhere on purpose."""
    return composed(f"drill BEGINS: {what}", lines, is_well=True)


def stops(what: str, because: str) -> Notice:
    """Say that a run is ended early."""
    return composed(f"drill IS ENDED EARLY: {what}", [because, "Everything is put back now."], is_well=False)


def needs_a_hand(what: str, because: str, folder: Path) -> Notice:
    """Say that something could not be put back, as soon as that is known."""
    lines = [because, *hand(ExitCode.UNSAFE), f"recorded on {who.machine()} in {folder}"]
    return composed(f"drill NEEDS A HAND: {what}", lines, is_well=False)


def hand(code: int) -> list[str]:
    """Say that a place needs a hand, where an exit code says so."""
    if code != ExitCode.UNSAFE:
        return []
    return [f"It needs a hand: the place is not as it was. What to do says, on {who.machine()}: faildrill status"]


def composed(title: str, lines: Sequence[str], *, is_well: bool) -> Notice:
    """Make a notice of these lines, marked as a drill."""
    body = "\n".join(plain(line) for line in (*lines, _MARKED))
    return Notice("news" if is_well else "alert", plain(title, _LONGEST), body)


class Sending:
    """A notice on its way, by a process of its own that gives way to others; raises nothing for what becomes of it."""

    def __init__(self, to: Sequence[Reference], notice: Notice, *, gives_way: bool = False) -> None:
        """Begin to send it; `gives_way`: a drill is measured, and put back, on this machine at the same time."""
        cleaned = Notice(notice.sort, redaction.clean(notice.title), redaction.clean(notice.body))
        self._process: subprocess.Popen[bytes] | None = None
        self._wrong: list[str] = []
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faildrill.cli.notice_sender", *(address.text for address in to)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C goes to all of the terminal's group, and would end it half-way
            )
            if gives_way:
                _let_give_way(self._process.pid)
            _hand_over(self._process, msgspec.json.encode(cleaned))
        except OSError as error:
            self._wrong.append(reason(error))

    def see_through(self, within: float = WITHIN) -> None:
        """Wait for so many seconds until all receivers have it, and say on standard error what went wrong.

        A signal meanwhile ends the sending and not this command, whose exit code is that of the drill.
        """
        if self._process is not None:
            with self._process as sending:
                self._wrong += _seen_through(sending, within)
        for line in self._wrong:
            click.echo(f"people were not told: {plain(line, _LONGEST)}", err=True)


def _let_give_way(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process, max(_GIVES_WAY, os.getpriority(os.PRIO_PROCESS, 0)))


def _hand_over(sending: "subprocess.Popen[bytes]", text: bytes) -> None:
    """Give the sender its notice; a pipe takes more than the longest one at once."""
    if sending.stdin is not None:
        with sending.stdin as to, contextlib.suppress(BrokenPipeError):
            to.write(text)
        sending.stdin = None


def tell(to: Sequence[Reference], notice: Notice | None, within: float = WITHIN) -> None:
    """Send a notice and wait for that, `within` so many seconds; see `Sending`."""
    if to and notice is not None:
        Sending(to, notice).see_through(within)


def _seen_through(sending: "subprocess.Popen[bytes]", within: float) -> list[str]:
    """Wait for the sender, so long, and return what went wrong."""
    with on_signals(sending.kill):
        try:
            complaints, late = sending.communicate(timeout=within)[1], ""
        except subprocess.TimeoutExpired:
            sending.kill()
            complaints, late = sending.communicate()[1], f"not all of them within {within:.2g} s"
    lines = complaints.decode("utf-8", "replace").splitlines()
    cut = "a signal ended it" if sending.returncode < 0 and not late else ""
    return [*lines, *(line for line in (late, cut) if line)]


@contextlib.contextmanager
def on_signals(act: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Have signals do this, and not end the command."""
    heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in heard if signal.getsignal(number) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, lambda *_: act())
    try:
        yield
    finally:
        for number, what in before.items():
            signal.signal(number, what)
