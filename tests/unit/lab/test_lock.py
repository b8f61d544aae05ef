import subprocess
import sys
from pathlib import Path

from faildrill.lab.core import lock

HOLD = """
import sys, time
from pathlib import Path
from faildrill.lab.core import lock
print(lock.acquire(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


def held_by_another(path: Path) -> "subprocess.Popen[str]":
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    return other


def test_a_lock_names_its_holder_and_is_refused_to_others(tmp_path: Path) -> None:
    path = tmp_path / "labs" / "lab.lock"
    with held_by_another(path) as other:
        assert lock.holder(path) == other.pid
        assert not lock.acquire(path)
        assert lock.holder(path) == other.pid
        other.kill()


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lab.lock"
    with held_by_another(path) as other:
        other.kill()
    assert lock.holder(path) is None
    assert lock.acquire(path)
    lock.release(path)


def test_a_lock_that_nobody_made_is_held_by_nobody(tmp_path: Path) -> None:
    assert lock.holder(tmp_path / "lab.lock") is None


def test_a_lock_whose_file_was_removed_is_taken_on_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.lock"
    with held_by_another(path) as other:
        path.unlink()
        assert lock.acquire(path)
        assert path.exists()
        other.kill()
    lock.release(path)


def test_two_who_ask_at_once_are_not_both_given_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.lock"
    once = HOLD.replace("time.sleep(60)", "time.sleep(1)")
    command = [sys.executable, "-c", once, str(path)]
    all_of_them = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    said = [one.communicate()[0] for one in all_of_them]
    assert sorted(said) == ["False\n"] * 4 + ["True\n"]


def test_a_holder_sees_that_its_locks_file_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "lab.lock"
    assert lock.acquire(path)
    assert lock.still_there(path)
    path.unlink()
    assert not lock.still_there(path)
    path.touch()
    assert not lock.still_there(path)
    lock.release(path)
