"""Run a program where the resolver swallows every question: in a mount namespace with a resolv.conf of its own."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SILENT = "127.0.53.53"
"""Where the resolver would be."""


def inside(folder: Path) -> Callable[[list[str]], list[str]]:
    """Return what makes of a command one that runs there; skipped where there are no namespaces."""
    resolv, nsswitch = folder / "resolv.conf", folder / "nsswitch.conf"
    resolv.write_text(f"nameserver {SILENT}\n", encoding="utf-8")
    nsswitch.write_text("hosts: files dns\n", encoding="utf-8")
    mounts = [f"mount --bind {one} /etc/{one.name}" for one in (resolv, nsswitch) if Path("/etc", one.name).exists()]
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    script = " && ".join([*mounts, f'exec {sys.executable} {Path(__file__)} "$@"'])
    made = [*own, "sh", "-c", script, "sh"]
    if subprocess.run([*made, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine makes no namespaces, or has its resolver's place taken")
    return lambda command: [*made, *command]


@contextlib.contextmanager
def swallowing() -> Iterator[None]:
    """Take every question that comes, and answer none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind((SILENT, 53))
        yield


if __name__ == "__main__":
    with swallowing():
        sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
