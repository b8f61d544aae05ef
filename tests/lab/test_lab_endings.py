"""Whatever is killed, whenever: nothing of a lab stays, or `down` removes it. Every test has labs of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core import lock, process_tree, startup, teardown
from faildrill.lab.core.folders import place
from faildrill.system.processes import descendants
from lab import traces
from lab.conftest import eventually

pytestmark = pytest.mark.lab

UP = "import sys; from faildrill.lab.core import startup; startup.up('lab', tell=lambda t: print(t, flush=True))"


def being_started(root: Path) -> subprocess.Popen[str]:
    """Start a lab from a process of its own, which prints each part as it becomes ready."""
    return subprocess.Popen(
        [sys.executable, "-c", UP], stdout=subprocess.PIPE, text=True, env=os.environ | {"FAILDRILL_STATE": str(root)}
    )


def wait_for(part: str, starter: subprocess.Popen[str]) -> None:
    assert starter.stdout is not None
    for line in starter.stdout:
        if line.endswith(f" {part}\n"):
            return
    raise AssertionError(f"{part} never became ready")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("part", ["etcd", "pg1"])
def test_a_start_that_is_ended_leaves_nothing(part: str, number: int, tmp_path: Path) -> None:
    with being_started(tmp_path) as starter:
        wait_for(part, starter)
        starter.send_signal(number)
        starter.wait(20)
    assert traces.gone(tmp_path) == []


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.25, 0.35, 0.5, 2.5])
def test_a_start_that_is_killed_at_any_time_leaves_nothing(seconds: float, tmp_path: Path) -> None:
    with being_started(tmp_path) as starter:
        time.sleep(seconds)
        starter.kill()
    time.sleep(0.3)
    assert traces.gone(tmp_path) == []


def test_a_start_whose_supervisor_is_killed_fails_and_leaves_nothing_after_down(tmp_path: Path) -> None:
    with being_started(tmp_path) as starter:
        wait_for("etcd", starter)
        holder = lock.holder(place("lab", tmp_path).lock)
        assert holder is not None
        os.kill(holder, signal.SIGKILL)
        assert starter.wait(20) != 0
    eventually(lambda: not traces.processes(tmp_path), 10)
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_a_killed_supervisor_takes_every_node_with_it_and_down_removes_the_rest(tmp_path: Path) -> None:
    facts = startup.up(root=tmp_path)
    segments = traces.segments(tmp_path)
    assert len(traces.kept(segments)) == 2
    os.kill(facts.supervisor, signal.SIGKILL)
    eventually(lambda: not traces.processes(tmp_path), 10)
    assert startup.find("lab", tmp_path) is None
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []
    assert traces.kept(segments) == []


def test_a_supervisor_killed_together_with_every_init_is_cleaned_up_by_down(tmp_path: Path) -> None:
    facts = startup.up(root=tmp_path)
    inits = [one.pid for one in descendants(facts.supervisor) if one.parent == facts.supervisor]
    assert len(inits) == 7
    process_tree.send([facts.supervisor, *inits], signal.SIGSTOP)
    process_tree.send([facts.supervisor, *inits], signal.SIGKILL)
    eventually(lambda: lock.holder(place("lab", tmp_path).lock) is None)
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_a_supervisor_that_is_held_is_cleaned_up_by_down(tmp_path: Path) -> None:
    facts = startup.up(root=tmp_path)
    os.kill(facts.supervisor, signal.SIGSTOP)
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_a_lab_whose_folders_are_removed_under_it_ends_by_itself(tmp_path: Path) -> None:
    facts = startup.up(root=tmp_path)
    while facts.folder.parent.exists():  # its nodes write files while these are removed
        shutil.rmtree(facts.folder.parent, ignore_errors=True)
    assert traces.gone(tmp_path) == []


def test_a_lab_that_was_killed_can_be_started_again_without_down(tmp_path: Path) -> None:
    first = startup.up(root=tmp_path)
    os.kill(first.supervisor, signal.SIGKILL)
    second = startup.up(root=tmp_path)
    assert second.uid != first.uid
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_a_down_that_is_killed_can_be_done_again(tmp_path: Path) -> None:
    startup.up(root=tmp_path)
    for _ in range(3):
        down = subprocess.Popen(
            [sys.executable, "-c", "from faildrill.lab.core import teardown; teardown.down()"],
            env=os.environ | {"FAILDRILL_STATE": str(tmp_path)},
        )
        time.sleep(0.2)
        down.kill()
        down.wait()
    teardown.down(root=tmp_path)
    assert traces.gone(tmp_path) == []


def test_down_keeps_the_logs_when_told_and_nothing_else(tmp_path: Path) -> None:
    facts = startup.up(root=tmp_path)
    assert teardown.down(root=tmp_path, keep_logs=True)
    assert [path.name for path in facts.folder.iterdir()] == ["logs"]
    assert (facts.logs / "haproxy.log").exists()
    assert traces.processes(tmp_path) == []
    assert teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_down_of_nothing_says_so(tmp_path: Path) -> None:
    assert not teardown.down(root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_labs_started_at_once_are_two_labs(tmp_path: Path) -> None:
    program = "import sys; from faildrill.lab.core import startup; startup.up(sys.argv[1])"
    environment = os.environ | {"FAILDRILL_STATE": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", program, name], env=environment) for name in ("one", "two")]
    assert [starter.wait(60) for starter in both] == [0, 0]
    one, two = (startup.find(name, tmp_path) for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.payments != two.payments
    teardown.down("one", root=tmp_path)
    assert traces.of(tmp_path, "one") == []
    assert startup.find("two", tmp_path) == two
    teardown.down("two", root=tmp_path)
    assert traces.of(tmp_path, "two") == []


def test_one_name_started_twice_at_once_is_one_lab(tmp_path: Path) -> None:
    program = "from faildrill.lab.core import startup; print(startup.up().uid)"
    environment = os.environ | {"FAILDRILL_STATE": str(tmp_path)}
    starters = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) for _ in range(3)
    ]
    uids = {starter.communicate(timeout=60)[0] for starter in starters}
    assert len(uids) == 1
    teardown.down(root=tmp_path)
    assert traces.of(tmp_path) == []


def test_a_part_that_does_not_become_ready_is_named_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libpcre.so.1").touch()  # HAProxy is the only part that loads it
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(FaildrillError) as caught:
        startup.up(root=tmp_path / "state")
    for text in ("haproxy did not become ready", "status 127", "libpcre.so.1: file too short", "kept in"):
        assert text in str(caught.value)
    assert traces.processes(tmp_path) == []
    teardown.down(root=tmp_path / "state")
    assert traces.of(tmp_path / "state") == []


def interpreter_for(user: pwd.struct_passwd, folder: Path) -> str | None:
    """Return an interpreter with this one's packages that the user may run; None when there is none here."""
    base = Path(sys.base_prefix) / "bin" / "python3"
    for candidate in (base, Path("/usr/bin") / f"python{sys.version_info.major}.{sys.version_info.minor}"):
        made = folder / candidate.parent.parent.name
        if not candidate.exists() or not runs(candidate, user):
            continue
        subprocess.run([candidate, "-m", "venv", "--without-pip", made], check=True)
        packages = next(made.glob("lib/python*/site-packages"))
        (packages / "same.pth").write_text("\n".join(path for path in sys.path if path.startswith("/")))
        return str(made / "bin" / "python")
    return None


