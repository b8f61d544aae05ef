"""Members that programs of the user's reach: what they say is as far as they are believed, and none is run twice."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.command.member_programs import Programs
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.ports import SignalsFor

PROGRAM = """\
import pathlib, sys, time
folder, verb, member = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(folder / "calls", "a") as calls:
    calls.write(f"{verb} {member}\\n")
state = folder / member
if verb == "state":
    print("looking ...")
    print(state.read_text())
elif verb == "leads":
    print("10.0.0.7:8080\\nLocalHost:80")
elif verb == "hang":
    time.sleep(60)
elif verb == "fail":
    sys.exit("no such job")
else:
    state.write_text({"kill": "absent", "stop": "stopped"}.get(verb, "running"))
"""


def reach(folder: Path, **more: Any) -> Programs:
    (folder / "program.py").write_text(PROGRAM)
    (folder / "job1").write_text("running")

    def argv(verb: str) -> list[str]:
        return [sys.executable, "-I", "-S", str(folder / "program.py"), str(folder), verb, "{member}"]

    verbs = {"state": "state", "start": "start", "kill": "kill", "stop": "stop", "go_on": "go_on", "leads": "leads"}
    fields = {f"{name}_argv": argv(verb) for name, verb in (verbs | more).items() if verb}
    return Programs.model_validate(fields | {"within": "300ms"} if "hang" in more.values() else fields)


def calls(folder: Path, verb: str) -> int:
    return (folder / "calls").read_text().split("\n").count(f"{verb} job1")


def test_a_member_is_killed_held_and_started_by_programs(tmp_path: Path) -> None:
    one = reach(tmp_path)

    async def course() -> None:
        assert await one.state("job1") == "running"
        await one.signal("job1", "STOP")
        assert await one.state("job1") == "stopped"
        await one.signal("job1", "CONT")
        await one.signal("job1", "KILL")
        assert await one.state("job1") == "absent"
        await one.start("job1")
        await one.start("job1")
        assert await one.state("job1") == "running"

    asyncio.run(course())
    assert [calls(tmp_path, verb) for verb in ("kill", "stop", "go_on", "start")] == [1, 1, 1, 1]


def test_where_programs_lead_is_their_own_word(tmp_path: Path) -> None:
    proved, differs, silent = asyncio.run(
        reach(tmp_path).leads("job1", ["10.0.0.7:8080", "127.0.0.1:80", "10.0.0.8:80"])
    )
    assert [one.split()[2].strip(",") for one in proved] == ["10.0.0.7:8080", "127.0.0.1:80"]
    assert differs == ["job1: its reach acts on 10.0.0.7:8080, localhost:80, not on 10.0.0.8:80"]
    assert silent == []


def test_an_address_too_many_is_an_objection(tmp_path: Path) -> None:
    proved, differs, silent = asyncio.run(reach(tmp_path).leads("job1", ["10.0.0.7:8080"]))
    assert (len(proved), silent) == (1, [])
    assert differs == ["job1: its reach acts on localhost:80, too, which is none of its declared addresses"]
    assert asyncio.run(reach(tmp_path).leads("job1", [])).differs == []


def test_another_loopback_address_is_another_place(tmp_path: Path) -> None:
    proved, differs, _ = asyncio.run(reach(tmp_path).leads("job1", ["10.0.0.7:8080", "127.0.0.2:80"]))
    assert (len(proved), len(differs)) == (1, 2)


@pytest.mark.parametrize("verb", ["", "fail", "hang"])
def test_programs_that_do_not_say_where_they_lead_prove_nothing(verb: str, tmp_path: Path) -> None:
    proved, differs, [silent] = asyncio.run(reach(tmp_path, leads=verb).leads("job1", ["10.0.0.7:8080"]))
    assert (proved, differs) == ([], [])
    assert {"": "without `leads_argv`", "fail": "no such job", "hang": "did not end in time"}[verb] in silent


@pytest.mark.parametrize("verb", ["fail", "hang", "leads"])
def test_a_state_that_is_not_said_is_none(verb: str, tmp_path: Path) -> None:
    with pytest.raises(CannotSee, match="what job1 does is unknown; the last line of its stdout must be"):
        asyncio.run(reach(tmp_path, state=verb).state("job1"))


def test_a_program_that_fails_or_hangs_is_not_run_again(tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match="ended with 1; it said: no such job"):
        asyncio.run(reach(tmp_path, kill="fail").signal("job1", "KILL"))
    with pytest.raises(OutcomeUnknown, match="did not end in time"):
        asyncio.run(reach(tmp_path, kill="hang").signal("job1", "KILL"))
    assert (calls(tmp_path, "fail"), calls(tmp_path, "hang")) == (1, 1)


def test_what_has_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActionRefused, match="no `terminate_argv`"):
        asyncio.run(reach(tmp_path).signal("job1", "TERM"))
    with pytest.raises(ActionRefused, match="nothing would let it go on"):
        asyncio.run(reach(tmp_path, go_on="").signal("job1", "STOP"))
    assert not isinstance(reach(tmp_path), SignalsFor)
