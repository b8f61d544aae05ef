"""The same fault, and its runner ended in four ways: is the fault still on afterwards? `python -m benchmarks.killed`.

The fault is a file that a program makes and another one removes. Each tool makes it, waits, and would remove it; a
second after the file is there, the process that was started is sent nothing, SIGINT, SIGTERM or SIGKILL.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import click

from benchmarks.measuring import FAILDRILL, Section, load, machine, table
from benchmarks.peers import PINNED, peer, skipped

KILLS: Final[dict[str, signal.Signals | None]] = {
    "nothing": None,
    "SIGINT": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "SIGKILL": signal.SIGKILL,
}
ON_FOR: Final = 6.0
"""Seconds for which the fault is to stay."""
AFTER: Final = 1.0
"""Seconds from the effect to the signal."""
PATIENCE: Final = 30.0
"""Seconds after the signal for which the end of the fault is waited for."""
ROUNDS: Final = {False: 3, True: 1}


class Ended(NamedTuple):
    """What came of a fault whose runner was sent a signal."""

    off_after: float | None
    """Seconds from the signal until it was off; None: it was still on when the looking ended."""
    exit_code: int | None
    """Of the process that was started; None: it did not end."""


def section(*, quick: bool) -> Section:
    """Measure each tool and each way to end it."""
    rows = [[tool, *(_cell(command, kill, ROUNDS[quick]) for kill in KILLS)] for tool, command in _tools().items()]
    head = ["the fault afterwards", *(f"sent {name}" for name in KILLS)]
    note = (
        f"{ROUNDS[quick]} runs of each; the fault would be taken back {ON_FOR:g} s after it was made. The signal goes "
        f"to the process that was started, {AFTER:g} s after the fault was seen; the fault is looked for until "
        f"{PATIENCE:g} s after that. In brackets: the exit code of the process. {PINNED['chaos']}; load {load()}.\n"
    )
    text = table(head, rows) + "\n" + note + skipped("chaos")
    return Section("killed", "What is left on when the runner is ended", text)


Command = Callable[[Path, Path], list[str]]


def _tools() -> dict[str, Command]:
    tools: dict[str, Command] = {"faildrill": _drill}
    chaos = peer("chaos")
    if chaos is not None:
        always = ("--rollback-strategy", "always")
        tools["Chaos Toolkit, default"] = partial(_chaos, chaos, ())
        tools["Chaos Toolkit, --rollback-strategy always"] = partial(_chaos, chaos, always)
    return tools


def _cell(command: Command, kill: str, rounds: int) -> str:
    found = [_ended(command, KILLS[kill]) for _ in range(rounds)]
    codes = ", ".join(sorted({"still there" if one.exit_code is None else str(one.exit_code) for one in found}))
    times = [one.off_after for one in found if one.off_after is not None]
    left = len(found) - len(times)
    if left:
        return f"**left on** in {left} of {rounds} ({codes})"
    return f"off after {max(times):.1f} s at most ({codes})"


def _ended(command: Command, kill: signal.Signals | None) -> Ended:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fault = folder / "fault"
        environment = {**os.environ, "FAILDRILL_STATE": str(folder / "state")}
        process = subprocess.Popen(
            command(folder, fault),
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return _watched(process, fault, kill)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _watched(process: "subprocess.Popen[bytes]", fault: Path, kill: signal.Signals | None) -> Ended:
    if not _until(fault.exists, PATIENCE):
        raise RuntimeError(f"the fault was never made; exit code {process.poll()}")
    time.sleep(AFTER)
    if kill is not None:
        process.send_signal(kill)
    began = time.monotonic()
    is_off = _until(lambda: not fault.exists(), PATIENCE)
    took = time.monotonic() - began
    _until(lambda: process.poll() is not None, PATIENCE if is_off else 0.0)
    return Ended(took if is_off else None, process.poll())


def _until(condition: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met


def _drill(folder: Path, fault: Path) -> list[str]:
    """Write the drill and its environment, in JSON, which is YAML."""
    here = ["sh", "-c", "if [ -e $0 ]; then echo in_effect: true; else echo in_effect: false; fi", str(fault)]
    run = {"argv": ["touch", str(fault)], "undo_argv": ["rm", "-f", str(fault)], "verify_argv": here}
    drill = {
        "drill": "killed",
        "environment": "here",
        "warm_up": "300ms",
        "probes": {"gone": {"command.look": {"argv": ["test", "!", "-e", str(fault)]}, "every": "200ms"}},
        "steps": [{"name": "make it", "command.run": run}, {"wait": f"{ON_FOR:g}s"}],
        "expect": [{"steady_again": {"within": "10s"}}],
    }
    environment = {"environment": "here", "drillable": True, "identity": [{"simulated.word": {"about": str(folder)}}]}
    (folder / "here.yaml").write_text(json.dumps(environment), encoding="utf-8")
    (folder / "killed.yaml").write_text(json.dumps(drill), encoding="utf-8")
    return [FAILDRILL, "run", str(folder / "killed.yaml"), "--env", str(folder / "here.yaml"), "--quiet"]


def _chaos(program: str, options: tuple[str, ...], folder: Path, fault: Path) -> list[str]:
    quiet = ["--no-version-check", "--log-file", str(folder / "chaos.log")]
    journal = ["--journal-path", str(folder / "journal.json")]
    return [program, *quiet, "run", *journal, *options, str(_experiment(folder, fault))]


def _experiment(folder: Path, fault: Path) -> Path:
    def process(name: str, path: str, *arguments: str) -> dict[str, object]:
        return {"type": "action", "name": name, "provider": {"type": "process", "path": path, "arguments": arguments}}

    experiment = {
        "version": "1.0.0",
        "title": "killed",
        "description": "a file is made, and removed in the rollbacks",
        "method": [process("make it", "touch", str(fault)), process("wait", "sleep", f"{ON_FOR:g}")],
        "rollbacks": [process("remove it", "rm", "-f", str(fault))],
    }
    path = folder / "killed.json"
    path.write_text(json.dumps(experiment), encoding="utf-8")
    return path


@click.command()
@click.option("--quick", is_flag=True, help="One run of each.")
def main(*, quick: bool) -> None:
    """Measure what is left on when the runner is ended, and print it."""
    where = machine()
    found = section(quick=quick)
    click.echo(f"## {found.title}\n\nMeasured {where}\n\n{found.text}")


if __name__ == "__main__":
    sys.exit(main())
