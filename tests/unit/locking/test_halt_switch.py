"""The switch of an environment: thrown, taken back, and never overruled by a file that can't be read."""

from pathlib import Path

import pytest

from faildrill.locking.halt_switch import FILE, Halt, all_halts, halt, halted, objection, resume
from faildrill.locking.place_key import PlaceKey

ID = "0123456789abcdef"
PLACE = PlaceKey(ID)
HALT = Halt("lab", "ada", "the quarter is closed", "2026-11-22T10:30:00Z", ID)


@pytest.fixture
def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path))
    folder = tmp_path / "environments" / ID
    folder.mkdir(parents=True)
    return folder / FILE


@pytest.mark.usefixtures("switch")
def test_an_environment_is_not_halted_by_itself() -> None:
    assert (halted(PLACE), objection(PLACE), list(all_halts())) == (None, None, [])


@pytest.mark.usefixtures("switch")
def test_who_halted_it_and_why_is_told() -> None:
    halt(PLACE, HALT)
    assert halted(PLACE) == HALT
    assert list(all_halts()) == [(ID, HALT)]
    assert "halted by ada" in str(objection(PLACE))
    assert "the quarter is closed" in str(objection(PLACE))


@pytest.mark.usefixtures("switch")
def test_resuming_tells_what_it_was_and_ends_it() -> None:
    halt(PLACE, HALT)
    assert resume(PLACE) == HALT
    assert halted(PLACE) is None
    assert resume(PLACE) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"by": 1}', b"\xff\xfe", b"[" * 8000, b"\0" * 9000])
def test_a_switch_that_holds_anything_else_is_thrown(switch: Path, content: bytes) -> None:
    switch.write_bytes(content)
    assert "can't be read" in str(objection(PLACE))


def test_a_switch_that_is_no_file_is_thrown(switch: Path) -> None:
    switch.mkdir()
    assert "can't be read" in str(objection(PLACE))


def test_a_switch_that_leads_in_a_circle_is_thrown(switch: Path) -> None:
    switch.symlink_to(switch)
    assert "can't be read" in str(objection(PLACE))


def test_state_that_can_t_be_reached_is_a_thrown_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "file" / "state"))
    assert "can't be read" in str(objection(PLACE))
