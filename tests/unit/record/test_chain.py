"""The chain of a history: linked, never torn, never in the way."""

import fcntl
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.record import chain, run_set


def lines(runs: Path, number: int = 3) -> bytes:
    for one in range(number):
        chain.append(runs, chain.Begun(run=f"run-{one}", drill="crash", environment="lab", start=""), SystemClock())
    return (runs / chain.FILE).read_bytes()


def test_each_line_names_the_one_before_it(tmp_path: Path) -> None:
    found = chain.decode(lines(tmp_path))
    assert found.broken is None
    assert [link.what.run for link in found.links] == ["run-0", "run-1", "run-2"]
    assert [bool(link.previous) for link in found.links] == [False, True, True]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        pytest.param(lambda all_of: all_of[1:], 1, id="the first is gone"),
        pytest.param(lambda all_of: [all_of[0], all_of[2]], 2, id="one is gone"),
        pytest.param(lambda all_of: [all_of[1], all_of[0], all_of[2]], 1, id="in another order"),
        pytest.param(lambda all_of: [*all_of, all_of[2]], 4, id="one is there twice"),
        pytest.param(lambda all_of: [all_of[0], all_of[1].replace(b"run-1", b"run-7"), all_of[2]], 2, id="changed"),
        pytest.param(lambda all_of: [*all_of, b'{"crc":"'], 4, id="cut off"),
        pytest.param(lambda all_of: all_of[:2], None, id="the last is gone, which nothing here tells"),
    ],
)
def test_it_is_read_up_to_where_it_breaks(
    change: Callable[[list[bytes]], list[bytes]], broken: int | None, tmp_path: Path
) -> None:
    content = b"".join(change(lines(tmp_path).splitlines(keepends=True)))
    assert chain.decode(content).broken == broken


def test_a_line_that_a_writer_died_in_is_cut_off(tmp_path: Path) -> None:
    content = lines(tmp_path)
    (tmp_path / chain.FILE).write_bytes(content + b'{"crc":"0000')
    assert lines(tmp_path, 1).startswith(content)
    assert chain.decode((tmp_path / chain.FILE).read_bytes()).broken is None


def test_what_somebody_else_wrote_stays_and_breaks_it(tmp_path: Path) -> None:
    content = lines(tmp_path) + b"mine\n"
    (tmp_path / chain.FILE).write_bytes(content)
    found = chain.decode(lines(tmp_path, 1))
    assert (found.broken, len(found.links)) == (4, 3)


def test_one_that_somebody_holds_is_waited_for_no_longer_than_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(tmp_path, 1)
    monkeypatch.setattr(chain, "_PATIENCE", 0.05)
    descriptor = os.open(tmp_path / chain.FILE, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError):
        lines(tmp_path, 1)
    os.close(descriptor)


def test_it_is_never_a_link_to_somewhere_else(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / chain.FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        lines(tmp_path, 1)


@pytest.mark.parametrize(("folder", "mode"), [(0o700, 0o600), (0o755, 0o644), (0o2775, 0o664), (0o750, 0o640)])
def test_whoever_may_write_in_the_folder_of_runs_may_write_its_chain(tmp_path: Path, folder: int, mode: int) -> None:
    tmp_path.chmod(folder)
    before = os.umask(0o077)
    try:
        lines(tmp_path, 2)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / chain.FILE).stat().st_mode) == mode


def test_a_chain_that_somebody_has_made_his_own_stays_so(tmp_path: Path) -> None:
    lines(tmp_path, 1)
    (tmp_path / chain.FILE).chmod(0o600)
    tmp_path.chmod(0o2775)
    lines(tmp_path, 1)
    assert stat.S_IMODE((tmp_path / chain.FILE).stat().st_mode) == 0o600


def test_a_run_of_a_set_is_in_the_chain_of_the_folder_that_holds_the_set(tmp_path: Path) -> None:
    (tmp_path / "set" / "run").mkdir(parents=True)
    (tmp_path / "set" / run_set.FILE).touch()
    assert chain.home(tmp_path / "set" / "run") == tmp_path
    assert chain.name_of(tmp_path / "set" / "run") == "set/run"
    assert chain.name_of(tmp_path / "set") == "set"


def test_lines_that_are_written_at_once_are_all_there_and_linked(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: lines(tmp_path, 10), range(4)))
    found = chain.decode((tmp_path / chain.FILE).read_bytes())
    assert (found.broken, len(found.links)) == (None, 40)
