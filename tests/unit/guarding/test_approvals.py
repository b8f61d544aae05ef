"""Approvals: by named people, for one version of a drill in one place, for a while, never by who runs it."""

import getpass
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.guarding import approvals
from faildrill.model.drill import Drill, ProbePlan, Step, Way
from faildrill.model.environment import Approvals, Environment
from faildrill.ports.target import KindUse

DRILL = Drill(
    name="crash",
    environment="staging",
    probes=(ProbePlan(name="pay", use=KindUse(kind="simulated.service"), every=1.0, timeout=1.0),),
    steps=(Step(id="kill", name="kill", use=KindUse(kind="simulated.fault", params={"name": "pay"})),),
    expect=(KindUse(kind="steady_again"),),
)
IDENTITY = (KindUse(kind="simulated.word", params={"about": "staging 7"}),)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path))
    return asking()


def asking(**how: Any) -> Environment:
    rules = {"by": ("ada", "grace"), "one_login": True, **how}
    return Environment(name="staging", drillable=True, identity=IDENTITY, approvals=Approvals(**rules))


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_drill_is_refused_until_somebody_named_has_approved_it(place: Environment) -> None:
    assert "0 of 1 approvals by ada, grace" in str(approvals.objection(DRILL, place))
    approvals.approve(DRILL, place, "ada", 60)
    assert approvals.objection(DRILL, place) is None


def test_an_environment_that_asks_for_none_needs_none(place: Environment) -> None:
    assert approvals.objection(DRILL, place.model_copy(update={"approvals": None})) is None


@pytest.mark.usefixtures("place")
def test_the_same_person_counts_once() -> None:
    place = asking(at_least=2)
    approvals.approve(DRILL, place, "ada", 60)
    path = approvals.approve(DRILL, place, "ada", 120)
    path.with_name("another-ada.json").write_bytes(path.read_bytes())
    assert "1 of 2" in str(approvals.objection(DRILL, place))
    approvals.approve(DRILL, place, "grace", 60)
    assert approvals.objection(DRILL, place) is None


def test_an_approval_of_a_drill_is_one_of_each_of_its_ways(place: Environment) -> None:
    more = Step(id="more", name="more", use=KindUse(kind="simulated.fault"))
    ways = (Way(name="left alone"), Way(name="worse", steps=(more,), expect=(KindUse(kind="errors"),)))
    drill = DRILL.model_copy(update={"ways": ways})
    approvals.approve(drill, place, "ada", 60)
    assert [approvals.objection(drill.taking(way), place) for way in ways] == [None, None]
    other = drill.model_copy(update={"ways": (*ways, Way(name="another"))})
    assert "0 of 1" in str(approvals.objection(other.taking(ways[0]), place))


def test_a_drill_that_was_changed_is_not_approved(place: Environment) -> None:
    approvals.approve(DRILL, place, "ada", 60)
    other = DRILL.model_copy(update={"warm_up": 1.0})
    assert "0 of 1" in str(approvals.objection(other, place))


NOW = datetime.now(UTC)
WRONG: list[tuple[dict[str, object], str]] = [
    ({"by": "eve"}, "not among those who may"),
    ({"drill": "other"}, "is for other"),
    ({"digest": "0" * 32}, "another version"),
    ({"identity": "0" * 16}, "another place"),
    ({"until": (NOW - timedelta(seconds=1)).isoformat()}, "does not hold now"),
    ({"at": (NOW + timedelta(hours=1)).isoformat()}, "does not hold now"),
    ({"until": (NOW + timedelta(days=8)).isoformat()}, "longer than an approval may"),
    ({"until": "never"}, "can't be read"),
    ({"until": "2999-01-01T00:00:00"}, "can't be read"),
    ({"until": 5}, "can't be read"),
    ({"by": ["ada"]}, "not among"),
    ({"more": 1}, "can't be read"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_an_approval_that_is_not_exactly_for_this_approves_nothing(
    place: Environment, fields: dict[str, object], said: str
) -> None:
    change(approvals.approve(DRILL, place, "ada", 60), **fields)
    assert said in str(approvals.objection(DRILL, place))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 4000, b"null"])
def test_garbage_approves_nothing(place: Environment, content: bytes) -> None:
    approvals.approve(DRILL, place, "ada", 60).write_bytes(content)
    assert "can't be read" in str(approvals.objection(DRILL, place))


def test_a_link_to_an_approval_approves_nothing(place: Environment, tmp_path: Path) -> None:
    path = approvals.approve(DRILL, place, "ada", 60)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "can't be read" in str(approvals.objection(DRILL, place))


@pytest.mark.usefixtures("place")
def test_who_runs_a_drill_can_t_approve_it() -> None:
    place = asking(by=(getpass.getuser(),))
    approvals.approve(DRILL, place, getpass.getuser(), 60)
    assert "so can't approve it" in str(approvals.objection(DRILL, place))


@pytest.mark.usefixtures("place")
def test_the_login_that_runs_a_drill_can_t_write_an_approval_under_another_name() -> None:
    place = asking(one_login=False)
    path = approvals.approve(DRILL, place, "ada", 60)
    assert "written by the login that runs" in str(approvals.objection(DRILL, place))
    if os.getuid() == 0:  # only root can give a file away
        os.chown(path, 65534, -1)
        assert approvals.objection(DRILL, place) is None


FILES = {
    "drills/environments/staging.yaml": """
environment: staging
drillable: true
identity: [{simulated.word: {about: staging 7}}]
approvals: {by: [ada, grace], one_login: true}
""",
    "drills/crash.yaml": """
drill: crash
environment: staging
probes: {pay: {simulated.service: {folder: /nowhere, name: pay}, every: 20ms}}
steps: [{name: take it down, simulated.fault: {folder: /nowhere, name: pay}}]
expect: [{steady_again: {within: 10s}}]
""",
}


def _faildrill(folder: Path, *words: str) -> Result:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return CliRunner().invoke(cli, [words[0], str(folder / "drills/crash.yaml"), *words[1:]])


@pytest.mark.usefixtures("place")
def test_approve_is_for_those_who_may(tmp_path: Path) -> None:
    eve = _faildrill(tmp_path, "approve", "--as", "eve")
    assert (eve.exit_code, "those who may: ada, grace" in eve.output) == (2, True)
    long = _faildrill(tmp_path, "approve", "--as", "ada", "--for", "8d")
    assert (long.exit_code, "7" in long.output or "168 h" in long.output) == (2, True)


@pytest.mark.usefixtures("place")
def test_plan_shows_what_approve_has_changed(tmp_path: Path) -> None:
    assert "objects  approvals" in _faildrill(tmp_path, "plan").output
    assert _faildrill(tmp_path, "approve", "--as", "ada").exit_code == 0
    assert "agrees   approvals" in _faildrill(tmp_path, "plan").output