def runs(program: Path, user: pwd.struct_passwd) -> bool:
    try:
        return subprocess.run([program, "-c", ""], user=user.pw_uid, check=False).returncode == 0
    except PermissionError:
        return False


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to test this")
WHOLE_LIFE = "from faildrill.lab.core import startup, teardown; startup.up(); print(teardown.down())"


@ROOT_ONLY
def test_a_lab_that_can_not_be_started_is_kept_where_told_and_says_why(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("its first part is waited for a minute: with --soak")
    up = ["unshare", "--net", sys.executable, "-m", "faildrill", "lab", "up", "--keep"]  # the loopback is down in there
    environment = os.environ | {"FAILDRILL_STATE": str(tmp_path)}
    ended = subprocess.run(up, env=environment, capture_output=True, text=True, check=False)
    try:
        assert ended.returncode == 2
        assert "etcd did not become ready" in ended.stderr
        assert "Traceback" not in ended.stderr
        with pytest.raises(startup.LabFailed, match="failed to start and was kept"):
            startup.up(root=tmp_path)
    finally:
        assert teardown.down(root=tmp_path)


@pytest.fixture
def for_nobody() -> Iterator[tuple[str, Path]]:
    """An interpreter that nobody may run, and a folder that is theirs; pytest's own folders are closed to others."""
    nobody = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="faildrill-test-"))
    folder.chmod(0o755)
    umask = os.umask(0o022)  # what is copied there is for others, whatever ran in this process before
    try:
        python = interpreter_for(nobody, folder)
        if python is None:
            pytest.skip("no interpreter here that an ordinary user may run")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield python, folder
    finally:
        os.umask(umask)
        shutil.rmtree(folder)


@ROOT_ONLY
@pytest.mark.parametrize("uid", [pwd.getpwnam("nobody").pw_uid, 54321], ids=["with a name", "without a name"])
def test_an_ordinary_user_starts_a_lab_and_takes_it_down(uid: int, for_nobody: tuple[str, Path]) -> None:
    python, folder = for_nobody
    os.chown(folder, uid, uid)
    environment = {"FAILDRILL_STATE": str(folder / "state"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [python, "-c", WHOLE_LIFE], user=uid, group=uid, extra_groups=[], env=environment, cwd="/", check=False
    )
    assert done.returncode == 0
    assert traces.of(folder / "state") == []


@ROOT_ONLY
def test_root_runs_the_database_as_another_user_where_namespaces_are_not_permitted(
    for_nobody: tuple[str, Path],
) -> None:
    python, folder = for_nobody
    who = "import os, pwd; from faildrill.lab.core import users; print(users.for_postgres().how); "
    command = [sys.executable, str(Path(__file__).with_name("without_namespaces.py")), python, "-c", who + WHOLE_LIFE]
    environment = os.environ | {"FAILDRILL_STATE": str(folder / "state")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["other", "True"])
    assert traces.of(folder / "state") == []
