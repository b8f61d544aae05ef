"""A drill is started from everywhere: by cron, sudo, nohup, in containers of nobody, in little memory."""

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.loading import load_drill, load_environment
from faildrill.model.environment import Environment
from faildrill.record.timeline import FILE, Confirmed, RunStarted, entries
from faildrill.running.layout import lay_out
from support.places import of_run, recorded, until

PASSED, FAILED, WRONG, REFUSED, UNSAFE = 0, 1, 2, 3, 6
BIN = Path(sys.executable).parent
DRILL = """drill: where
environment: place
warm_up: 200ms
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 50ms}}
steps:
  - name: fault
    simulated.fault: {{folder: {folder}, name: pay}}
    within: 20s
  - wait: {wait}
expect:
  - outage: {{of: pay, at_most: 60s}}
  - steady_again: {{within: 60s}}
"""
NOBODY = ("unshare", "--user", "--map-user=12345", "--map-group=12345")
"""Gives a process a user id that has no name."""
ROOT_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--mount")


ELSEWHERE = "set FAILDRILL_STATE to a folder of yours that outlives runs"


class Somewhere:
    """A folder with a drill and its place, and the command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        (folder / "environments").mkdir()
        (folder / "place").write_text("staging", encoding="ascii")
        identity = f"[{{file.identity: {{path: {folder}/place, content: staging}}}}]"
        (folder / "environments" / "place.yaml").write_text(
            f"environment: place\ndrillable: true\nidentity: {identity}\n", encoding="utf-8"
        )
        self.write("500ms")

    def write(self, wait: str) -> None:
        """Write the drill, which waits so long with its fault on."""
        (self.folder / "drill.yaml").write_text(DRILL.format(folder=self.folder, wait=wait), encoding="utf-8")

    @property
    def env(self) -> dict[str, str]:
        """What a person's shell has."""
        return os.environ | {"FAILDRILL_STATE": str(self.state)}

    def start(
        self, *words: str, within: Sequence[str] = (), env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> "subprocess.Popen[str]":
        """Start the command, by another one where that is given."""
        return subprocess.Popen(
            [*within, str(BIN / "faildrill"), *words],
            env=self.env if env is None else env,
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def done(
        self, *words: str, within: Sequence[str] = (), env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> tuple[int, str]:
        """Run the command to its end; its exit code, and what it printed."""
        process = self.start(*words, within=within, env=env, cwd=cwd)
        said, _ = process.communicate(timeout=100)
        return process.returncode, said

    def first(self) -> RunStarted:
        """Return the first event of the only run."""
        [path] = self.folder.glob(f"reports/*/{FILE}")
        what = entries(path)[0].what
        assert isinstance(what, RunStarted)
        return what

    def await_fault(self) -> None:
        """Wait until the fault is on."""
        until = time.monotonic() + 60
        while not any("applying" in one.read_text() for one in self.folder.glob(f"reports/*/{FILE}")):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.3)


@pytest.fixture
def here(tmp_path: Path) -> Somewhere:
    return Somewhere(tmp_path)


def _needs(*words: str) -> None:
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {words[0]} here")
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"{' '.join(words)} is not allowed here")


@pytest.mark.parametrize("command", [["-P", "-m", "faildrill"], ["-m", "faildrill"], [str(BIN / "faildrill")]])
def test_nothing_that_lies_in_the_working_folder_is_executed(here: Somewhere, command: list[str]) -> None:
    for name in ("json", "yaml", "asyncio", "click", "signal", "msgspec", "numpy"):
        code = f"open({str(here.folder / 'executed')!r}, 'a').write('{name} ')\nraise SystemExit('shadowed')\n"
        (here.folder / f"{name}.py").write_text(code, encoding="utf-8")
    argv = [sys.executable, *command, "run", "-q", "drill.yaml"]
    done = subprocess.run(argv, env=here.env, cwd=here.folder, capture_output=True, text=True, check=False)
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert not (here.folder / "executed").exists()


def test_a_user_without_a_name_and_a_home_drills(here: Somewhere) -> None:
    _needs(*NOBODY)
    env = {"PATH": os.environ["PATH"], "FAILDRILL_STATE": str(here.state)}
    code, said = here.done("run", "-q", "drill.yaml", within=NOBODY, env=env)
    assert code == PASSED, said
    assert here.first().user == "uid 12345"
    assert here.done("status", within=NOBODY, env=env)[0] == 0


def test_a_user_without_a_home_is_told_where_to_put_state(here: Somewhere) -> None:
    _needs(*NOBODY)
    for command in (["run", "drill.yaml"], ["status"], ["recover"], ["lab", "status"]):
        code, said = here.done(*command, within=NOBODY, env={"PATH": os.environ["PATH"]})
        assert (code, said.strip()) == (
            WRONG,
            f"nowhere to keep state: HOME is not set, and user 12345 has none; {ELSEWHERE}",
        )


def test_a_container_whose_root_is_read_only_drills_with_one_folder_to_write_to(here: Somewhere) -> None:
    _needs(*ROOT_OF_ITS_OWN)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind / && cd "$0" && exec "$@"'
    env = {"PATH": os.environ["PATH"], "FAILDRILL_STATE": str(here.state)}
    within = (*ROOT_OF_ITS_OWN, "sh", "-c", script, str(here.folder), *NOBODY)
    code, said = here.done("run", "-q", "drill.yaml", within=within, env=env)
    assert code == PASSED, said


@pytest.mark.parametrize(
    ("state", "why"),
    [("place", "it is no folder"), ("place/below", "Not a directory"), ("/proc/nowhere", "No such file or directory")],
)
def test_state_that_can_not_be_kept_is_said_before_anything_is_touched(here: Somewhere, state: str, why: str) -> None:
    env = here.env | {"FAILDRILL_STATE": str(here.folder / state)}
    code, said = here.done("run", "drill.yaml", env=env)
    assert code == WRONG
    assert f"state can't be kept in {here.folder / state}: {why}; set FAILDRILL_STATE" in said
    assert not (here.folder / "reports").exists()


@pytest.mark.parametrize(
    ("options", "why"), [("size=4k,nr_inodes=4", "No space left on device"), ("ro", "Read-only file system")]
)
def test_a_state_folder_that_takes_nothing_is_said_before_anything_is_touched(
    here: Somewhere, options: str, why: str
) -> None:
    _needs(*ROOT_OF_ITS_OWN)
    here.state.mkdir(mode=0o700)
    script = f'mount -t tmpfs -o mode=700,{options} state "$0" && {{ head -c 9999 /dev/zero > "$0/x"; exec "$@"; }}'
    within = (*ROOT_OF_ITS_OWN, "sh", "-c", script, str(here.state))
    code, said = here.done("run", "drill.yaml", within=within)
    assert code == WRONG, said
    assert f"state can't be kept in {here.state}: {why}; set FAILDRILL_STATE" in said
    assert not (here.folder / "reports").exists()


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_a_state_folder_that_takes_no_lock_is_said_at_once_by_whatever_needs_one(here: Somewhere, error: str) -> None:
    within = (sys.executable, str(Path(__file__).with_name("without_locks.py")), error)
    if subprocess.run([*within, shutil.which("true") or "true"], check=False).returncode != 0:
        pytest.skip("this kernel takes no filter of system calls")
    why = f"state can't be kept in {here.state}: its file system takes no lock ({os.strerror(getattr(errno, error))})"
    for words in (("run", "drill.yaml"), ("lab", "up", "--name", "nolock")):
        code, said = here.done(*words, within=within)
        assert (code, why in said, f"{ELSEWHERE}, on a local disk" in said) == (WRONG, True, True), said
    code, said = here.done("doctor", "environments/place.yaml", within=within)
    assert code == FAILED
    assert re.search(rf"WRONG +room for state: {re.escape(why)}\n +do: {ELSEWHERE}", said), said
    assert not (here.folder / "reports").exists()


def test_a_run_that_died_is_not_put_back_while_nobody_can_tell_who_is_at_it(here: Somewhere) -> None:
    within = (sys.executable, str(Path(__file__).with_name("without_locks.py")), "ENOLCK")
    if subprocess.run([*within, shutil.which("true") or "true"], check=False).returncode != 0:
        pytest.skip("this kernel takes no filter of system calls")
    here.write("60s")
    started = here.start("run", "drill.yaml")
    until(lambda: [*here.folder.glob(f"reports/*/{FILE}")])
    [run] = [path.parent for path in here.folder.glob(f"reports/*/{FILE}")]
    recorded(run, Confirmed)
    pids = [*of_run(run.name)]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # gone by now
            line = path.read_bytes()
            pids += [int(path.parent.name)] * (b"running.sentinel" in line and run.name.encode() in line)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: none of them sees another one die
        for pid in pids:
            os.kill(pid, number)
    started.communicate(timeout=30)
    code, said = here.done("recover", within=within)
    assert code == UNSAFE, said
    assert "NOT recovered: state can't be kept in" in said
    assert "its file system takes no lock" in said
    code, said = here.done("recover")
    assert code == PASSED, said


def test_a_state_folder_that_others_may_write_to_is_refused(here: Somewhere) -> None:
    here.state.mkdir()
    here.state.chmod(0o777)
    code, said = here.done("run", "drill.yaml")
    assert (code, said.strip()) == (
        WRONG,
        f"state can't be kept in {here.state}: others may write there; run: chmod go-w {here.state}",
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a folder to somebody else")
def test_a_state_folder_of_another_user_is_refused(here: Somewhere) -> None:
    here.state.mkdir(mode=0o700)
    os.chown(here.state, 65534, 65534)
    code, said = here.done("run", "drill.yaml")
    assert code == WRONG
    assert "it belongs to user 65534, and you are 0" in said


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_full_disk_behind_standard_output_does_not_change_the_verdict(here: Somewhere, output: str) -> None:
    for command in (["run", "drill.yaml"], ["judge", "last"]):
        code, said = here.done(*command, "-o", output, within=("sh", "-c", 'exec "$0" "$@" > /dev/full'))
        assert code == PASSED
        assert said == "standard output can't be written: No space left on device\n"


@pytest.mark.parametrize(("command", "code"), [(("run", "-q", "drill.yaml"), PASSED), (("status",), 74)])
def test_a_full_disk_behind_both_streams_changes_no_exit_code(
    here: Somewhere, command: Sequence[str], code: int
) -> None:
    assert here.done(*command, within=("sh", "-c", 'exec "$0" "$@" > /dev/full 2>&1')) == (code, "")


def test_whoever_ignores_the_end_of_its_children_drills(here: Somewhere) -> None:
    code, said = here.done("run", "-q", "drill.yaml", within=("bash", "-c", 'trap "" CHLD; exec "$0" "$@"'))
    assert code == PASSED, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_whose_starter_blocked_signals_is_stopped_by_them(here: Somewhere, number: signal.Signals) -> None:
    here.write("20s")
    blocks = (
        "import os,signal,sys; signal.pthread_sigmask(signal.SIG_BLOCK, {2, 15}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = here.start("run", "-q", "drill.yaml", within=(sys.executable, "-c", blocks))
    here.await_fault()
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "ABORTED" in said) == (5, True)


def test_standard_streams_that_are_closed_do_not_change_the_verdict(here: Somewhere) -> None:
    code, said = here.done("run", "drill.yaml", within=("sh", "-c", 'exec "$0" "$@" >&- 2>&- <&-'))
    assert (code, said) == (PASSED, "")


def test_nohup_means_that_the_end_of_a_session_ends_no_run(here: Somewhere) -> None:
    here.write("1500ms")
    process = here.start("run", "-q", "drill.yaml", within=("nohup",))
    here.await_fault()
    process.send_signal(signal.SIGHUP)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "PASSED" in said) == (PASSED, True)


def test_without_nohup_the_end_of_a_session_stops_the_run_and_puts_everything_back(here: Somewhere) -> None:
    here.write("20s")
    process = here.start("run", "-q", "drill.yaml")
    here.await_fault()
    process.send_signal(signal.SIGHUP)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "ABORTED" in said) == (5, True)


