"""What of a drill file concerns sets of runs: twins, ways, and whether a failover is warranted."""

from pathlib import Path

import pytest

from faildrill.errors import InvalidFile
from faildrill.explaining.json_schema import drill_schema
from faildrill.loading import load_drill
from faildrill.loading.needed_targets import needs

DRILL = """\
drill: {name}
environment: lab
{more}
probes:
  pay: {{simulated.service: {{folder: /place, name: pay}}, every: 20ms}}
steps:
  - name: break it
    simulated.fault: {{folder: /place, name: pay}}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""
WAYS = """\
ways:
  - name: left alone
  - name: mended
    steps:
      - name: mend it
        patroni.switchover: {cluster: "payments"}
      - name: it is mended
        wait: {until: "pay saw ${steps.mend-it.from}", within: 5s}
    expect:
      - errors: {of: pay, at_most: 1%}
"""


def written(folder: Path, more: str = "", name: str = "case") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(DRILL.format(name=name, more=more), encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        load_drill(path, None)
    return [f"{one.line}:{one.column}: {one.message}" for one in caught.value.mistakes]


def test_a_way_does_its_steps_after_the_drills_and_may_use_what_those_give(tmp_path: Path) -> None:
    drill = load_drill(written(tmp_path, WAYS), None).drill
    assert [way.name for way in drill.ways] == ["left alone", "mended"]
    assert [step.id for step in drill.ways[1].steps] == ["mend-it", "it-is-mended"]
    assert [use.kind for use in drill.ways[1].expect] == ["errors"]
    taken = drill.taking(drill.ways[1])
    assert [step.id for step in taken.steps] == ["break-it", "mend-it", "it-is-mended"]
    assert "clusters payments" in needs(drill)


def test_two_ways_may_name_their_steps_alike_but_not_like_the_drills(tmp_path: Path) -> None:
    step = "steps: [{name: mend it, simulated.fault: {folder: /place, name: other}}]"
    alike = f"ways:\n  - {{name: one, {step}}}\n  - {{name: two, {step}}}\n"
    assert len(load_drill(written(tmp_path, alike), None).drill.ways) == 2
    same = alike.replace("mend it", "break it")
    assert mistakes(written(tmp_path, same)) == [
        "4:32: another step has the id 'break-it'; give this one an `id` of its own",
        "5:32: another step has the id 'break-it'; give this one an `id` of its own",
    ]


def test_every_mistake_in_ways_is_said_at_its_place(tmp_path: Path) -> None:
    more = "ways:\n  - {name: one, expects: []}\n  - {name: one}\n  - a word\n  - {steps: [{wait: 1}]}\n"
    assert mistakes(written(tmp_path, more)) == [
        "4:17: unknown key 'expects'; did you mean 'expect'?",
        "5:5: another way is called 'one'",
        "6:5: must be a mapping with name, steps, expect",
        "7:5: `name` is missing: what is this way called, in a few words?",
        "7:21: a time needs a number and a unit (us, ms, s, m, h, d), e.g. 1s or 1ms",
    ]
    assert mistakes(written(tmp_path, "ways: [{name: one}]")) == [
        "3:1: ways are compared: there must be two of them at least"
    ]


def test_a_twin_is_a_file_beside_the_drill_that_says_what_it_makes_of_a_failover(tmp_path: Path) -> None:
    written(tmp_path, "failover: warranted", "other")
    drill = load_drill(written(tmp_path, "failover: needless\ntwin: other.yaml"), None).drill
    assert (drill.twin, drill.failover) == ("other.yaml", "needless")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("twin: other.yaml", "3:1: a drill with a twin says whether it warrants a failover"),
        ("failover: maybe", "3:11: must be warranted or needless; there is warranted, needless"),
        ("failover: needless\ntwin: case.yaml", "4:7: no drill is its own twin"),
        ("failover: needless\ntwin: none.yaml", "4:7: the twin can't be read: "),
        ("failover: needless\ntwin: bad.yaml", "4:7: the twin has mistakes; see: faildrill validate "),
        ("failover: needless\ntwin: place.yaml", "is no drill"),
        ("failover: needless\ntwin: silent.yaml", "does not say whether it warrants a failover"),
        ("failover: needless\ntwin: many.yaml", "4:7: a twin can't have several ways"),
        (f"failover: needless\ntwin: other.yaml\n{WAYS}", "4:1: a drill has a twin, or several ways, not both"),
    ],
)
def test_a_twin_that_is_none_is_refused(more: str, said: str, tmp_path: Path) -> None:
    written(tmp_path, "failover: warranted", "other")
    written(tmp_path, "", "silent")
    written(tmp_path, f"failover: warranted\n{WAYS}", "many")
    (tmp_path / "bad.yaml").write_text("drill: [", encoding="utf-8")
    (tmp_path / "place.yaml").write_text("environment: place\n", encoding="utf-8")
    [told] = mistakes(written(tmp_path, more))
    assert said in told


def test_the_schema_for_editors_knows_what_concerns_sets() -> None:
    known = drill_schema()["properties"]
    assert known["failover"]["enum"] == ["warranted", "needless"]
    assert known["ways"]["items"]["required"] == ["name"]
    assert known["twin"]["type"] == "string"
