"""Processes as the kernel shows them: real ones, with names and threads that a careless reader trips over."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faildrill.system import processes


@contextmanager
def _sleeping(*words: str) -> Iterator[int]:
    with subprocess.Popen(words or ("sleep", "600")) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_name_with_brackets_and_blanks_shifts_no_field() -> None:
    program = "open('/proc/self/comm', 'w').write('a) R 1 (b'); print(flush=True); import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout
            child.stdout.readline()
            assert processes.name(child.pid) == "a) R 1 (b"
            assert processes.read(child.pid).parent == os.getpid()
            assert processes.state(child.pid) in "SR"
        finally:
            child.kill()


def test_a_child_that_another_thread_started_is_a_child_of_the_process() -> None:
    started, done = [], threading.Event()

    def start() -> None:
        started.append(subprocess.Popen(["sleep", "600"]))
        done.wait(60)  # its children are its process's, once it is gone

    thread = threading.Thread(target=start)
    thread.start()
    while not started:
        thread.join(0.01)
    try:
        assert started[0].pid in processes.children(os.getpid())
    finally:
        done.set()
        thread.join()
        started[0].kill()
        started[0].wait()


def test_what_remains_of_a_process_is_read_and_is_none_that_lives() -> None:
    with _sleeping("true") as pid:
        while processes.state(pid) != "Z":
            pass
        assert processes.look(pid) is None
        assert processes.command_line(pid) == []
        assert processes.read(pid).pid == pid


def test_all_below_a_process_are_told_and_it_itself_is_not() -> None:
    with _sleeping("sh", "-c", "sleep 600 & sleep 600 & wait") as pid:
        while len(processes.descendants(pid)) < 2:
            pass
        below = processes.descendants(pid)
        assert [one.parent for one in below] == [pid, pid]
        assert {processes.title(one.pid) for one in below} <= {"sleep 600", "sh -c sleep 600 & sleep 600 & wait"}
        for one in below:
            os.kill(one.pid, 9)


@pytest.mark.parametrize("ask", [processes.read, processes.command_line, processes.environment, processes.children])
def test_what_is_not_there_raises_for_whoever_must_know(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(OSError, match="No such"):
        ask(2**22 + 1)


def test_what_is_not_there_has_no_state_no_name_and_no_title() -> None:
    nobody = 2**22 + 1
    assert [processes.state(nobody), processes.name(nobody), processes.title(nobody)] == ["", "", ""]


def test_a_descriptor_is_told_by_what_it_leads_to(tmp_path: Path) -> None:
    with (tmp_path / "held").open("wb"):
        assert str(tmp_path / "held") in set(processes.descriptors(os.getpid()))
    assert str(tmp_path / "held") not in set(processes.descriptors(os.getpid()))


def test_what_it_was_started_with_is_read_from_it() -> None:
    with _sleeping("env", "-i", "A=b", "sleep", "600") as pid:
        while processes.title(pid) != "sleep 600":
            pass
        assert b"A=b" in processes.environment(pid)
        assert processes.program(pid) == os.path.realpath("/usr/bin/sleep")
        assert processes.working_folder(pid) == str(Path.cwd())
