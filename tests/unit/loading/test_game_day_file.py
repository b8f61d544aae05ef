"""A game day's file: read strictly, every mistake at its place with what to do."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.errors import InvalidFile, WrongUsage
from faildrill.loading.game_day_file import game_days, load_game_day

GOOD = """\
game_day: quarterly
about: The payments database
owner: payments-sre
drills: [../one.yaml]
environment: staging
keep_going: true
when:
  - {cron: "0 10 1 */3 *", zone: Europe/Berlin}
  - {dates: "2027-05-04 10:00", zone: UTC}
roles: {driver: anna, observers: [ben, cy]}
announce:
  - {before: 7d, to: "#payments", text: next week the database is failed over}
blocked:
  - window.blocked: {zone: Europe/Berlin, dates: ["2026-12-18..2027-01-06"]}
  - file.absent: {path: INCIDENT}
missed: {late_within: 2h}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").touch()
    (tmp_path / "game-days").mkdir()
    return tmp_path / "game-days"


def written(folder: Path, text: str, name: str = "day.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_says_is_read(folder: Path) -> None:
    day = load_game_day(written(folder, GOOD))
    assert day.name == "quarterly"
    assert [Path(one).name for one in day.drills] == ["one.yaml"]
    assert (day.environment, day.keep_going, day.late_within) == ("staging", True, 7200.0)
    assert day.roles == {"driver": ("anna",), "observers": ("ben", "cy")}
    assert day.announce[0].before == 7 * 86400
    assert day.blocked[1].params["path"] == str(folder / "INCIDENT")


MISTAKES = [
    ("when:", "wen:", "7:1: unknown key 'wen'; did you mean 'when'?"),
    (
        '"0 10 1 */3 *"',
        '"0 10 1 *"',
        "8:12: cron has five fields: minute, hour, day of the month, month, day of the week",
    ),
    ('"0 10 1 */3 *"', '"0 25 * * *"', "8:12: is no cron: bad hour"),
    ('"0 10 1 */3 *"', '"*/5 * * * *"', "8:12: comes more often than every 15 minutes"),
    ('"0 10 1 */3 *"', '"0 0 31 2 *"', "8:12: is no cron: bad day-of-month"),
    ("zone: Europe/Berlin}\n  - {d", "zone: Europe/Berlim}\n  - {d", "8:34: no time zone is called that"),
    (", zone: UTC}", "}", "9:5: `zone` is missing"),
    ('"2027-05-04 10:00"', '"2027-05-04"', "9:13: a date is given with its time by the clock of `zone`"),
    (
        '2027-05-04 10:00", zone: UTC',
        '2027-03-28 02:30", zone: Europe/Berlin',
        "9:5: 2027-03-28 02:30 never comes in Europe/Berlin",
    ),
    ("../one.yaml", "../two.yaml", "4:10: there is no"),
    ("drills: [../one.yaml]", "drills: []", "4:1: `drills` is empty: which drills, in which order?"),
    ("before: 7d", "before: 7", "12:14: a time needs a unit"),
    ("text: next week the database is failed over", "txt: x", "12:35: unknown key 'txt'; did you mean 'text'?"),
    ("driver: anna", "driver: []", "10:17: nobody takes part in this role"),
    ("window.blocked", "window.bloked", "14:5: no kind of guard is called 'window.bloked'"),
    ("missed: {late_within: 2h}", "missed: later", "16:9: must be `skip`, or {late_within: TIME}"),
    ("game_day: quarterly", "game_day: ../up", "1:11: "),
]


@pytest.mark.parametrize(("good", "bad", "message"), MISTAKES)
def test_a_mistake_is_told_at_its_place(folder: Path, good: str, bad: str, message: str) -> None:
    assert good in GOOD
    path = written(folder, GOOD.replace(good, bad, 1))
    with pytest.raises(InvalidFile) as told:
        load_game_day(path)
    assert f"{path}:{message}" in str(told.value)


def test_all_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    written(folder, GOOD.replace("skip", "x").replace("10 1 */3", "25 1 */3"), "a.yaml")
    written(folder, GOOD.replace("keep_going: true", "keep_going: 1"), "b.yaml")
    with pytest.raises(WrongUsage) as told:
        game_days([folder])
    assert "a.yaml:8:" in str(told.value)
    assert "b.yaml:6:" in str(told.value)


def test_the_example_in_this_repository_is_one() -> None:
    [day] = game_days([Path(__file__).parents[3] / "drills" / "game-days"]).values()
    assert day.name == "quarterly-failover"


def test_validate_knows_a_game_day_and_its_mistakes(folder: Path) -> None:
    good = CliRunner().invoke(cli, ["validate", str(written(folder, GOOD))])
    assert (good.exit_code, good.output.endswith("day.yaml: valid\n")) == (0, True)
    bad = CliRunner().invoke(cli, ["validate", str(written(folder, GOOD.replace("when:", "wen:"), "bad.yaml"))])
    assert bad.exit_code != 0
    assert "7:1: unknown key 'wen'; did you mean 'when'?" in bad.output


def test_two_files_can_t_have_one_name(folder: Path) -> None:
    written(folder, GOOD, "a.yaml")
    written(folder, GOOD, "b.yaml")
    with pytest.raises(WrongUsage, match=r"b.yaml:1:1: .*a.yaml is called 'quarterly', too: rename one of the two"):
        game_days([folder])