def test_cron_starts_a_drill(here: Somewhere) -> None:
    env = {"HOME": str(here.folder), "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    script = f'cd {here.folder} && exec "$0" "$@"'
    code, said = here.done("run", "-q", "drill.yaml", within=("/bin/sh", "-c", script), env=env, cwd=Path("/"))
    assert code == PASSED, said
    assert (here.folder / ".local" / "state" / "faildrill").is_dir()


def test_sudo_starts_a_drill(here: Somewhere) -> None:
    _needs("sudo", "-n")
    code, said = here.done("run", "-q", "drill.yaml", within=("sudo", "-n", f"FAILDRILL_STATE={here.state}"))
    assert code == PASSED, said


def test_systemd_starts_a_drill(here: Somewhere) -> None:
    by = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect")
    _needs(*by)
    settings = (f"--working-directory={here.folder}", f"--setenv=FAILDRILL_STATE={here.state}")
    code, said = here.done("run", "-q", "drill.yaml", within=(*by, *settings))
    assert code == PASSED, said


def test_sixty_four_open_files_are_enough(here: Somewhere) -> None:
    code, said = here.done("run", "-q", "drill.yaml", within=("sh", "-c", 'ulimit -n 64 && exec "$0" "$@"'))
    assert code == PASSED, said


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """Make a control group of 128 MiB, of whichever version this machine has."""
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    made = (first if first.is_dir() else second) / f"faildrill-test-{os.getpid()}"
    try:
        made.mkdir()
        limit = made / ("memory.limit_in_bytes" if first.is_dir() else "memory.max")
        limit.write_text(str(128 << 20), encoding="ascii")
    except OSError as error:
        if made.is_dir():
            made.rmdir()
        pytest.skip(f"no memory can be limited here: {error.strerror}")
    yield made
    until = time.monotonic() + 20
    while (made / "cgroup.procs").read_text() and time.monotonic() < until:
        time.sleep(0.1)
    made.rmdir()


def test_a_hundred_and_twenty_eight_mebibytes_are_enough(here: Somewhere, small_memory: Path) -> None:
    script = f'echo $$ > {small_memory}/cgroup.procs && exec "$0" "$@"'
    code, said = here.done("run", "-q", "drill.yaml", within=("sh", "-c", script))
    assert code == PASSED, said


class _SetBack(SystemClock):
    """A clock on the wall that somebody set back by a day."""

    def wall(self) -> str:
        return f"2000-01-01T00:00:00.{time.monotonic_ns() % 1_000_000:06}Z"


def test_the_last_run_is_the_one_that_ended_last_though_the_clock_was_set_back(here: Somewhere) -> None:
    assert here.done("run", "-q", "drill.yaml")[0] == PASSED
    place: Environment = load_environment(here.folder / "environments" / "place.yaml")
    drill = load_drill(here.folder / "drill.yaml", place).drill
    later = lay_out(drill, place, here.folder / "reports", _SetBack())
    assert later.name < min(one.name for one in (here.folder / "reports").glob("*/") if one != later)
    code, said = here.done("judge", "last", "-o", "json")
    assert f'"run": "{later.name}"' in said
    assert code != PASSED


def test_a_run_in_another_container_with_the_same_state_is_running_and_not_dirty(here: Somewhere) -> None:
    other = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--uts")
    _needs(*other)
    here.write("6s")
    script = 'hostname other-container && mount -t proc proc /proc && exec "$0" "$@"'
    process = here.start("run", "-q", "drill.yaml", within=(*other, "sh", "-c", script))
    try:
        here.await_fault()
        code, said = here.done("status")
        assert code == 0, said
        assert "on other-container" in said
        assert "stop it there, on other-container, with: faildrill abort" in said
        code, said = here.done("run", "-q", "drill.yaml")
        assert code == REFUSED, said
    finally:
        process.kill()  # with it everything in the container dies, the sentinel too
        process.communicate(timeout=30)
    code, said = here.done("status")
    assert code == 6, said
    assert "by a run on other-container; put it back with: faildrill recover" in said
    assert here.done("recover")[0] == 0
    assert here.done("status")[0] == 0
