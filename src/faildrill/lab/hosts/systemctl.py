"""What stands for systemd on a host of the lab: `systemctl start|stop|restart|kill|is-active|show NAME`.

    systemctl start NAME            does nothing where it runs
    systemctl stop NAME             TERM to its main process, and after `stop_seconds` KILL to all of it
    systemctl kill [-s SIGNAL] NAME a signal to every process of it
    systemctl is-active NAME        prints `active` and exits 0, or `inactive` and exits 3
    systemctl show -p MainPID --value NAME

A service is a file `units/NAME.json` in the host's folder: `argv`, `env`, `log` and, perhaps, `stop_signal` and
`stop_seconds`. It is started with that environment and nothing else, as init systems do: whoever starts it leaves no
mark on it. It is started as a child of the host's init, so it outlives the session that started it.

Standard library only, and few of its modules: a playbook calls it often.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from faildrill.lab.core import process_tree
from faildrill.system.processes import Process, descendants

STOP_SECONDS = 10.0
INACTIVE = 3
NO_SUCH_UNIT = 4
_PAUSE = 0.02


class Unit:
    """One service of a host."""

    def __init__(self, units: Path, name: str) -> None:
        self.name = name.removesuffix(".service")
        self._pidfile = units / f"{self.name}.pid"
        self.spec: dict[str, Any] = json.loads((units / f"{self.name}.json").read_text(encoding="utf-8"))

    def main(self) -> int:
        """Return the id of its main process, 0 where there is none."""
        try:
            pid, started = self._pidfile.read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return 0
        process = process_tree.read(int(pid))
        return process.pid if process and str(process.start) == started else 0

    def tree(self) -> list[Process]:
        """Return all of its processes."""
        main = self.main()
        first = process_tree.read(main) if main else None
        return [first, *descendants(main)] if first else []

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.main():
            reading, writing = os.pipe()
            middle = os.fork()
            if not middle:
                self._detach(writing)
            os.waitpid(middle, 0)
            os.close(writing)
            pid = int(os.read(reading, 32))
            os.close(reading)
            started = process_tree.read(pid)
            self._pidfile.write_text(f"{pid} {started.start if started else ''}", encoding="ascii")

    def stop(self) -> None:
        """Ask it to end, and end all of it where it does not."""
        main = self.main()
        if not main:
            return
        tree = self.tree()
        # What is stopped hears SIGTERM only when it goes on; systemd sends SIGCONT as well (systemd.kill(5)).
        process_tree.send([process.pid for process in tree], signal.SIGCONT)
        process_tree.send([main], getattr(signal, self.spec.get("stop_signal", "SIGTERM")))
        deadline = time.monotonic() + self.spec.get("stop_seconds", STOP_SECONDS)
        while self.main() and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        left = {process.pid for process in tree}
        process_tree.end(
            lambda: [process for process in map(process_tree.read, left) if process], process_tree.TIME_TO_END
        )

    def signal(self, name: str) -> None:
        """Send a signal to all of it; after KILL nothing of it is left."""
        number = getattr(signal, f"SIG{name.removeprefix('SIG')}")
        if number == signal.SIGKILL:
            process_tree.end(self.tree, process_tree.TIME_TO_END)
        elif number == signal.SIGSTOP:
            process_tree.hold(self.tree, STOP_SECONDS)
        else:
            process_tree.send([process.pid for process in self.tree()], number)

    def _detach(self, writing: int) -> None:
        """Start it in a grandchild, so that it becomes a child of the host's init."""
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(writing, str(pid).encode())
            os._exit(0)
        log = os.open(self.spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 1024)
        os.setsid()
        os.chdir("/")
        os.execve(self.spec["argv"][0], self.spec["argv"], self.spec["env"])  # noqa: S606 - it is its job


def act(verb: str, unit: Unit, signal_name: str) -> int:
    """Do what is asked of a unit, and return the exit code."""
    match verb:
        case "start":
            unit.start()
        case "stop":
            unit.stop()
        case "restart":
            unit.stop()
            unit.start()
        case "kill":
            unit.signal(signal_name)
        case "show":
            sys.stdout.write(f"{unit.main()}\n")
        case "is-active":
            is_active = bool(unit.main())
            sys.stdout.write("active\n" if is_active else "inactive\n")
            return 0 if is_active else INACTIVE
        case _:
            sys.stderr.write(f"Unknown command verb {verb}.\n")
            return 1
    return 0


def main() -> None:
    """Act on one unit of the host whose folder is the first argument."""
    units = Path(sys.argv[1]) / "units"
    words, signal_name = [], "TERM"
    rest = iter(sys.argv[2:])
    for word in rest:
        if word in ("-s", "--signal"):
            signal_name = next(rest, "")
        elif word.startswith("--signal="):
            signal_name = word.partition("=")[2]
        elif word == "-p":
            next(rest, "")
        elif not word.startswith("-"):
            words.append(word)
    verb, name = words if len(words) == 2 else ("", "")  # noqa: PLR2004 - verb and name
    if "/" in name or not (units / f"{name.removesuffix('.service')}.json").is_file():
        sys.stderr.write(f"Unit {name} could not be found.\n")
        sys.exit(NO_SUCH_UNIT)
    sys.exit(act(verb, Unit(units, name), signal_name))
