from pathlib import Path

import pytest

from faildrill.errors import WrongUsage
from faildrill.lab.core.folders import every_place, place
from faildrill.system.state_folder import where


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc",
        "a\0b",
        "A",
        "-a",
        "a-",
        "a" * 33,
        "a\n",
        "\u2024\u2024",
        "lab.lock",
        "x" * 4096,
    ],
)
def test_a_name_is_never_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="can't be the name of a lab"):
        place(name, tmp_path)


@pytest.mark.parametrize("name", ["lab", "a", "lab-2", "my_lab", "a" * 32])
def test_a_plain_name_is_a_folder_below_the_state(name: str, tmp_path: Path) -> None:
    assert place(name, tmp_path).folder == tmp_path / "labs" / name


def test_sockets_lie_in_the_labs_folder_when_its_path_is_short_enough() -> None:
    assert place("lab", Path("/short")).run == Path("/short/labs/lab/run")


def test_sockets_of_a_long_state_path_lie_in_a_short_folder(tmp_path: Path) -> None:
    run = place("lab", tmp_path / ("long" * 30)).run
    assert len(str(run / ".s.PGSQL.12345.lock")) < 107


def test_two_labs_never_share_a_short_folder(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 30)
    assert place("one", root).run != place("two", root).run


def test_the_folder_of_the_sockets_is_remembered_whatever_the_temporary_folder_is(tmp_path: Path) -> None:
    its = place("lab", tmp_path)
    its.folder.mkdir(parents=True)
    (its.folder / "run").symlink_to("/somewhere/else")
    assert its.run == Path("/somewhere/else")


def test_state_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path))
    assert where() == tmp_path


def test_state_is_where_the_standard_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FAILDRILL_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert where() == tmp_path / "faildrill"


def test_every_lab_that_left_a_folder_or_a_lock_is_found(tmp_path: Path) -> None:
    (tmp_path / "labs" / "one").mkdir(parents=True)
    (tmp_path / "labs" / "two.lock").touch()
    assert [its.name for its in every_place(tmp_path)] == ["one", "two"]
