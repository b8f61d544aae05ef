"""Kinds of other packages: what they act on is proven like anything else, or the drill is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

KINDS = '''
from faildrill.ports import Kind, Told
from faildrill.adapters.member.target import Group
from faildrill.adapters.http.target import Service


class Act(Kind):
    async def capture(self, given): return {}
    async def apply(self, before, given): return {}
    async def undo(self, before, given): return None


class Nod(Act):
    """Acts on who knows what."""


class OnRegion(Act):
    """Acts on what its own words name."""

    region: str


class Region(Kind):
    """Proves it."""

    region: str

    def facts(self): return [f"region {self.region}"]
    async def objection(self, given): return None
    async def ask_again(self, given): return Told(proved=[self.region])


class OnService(Act):
    """Acts on a service, by a name of its own for it."""

    victim: Service


class OnGroup(Act):
    """Acts on groups."""

    of: list[Group]


class Blind(Kind):
    """A reach that can't tell where it leads."""

    async def signal(self, member, name): return None
    async def start(self, member): return None
    async def state(self, member): return "running"


class Seeing(Blind):
    """A reach that can."""

    says: str = "proved"

    async def leads(self, member, addresses):
        return Told(**{self.says: [f"{member}: {', '.join(addresses)}"]})


class Breaking(Blind):
    """A reach that breaks when it is asked."""

    async def leads(self, member, addresses):
        raise RuntimeError("no such thing")


class Mumbling(Blind):
    """A reach that answers what is no answer."""

    async def leads(self, member, addresses):
        return None
'''
NAMES = {"act.nod": "Nod", "act.service": "OnService", "act.group": "OnGroup", "cloud.fail": "OnRegion"}
NAMES |= {"cloud.identity": "Region"}
NAMES |= {f"reach.{name.lower()}": name for name in ("Blind", "Seeing", "Breaking", "Mumbling")}
Planned = Callable[[dict[str, Any], dict[str, Any]], dict[str, str | None]]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Install somebody else's package, and plan a step in an environment with a proven host; give what guards say."""
    (tmp_path / "others.py").write_text(KINDS, encoding="utf-8")
    info = tmp_path / "others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n", encoding="utf-8")
    points = "".join(f"{name} = others:{where}\n" for name, where in NAMES.items())
    (info / "entry_points.txt").write_text(f"[faildrill.kinds]\n{points}", encoding="utf-8")
    (tmp_path / "identity").write_text("staging of a test", encoding="utf-8")

    def plan(step: dict[str, Any], place: dict[str, Any]) -> dict[str, str | None]:
        proof = {"file.identity": {"path": str(tmp_path / "identity"), "content": "staging of a test"}}
        proofs = [proof, *place.pop("identity", [])]
        environment = {"environment": "place", "drillable": True, "identity": proofs, **place}
        (tmp_path / "place.yaml").write_text(yaml.safe_dump(environment), encoding="utf-8")
        look = {"any": {"tcp.connect": {"address": "127.0.0.1:1"}, "every": "1s"}}
        rest = {"probes": look, "steps": [{"name": "act", **step}], "expect": [{"steady_again": {"within": "9s"}}]}
        (tmp_path / "drill.yaml").write_text(yaml.safe_dump({"drill": "d", "environment": "place", **rest}))
        command = [sys.executable, "-m", "faildrill", "plan", "drill.yaml", "--env", "./place.yaml", "-o", "json"]
        state = {"PYTHONPATH": str(tmp_path), "FAILDRILL_STATE": str(tmp_path / "state")}
        done = subprocess.run(
            command, env=os.environ | state, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stdout, done.stderr
        return {one["guard"]: one["objection"] or one["unproven"] for one in json.loads(done.stdout)["guards"]}

    return plan


def group(reach: str, **more: Any) -> dict[str, Any]:
    members = {"p1": {"address": "127.0.0.1:8081", "reach": "theirs"}}
    return {"reaches": {"theirs": {reach: {}}}, "groups": {"pay": {"members": members, **more}}}


COVERED = "identity of what is acted on"


def test_an_action_that_names_no_target_is_refused_unless_the_environment_says_why(planned: Planned) -> None:
    because = planned({"act.nod": {}}, {})[COVERED]
    assert because is not None
    assert because.startswith("what act.nod acts on is acted on by step act (act.nod), but no guard")
    assert because.endswith("where nothing can prove it, say why: `unproven: {act.nod: REASON}`")


def test_an_action_whose_environment_says_why_nothing_proves_it_is_told(planned: Planned) -> None:
    said = planned({"act.nod": {}}, {"unproven": {"act.nod": "an appliance of a vendor's"}})
    assert said[COVERED] is None or "an appliance" in str(said[COVERED])


@pytest.mark.parametrize(("region", "is_covered"), [("one", True), ("two", False)])
def test_a_world_of_theirs_is_proven_by_their_own_guard_of_the_same_thing(
    planned: Planned, region: str, *, is_covered: bool
) -> None:
    said = planned({"cloud.fail": {"region": "one"}}, {"identity": [{"cloud.identity": {"region": region}}]})
    assert (said[COVERED] is None) == is_covered


def test_a_target_that_is_given_under_a_name_of_theirs_is_found(planned: Planned) -> None:
    place = {"services": {"shop": "http://10.0.0.5/"}}
    assert str(planned({"act.service": {"victim": "shop"}}, place)[COVERED]).startswith(
        "shop (of services) is acted on"
    )


def test_every_group_of_a_list_is_covered(planned: Planned) -> None:
    said = planned({"act.group": {"of": ["pay"]}}, group("reach.seeing"))
    assert str(said[COVERED]).startswith("pay (of groups) is acted on")
    assert said["reach of pay (of groups)"] is None


@pytest.mark.parametrize(
    ("reach", "because"),
    [
        ("reach.blind", "pay/p1: reach.blind can't tell whether it leads to 127.0.0.1:8081; give the target another"),
        ("reach.mumbling", "pay/p1: where its reach leads is unknown: its answer is NoneType, no `Told`"),
        ("reach.breaking", "pay/p1: where its reach leads is unknown: RuntimeError at others.py"),
    ],
)
def test_a_reach_that_can_t_tell_where_it_leads_objects(planned: Planned, reach: str, because: str) -> None:
    said = planned({"member.kill": {"group": "pay", "member": "p1"}}, group(reach))
    assert str(said["reach of pay (of groups)"]).startswith(because)


def test_a_target_that_says_why_it_is_unproven_is_not_asked_where_its_reach_leads(planned: Planned) -> None:
    place = group("reach.blind", unproven="hosts of a vendor, which answer nothing")
    said = planned({"member.kill": {"group": "pay", "member": "p1"}}, place)
    assert "reach of pay (of groups)" not in said
