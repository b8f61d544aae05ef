"""A systemd of the user's own, with units of a folder and nothing else: real, and no init of this machine."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

SYSTEMD: Final = Path("/usr/lib/systemd/systemd")
TARGETS: Final = ("default", "basic", "sockets", "timers", "paths", "shutdown", "exit")
"""What it asks for at its start and its end."""
START: Final = """\
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system || exit 1
for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -e $tree/cgroup.procs ] || { mkdir -p $tree/$1 && echo $$ >$tree/$1/cgroup.procs; }
done
exec "$0" --user --log-target=console
"""
"""In a mount namespace of its own: systemd(1) serves users only where /run says that systemd runs."""


def works() -> bool:
    """Tell whether one can be had here: as root, with namespaces and systemd's own programs."""
    if os.geteuid() != 0 or not SYSTEMD.exists() or shutil.which("systemd-run") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


needs_systemd = pytest.mark.skipif(not works(), reason="no systemd of a user's own: it needs root, and systemd")


@contextmanager
def user_systemd(folder: Path, units: dict[str, str]) -> Iterator[Path]:
    """Run one with these units; give its XDG_RUNTIME_DIR, and end it with all that it runs."""
    runtime, own = folder / "run", folder / "units"
    runtime.mkdir(mode=0o700)
    own.mkdir()
    for name in TARGETS:
        (own / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
    for name, text in units.items():
        (own / name).write_text(text)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(runtime)}
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", START, str(SYSTEMD), folder.name]
    more = {"SYSTEMD_UNIT_PATH": str(own)}
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, env=env | more, stderr=log, stdout=log) as one:
        try:
            _answers(env)
            yield runtime
        finally:
            subprocess.run(
                ["systemctl", "--user", "kill", "--signal=KILL", *units], env=env, check=False, capture_output=True
            )
            one.kill()
    for tree in ("systemd", "unified", "."):
        with suppress(OSError):
            for below in sorted(Path("/sys/fs/cgroup", tree, folder.name).rglob("*/"), reverse=True):
                below.rmdir()
            Path("/sys/fs/cgroup", tree, folder.name).rmdir()


def _answers(env: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while subprocess.run(["systemctl", "--user", "show"], env=env, check=False, capture_output=True).returncode:
        assert time.monotonic() < deadline, "no systemd answers"
        time.sleep(0.05)
