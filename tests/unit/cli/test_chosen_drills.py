"""Which drills a command line means: files, folders, names, tags."""

from pathlib import Path

import pytest

from faildrill.cli.chosen_drills import Choice, called, chosen, drills_in
from faildrill.errors import WrongUsage

DRILL = """\
drill: {name}
environment: simulation
{more}
probes:
  pay: {{simulated.service: {{folder: /place, name: pay}}, every: 20ms}}
steps:
  - name: break it
    simulated.fault: {{folder: /place, name: pay}}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""
PLACE = "environment: simulation\ndrillable: true\nidentity:\n  - simulated.word: {about: here}\n"
WAYS = "ways:\n  - name: left alone\n  - name: mended\n"


def drill(folder: Path, name: str, more: str = "", file: str = "") -> Path:
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    (folder / "environments" / "simulation.yaml").write_text(PLACE, encoding="utf-8")
    path = folder / (file or f"{name}.yaml")
    path.write_text(DRILL.format(name=name, more=more), encoding="utf-8")
    return path


def names(*paths: Path, only: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> list[str]:
    with chosen(list(paths), Choice(only, tags), None, tell=False) as found:
        return [one.name for one in found.members]


def test_a_folder_gives_its_drills_by_name_and_passes_over_what_is_none(tmp_path: Path) -> None:
    drill(tmp_path, "b")
    drill(tmp_path, "a", file="a.yml")
    (tmp_path / "place.yaml").write_text(PLACE, encoding="utf-8")
    (tmp_path / "words.yaml").write_text("standard: words\n", encoding="utf-8")
    drill(tmp_path / "deeper", "c")
    assert [one.name for one in drills_in([tmp_path])] == ["a.yml", "b.yaml"]


def test_files_and_folders_come_in_the_order_given_each_drill_once(tmp_path: Path) -> None:
    first, second = drill(tmp_path / "x", "z"), drill(tmp_path / "x", "a")
    other = drill(tmp_path, "m")
    assert names(other, first, tmp_path / "x" / ".." / "x") == ["m", "z", "a"]
    assert second.exists()


def test_a_suite_is_called_like_its_folder(tmp_path: Path) -> None:
    one, two = drill(tmp_path / "nightly", "a"), drill(tmp_path / "nightly", "b")
    assert called([tmp_path / "nightly"]) == "nightly"
    assert called([one, two]) == "drills"
    odd = tmp_path / "Every Night!"
    odd.mkdir()
    assert called([odd]) == "drills"


def test_drills_are_chosen_by_name_and_by_tag(tmp_path: Path) -> None:
    drill(tmp_path, "pg-crash", "tags: [nightly, database]")
    drill(tmp_path, "pg-switch", "tags: [database]")
    drill(tmp_path, "skew", "tags: [nightly]")
    assert names(tmp_path, only=("pg-*",)) == ["pg-crash", "pg-switch"]
    assert names(tmp_path, tags=("nightly",)) == ["pg-crash", "skew"]
    assert names(tmp_path, only=("pg-*",), tags=("nightly",)) == ["pg-crash"]
    assert names(tmp_path, only=("skew", "pg-crash")) == ["pg-crash", "skew"]
    with chosen([tmp_path], Choice(tags=("nightly",)), None, tell=False) as found:
        assert found.left_out == 1


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(only=("pg-crsh",)), "none of the drills has the name 'pg-crsh'; did you mean 'pg-crash'?"),
        (Choice(tags=("nihgtly",)), "none of the drills has the tag 'nihgtly'; did you mean 'nightly'?"),
        (
            Choice(only=("skew",), tags=("nightly",)),
            "none of the 2 drills has one of those names and one of those tags",
        ),
    ],
)
def test_a_choice_that_means_no_drill_is_refused(choice: Choice, said: str, tmp_path: Path) -> None:
    drill(tmp_path, "pg-crash", "tags: [nightly]")
    drill(tmp_path, "skew")
    with pytest.raises(WrongUsage) as caught, chosen([tmp_path], choice, None, tell=False):
        pass
    assert said in str(caught.value)


def test_two_drills_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = drill(tmp_path, "a"), drill(tmp_path, "a", file="b.yaml")
    with pytest.raises(WrongUsage) as caught, chosen([one, other], Choice(), None, tell=False):
        pass
    assert str(caught.value) == f"{one} and {other} both hold a drill called a: rename one"


def test_a_folder_without_a_drill_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage) as caught:
        drills_in([tmp_path])
    assert f"no drill in {tmp_path}/" in str(caught.value)


def test_the_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    drill(tmp_path, "a", "wram_up: 3s")
    drill(tmp_path, "b", "owner: 7")
    drill(tmp_path, "c")
    with pytest.raises(WrongUsage) as caught, chosen([tmp_path], Choice(), None, tell=False):
        pass
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path}/a.yaml:3:1: unknown key 'wram_up'")
    assert second.startswith(f"{tmp_path}/b.yaml:3:8: must be text")


def test_each_way_of_a_drill_is_a_drill_of_the_suite(tmp_path: Path) -> None:
    drill(tmp_path, "skew", WAYS)
    drill(tmp_path, "crash")
    assert names(tmp_path) == ["crash", "skew: left alone", "skew: mended"]
