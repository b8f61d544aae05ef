"""A drill file into a drill."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from faildrill.adapters.http.target import Service
from faildrill.adapters.member.target import Group, GroupMember
from faildrill.errors import ActionRefused, InvalidFile, WrongUsage
from faildrill.kinds import build
from faildrill.loading import complete, fill_in, load_drill, load_environment
from faildrill.loading.drill_file import Loaded
from faildrill.model.drill import Condition, Drill, Parallel, Step, Wait
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from unit.loading.trees import spoil

DRILLS = Path(__file__).parents[3] / "drills"
ON_THE_LAB = [path for path in sorted(DRILLS.glob("*.yaml")) if "\nenvironment: lab\n" in path.read_text()]
"""Those for which there is an example of an environment file."""
HEAD = """\
drill: case
environment: example
probes:
  pay: {simulated.service: {folder: /place, name: pay}, every: 20ms}
expect:
  - outage: {of: pay, at_most: 30s}
"""


@pytest.fixture(scope="module")
def example() -> Environment:
    return load_environment(DRILLS / "environments" / "example.yaml")


def _load(tmp_path: Path, text: str, environment: Environment | None) -> Loaded:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return load_drill(path, environment)


def _steps(tmp_path: Path, steps: str, environment: Environment | None) -> tuple[Step | Wait | Parallel, ...]:
    return _load(tmp_path, f"{HEAD}steps:\n{steps}", environment).drill.steps


@pytest.mark.parametrize("path", ON_THE_LAB, ids=lambda path: path.stem)
def test_every_drill_here_is_valid_and_nothing_in_it_is_doubtful(path: Path, example: Environment) -> None:
    loaded = load_drill(path, example)
    assert loaded.drill.name == path.stem
    assert loaded.warnings == ()


@pytest.mark.parametrize("path", sorted(DRILLS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_drill_here_is_valid_by_itself_too(path: Path) -> None:
    assert load_drill(path, None).drill.environment in ("lab", "lab-hosts")


def test_a_loaded_drill_is_plain_data(example: Environment) -> None:
    drill = load_drill(DRILLS / "postgres-primary-crash.yaml", example).drill
    assert Drill.model_validate_json(drill.model_dump_json()) == drill


def test_what_is_loaded_can_be_built_without_the_environment(example: Environment) -> None:
    drill = load_drill(DRILLS / "postgres-primary-crash.yaml", example).drill
    for probe in drill.probes:
        build(probe.use, "probe")
    for use in drill.expect:
        build(use, "expectation")
    for use in drill.abort_when:
        build(use, "abort")
    [kill, *_] = drill.steps
    assert isinstance(kill, Step)
    assert build(kill.use, "action").cluster.members["pg1"].reach.kind == "lab.supervisor"


def test_the_probes_of_the_environment_are_watched_beside_the_drill_s(tmp_path: Path, example: Environment) -> None:
    drill = _load(tmp_path, HEAD + "steps:\n  - wait: 1s\n", example).drill
    assert {probe.name: probe.by for probe in drill.probes} == {
        "pay": "drill",
        "redundancy": "environment",
        "backends": "environment",
    }


def test_what_the_file_leaves_out_has_its_default(tmp_path: Path, example: Environment) -> None:
    steps = "steps:\n  - name: x\n    member.kill: {group: payment-servers, member: pay1}\n"
    drill = _load(tmp_path, HEAD + steps, example).drill
    [step] = drill.steps
    assert isinstance(step, Step)
    assert (step.id, step.within, step.undo_within, step.undo.how, step.late) == ("x", 30.0, 60.0, "own", False)
    probe = drill.probes[0]
    assert (probe.every, probe.timeout, probe.slow, probe.in_flight) == (0.02, 1.0, None, 0)


def test_a_wait_is_for_a_time_or_until_something_is_seen(tmp_path: Path, example: Environment) -> None:
    first, second, third = _steps(
        tmp_path,
        "  - wait: 1m30s\n"
        "  - {name: good again, wait: {until: all are ok, for: 3s, within: 1m}}\n"
        "  - {wait: {until: backends saw not pay1, within: 5s}}\n",
        example,
    )
    assert first == Wait(id="wait-1-min-30-s", name="wait 1 min 30 s", hold=90.0, within=90.0)
    assert second == Wait(id="good-again", name="good again", until=Condition(probe=None), hold=3.0, within=60.0)
    assert isinstance(third, Wait)
    assert third.until == Condition(probe="backends", state="saw not", who="pay1")


def test_waits_without_a_name_are_told_apart(tmp_path: Path, example: Environment) -> None:
    assert [step.id for step in _steps(tmp_path, "  - wait: 1s\n  - wait: 1s\n", example)] == ["wait-1-s", "wait-1-s-2"]


def test_steps_in_a_group_are_done_at_once(tmp_path: Path, example: Environment) -> None:
    [group] = _steps(
        tmp_path,
        "  - name: both\n    parallel:\n"
        "      - {name: a, member.kill: {group: payment-servers, member: pay1}}\n"
        "      - {name: b, member.stop: {group: payment-servers, member: pay2}, undo: none}\n"
        "      - wait: 1s\n",
        example,
    )
    assert isinstance(group, Parallel)
    assert [step.id for step in group.steps] == ["a", "b", "wait-1-s"]
    assert isinstance(group.steps[1], Step)
    assert group.steps[1].undo.how == "none"


def test_an_undo_can_be_another_action(tmp_path: Path, example: Environment) -> None:
    [step] = _steps(
        tmp_path,
        "  - name: a\n    simulated.fault: {folder: /place, name: pay}\n"
        "    undo: {simulated.fault: {folder: /place, name: other}}\n",
        example,
    )
    assert isinstance(step, Step)
    assert step.undo.use == KindUse(kind="simulated.fault", params={"folder": "/place", "name": "other"})


def test_a_reference_that_stands_alone_keeps_its_type(tmp_path: Path, example: Environment) -> None:
    [step] = _steps(
        tmp_path,
        "  - name: a\n    patroni.kill_primary:\n"
        '      {cluster: payments, lag_at_most: "${databases.payments.port}"}\n',
        example,
    )
    assert isinstance(step, Step)
    assert step.use.params["lag_at_most"] == 5000


def test_a_reference_inside_a_text_is_written_out(tmp_path: Path, example: Environment) -> None:
    text = HEAD.replace("/place", '"${services.payments}/${databases.payments.port}/$${x}"') + "steps: [{wait: 1s}]\n"
    [probe, *_] = _load(tmp_path, text, example).drill.probes
    assert probe.use.params["folder"] == "http://127.0.0.1:8080/5000/${x}"


def test_what_a_step_gives_is_put_in_when_a_later_step_is_due(tmp_path: Path, example: Environment) -> None:
    first, second = _steps(
        tmp_path,
        "  - name: one\n    simulated.fault: {folder: /place, name: pay}\n"
        '  - name: two\n    simulated.fault: {folder: "${services.payments}/$${x}/${steps.one.was}", name: pay}\n',
        example,
    )
    assert isinstance(first, Step)
    assert isinstance(second, Step)
    assert (first.late, second.late) == (False, True)
    done = complete(second.use, {"one": {"was": "${steps.one.was}"}})
    assert done.params["folder"] == "http://127.0.0.1:8080/${x}/${steps.one.was}"


def test_what_the_environment_holds_is_never_read_as_a_reference(tmp_path: Path, example: Environment) -> None:
    odd = Service(name="payments", url="http://x/${steps.one.was}")
    pay1 = GroupMember(name="pay1", address="10.0.0.1:8080")
    group = Group(name="payment-servers", members={"pay1": pay1}, unproven="${steps.one.was}")
    environment = example.model_copy(
        update={"targets": {"services": {"payments": odd}, "groups": {"payment-servers": group}}}
    )
    _, two, three = _steps(
        tmp_path,
        "  - name: one\n    simulated.fault: {folder: /place, name: pay}\n"
        '  - name: two\n    simulated.fault: {folder: "${services.payments}/${steps.one.was}", name: pay}\n'
        '  - name: three\n    member.kill: {group: payment-servers, member: "${steps.one.was}"}\n',
        environment,
    )
    assert isinstance(two, Step)
    assert isinstance(three, Step)
    given = {"one": {"was": "up"}}
    assert complete(two.use, given).params["folder"] == "http://x/${steps.one.was}/up"
    assert complete(three.use, given).params == {"group": group.model_dump(mode="json"), "member": "up"}


def test_what_a_step_gives_keeps_its_type(tmp_path: Path, example: Environment) -> None:
    _, second = _steps(
        tmp_path,
        "  - name: one\n    simulated.fault: {folder: /place, name: pay}\n"
        '  - name: two\n    patroni.kill_primary: {cluster: payments, lag_at_most: "${steps.one.lag}"}\n',
        example,
    )
    assert isinstance(second, Step)
    assert complete(second.use, {"one": {"lag": 7}}).params["lag_at_most"] == 7


def test_a_late_step_whose_reference_leads_nowhere_is_refused(tmp_path: Path, example: Environment) -> None:
    _, second = _steps(
        tmp_path,
        "  - name: one\n    simulated.fault: {folder: /place, name: pay}\n"
        '  - name: two\n    simulated.fault: {folder: "${steps.one.wsa}", name: pay}\n',
        example,
    )
    assert isinstance(second, Step)
    with pytest.raises(ActionRefused, match=r"\$\{steps.one.wsa\}: steps.one has no 'wsa'; there is was"):
        complete(second.use, {"one": {"was": "up"}})


def test_a_condition_can_wait_for_who_a_step_named(tmp_path: Path, example: Environment) -> None:
    _, second = _steps(
        tmp_path,
        "  - name: one\n    simulated.fault: {folder: /place, name: pay}\n"
        '  - wait: {until: "pay saw not ${steps.one.primary}", within: 5s}\n',
        example,
    )
    assert isinstance(second, Wait)
    assert second.until is not None
    assert fill_in(second.until.who or "", {"one": {"primary": "pg1"}}) == "pg1"
    assert fill_in("pay1", {}) == "pay1"


def test_a_drill_that_only_watches_is_valid_and_doubtful(tmp_path: Path, example: Environment) -> None:
    [warning] = _load(tmp_path, HEAD + "steps:\n  - wait: 1s\n", example).warnings
    assert warning.message == "no step is an action: this drill only watches"


def test_without_an_environment_a_probe_that_is_not_the_drill_s_is_doubtful(tmp_path: Path) -> None:
    text = HEAD + "steps:\n  - {name: x, member.kill: {group: payment-servers, member: pay1}}\n"
    [warning] = _load(tmp_path, text.replace("of: pay", "of: backends"), None).warnings
    assert (warning.line, warning.column) == (6, 18)
    assert "no probe of this drill is called 'backends'" in warning.message


def test_without_an_environment_targets_are_taken_on_trust(tmp_path: Path) -> None:
    text = HEAD + 'steps:\n  - {name: x, member.kill: {group: any, member: "${services.any.thing}"}}\n'
    [step] = _load(tmp_path, text, None).drill.steps
    assert isinstance(step, Step)
    assert step.use.params == {"group": "any", "member": "${services.any.thing}"}
    assert step.late is False


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="there is no such file"):
        load_drill(tmp_path / "none.yaml", None)


@pytest.mark.parametrize("path", ["/dev/zero", "/", "a\0b"])
def test_what_is_no_ordinary_file_is_not_read(path: str) -> None:
    with pytest.raises(WrongUsage):
        load_drill(Path(path), None)


@given(data=some.data())
def test_whatever_stands_wherever_in_a_drill_is_valid_or_a_placed_mistake(
    data: some.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    example = load_environment(DRILLS / "environments" / "example.yaml")
    tree: dict[str, object] = {
        "drill": "x",
        "environment": "example",
        "probes": {"pay": {"simulated.service": {"folder": "/place", "name": "pay"}, "every": "1s"}},
        "steps": [
            {"name": "a", "member.kill": {"group": "payment-servers", "member": "pay1"}, "undo": "own"},
            {"wait": {"until": "pay is ok", "within": "3s"}},
            {"parallel": [{"wait": "1s"}]},
        ],
        "expect": [{"outage": {"of": "pay", "at_most": "1s"}}],
    }
    spoil(tree, data)
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    try:
        load_drill(path, example)
    except InvalidFile as error:
        placed = [(one.line, one.column) for one in error.mistakes]
        assert placed
        assert all(line == 1 and 1 <= column <= len(path.read_text(encoding="utf-8")) for line, column in placed)
