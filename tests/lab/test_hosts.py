"""Playbooks as steps on hosts over real SSH: what is done is seen, what is not is told, and nothing acts afterwards."""

import asyncio
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from faildrill.adapters.ansible import plays
from faildrill.adapters.ansible.checks import Machines
from faildrill.adapters.ansible.identity import Identity
from faildrill.adapters.ansible.look import Look
from faildrill.adapters.ansible.playbook import Playbook
from faildrill.errors import ActionFailed, CannotSee, OutcomeUnknown
from faildrill.lab.core.facts import Facts
from faildrill.record.samples import Outcome
from lab.conftest import ask
from lab.hosts_lab import PLAYS, News, given, hosts_of, needs_ssh, step

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240), needs_ssh]
AHEAD = 6
"""Seconds that the effect of a step is ahead when it is cut short."""


async def put_back(action: Playbook, before: dict[str, object], run: str = "test") -> bool:
    await action.undo(before, given(run))  # type: ignore[arg-type] # what capture gave
    return (await action.restored(before, given(run))).holds  # type: ignore[arg-type] # the same


def test_a_playbook_is_seen_in_effect_and_put_back_also_when_it_is_played_twice(hosts_lab: Facts) -> None:
    async def scenario() -> None:
        news = News()
        action = step(hosts_lab, "service-stop", service_hosts="app1", service_name="payments")
        before = await action.capture(given())
        called = time.monotonic_ns()
        answer = await action.apply(before, given(news=news))
        assert answer["changed"] == ["app1"]
        [(told, at, began)] = news.told
        assert began
        assert told.startswith("app1: ")
        assert called + 300_000_000 < at < time.monotonic_ns()  # the task's own start, not that of the call
        assert (await action.confirm(before, given())).holds
        with pytest.raises(OutcomeUnknown, match="changed nothing"):
            await action.apply(before, given())
        await action.undo(before, given())
        assert await put_back(action, dict(before))

    asyncio.run(scenario())


def test_a_host_that_fails_in_the_middle_is_told_and_the_others_are_put_back(hosts_lab: Facts, tmp_path: Path) -> None:
    async def scenario() -> None:
        action = step(hosts_lab, "half", on="app1,app2", marker=str(tmp_path / "marker"))
        before = await action.capture(given())
        with pytest.raises(ActionFailed, match=r"app2: Break on one of them \(failed\): the disk is full"):
            await action.apply(before, given())
        assert (tmp_path / "marker.app1").exists()
        assert await put_back(action, dict(before))
        assert not os.listdir(tmp_path)  # noqa: PTH208 - as quick as any call here

    asyncio.run(scenario())


def test_a_play_in_which_everything_is_skipped_is_never_taken_for_done(hosts_lab: Facts, tmp_path: Path) -> None:
    async def scenario() -> None:
        action = step(hosts_lab, "nothing", on="app1", marker=str(tmp_path / "marker"))
        before = await action.capture(given())
        with pytest.raises(OutcomeUnknown, match="changed nothing: app1: 1 skipped"):
            await action.apply(before, given())
        assert not (await action.confirm(before, given())).holds

    asyncio.run(scenario())


def test_a_host_that_is_down_can_t_be_told_and_never_counts_as_put_back(hosts_lab: Facts, tmp_path: Path) -> None:
    async def scenario() -> None:
        action = step(hosts_lab, "marker", on="app1", marker=str(tmp_path / "marker"), ahead=0)
        before = await action.capture(given())
        ask(hosts_lab, {"op": "signal", "node": "app1", "signal": "KILL"})
        with pytest.raises(CannotSee, match=r"app1: Look \(unreachable\)"):
            await action.capture(given())
        with pytest.raises(CannotSee, match="unreachable"):
            await action.restored(before, given())
        with pytest.raises(ActionFailed, match="unreachable"):
            await action.undo(before, given())
        identity = await Identity(hosts=hosts_of(hosts_lab)).objection(given())
        assert identity is not None
        assert "app1 did not prove what it is" in identity

    asyncio.run(scenario())


def test_a_host_that_hangs_ends_the_play_at_its_deadline(hosts_lab: Facts, tmp_path: Path) -> None:
    async def scenario() -> None:
        action = step(hosts_lab, "marker", on="app1", marker=str(tmp_path / "marker"), ahead=0)
        before = await action.capture(given())
        ask(hosts_lab, {"op": "signal", "node": "app1", "signal": "STOP"})
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="ended at its deadline"):
            await action.apply(before, given(timeout=4.0))
        assert time.monotonic() - began < 8.0
        assert plays_left(action) == []
        ask(hosts_lab, {"op": "signal", "node": "app1", "signal": "CONT"})
        assert await put_back(action, dict(before))

    asyncio.run(scenario())


def plays_left(action: Playbook, run: str = "test") -> list[str]:
    """List what a step has left on this machine: processes on its hosts are not among them."""
    key = plays.key_of(run, action.model_dump(mode="json", by_alias=True))
    left = [str(path) for path in Path("/dev/shm").glob(f"fd-{key[:12]}-*")]  # noqa: S108 - where the plays are
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:
            continue
        is_here = b"FAILDRILL_LAB=" not in environment
        if f"fd-{key[:12]}-".encode() in line or (f"FAILDRILL_PLAY={key}.".encode() in environment and is_here):
            left.append(line.decode(errors="replace"))
    return left


@pytest.mark.timeout(7200)  # with `--soak` it takes half an hour
@pytest.mark.parametrize("here", [True, False], ids=["waiting-here", "waiting-on-the-host"])
def test_nothing_acts_after_a_step_was_cut_short_and_put_back(
    here: bool, hosts_lab: Facts, tmp_path: Path, many: Callable[[int, int], int]
) -> None:
    async def cut_short(number: int, after: float) -> None:
        marker = tmp_path / f"marker{number}"
        action = step(hosts_lab, "marker", on="app1", marker=str(marker), ahead=AHEAD, here=here)
        run = f"cut{number}{here}"
        before = await action.capture(given(run))
        applying = asyncio.create_task(action.apply(before, given(run)))
        await asyncio.sleep(after)
        applying.cancel()
        ends.append(time.monotonic() + AHEAD + 1)  # it was waiting by now, or never will be
        await asyncio.wait({applying}, timeout=5)
        assert plays_left(action, run) == []
        assert await put_back(action, dict(before), run)
        watched.append(marker)

    watched: list[Path] = []
    ends: list[float] = []
    dice = random.Random(6)  # noqa: S311 - times, no secrets

    async def scenario() -> None:
        for number in range(many(1, 200)):
            await cut_short(number, dice.uniform(1.5, 5.0))
        await asyncio.sleep(max(0.0, ends[-1] - time.monotonic()))
        assert [path for path in watched if path.exists()] == []

    asyncio.run(scenario())


def test_a_secret_is_on_no_command_line_and_in_no_file_but_the_one_in_memory(
    hosts_lab: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-{{ 7 * 6 }}-5f1d0b"
    monkeypatch.setenv("CANARY_OF_A_TEST", canary)
    monkeypatch.setenv("OTHER_CANARY", "must-not-be-passed-on-9c2e")
    plain = step(hosts_lab, "marker", on="app1", marker=str(tmp_path / "marker"), ahead=2)
    action = Playbook.model_validate(
        {**plain.model_dump(mode="json", by_alias=True), "secret_vars": {"canary": "env:CANARY_OF_A_TEST"}}
    )
    news = News()
    seen: set[str] = set()

    def look() -> None:
        key = plays.key_of("secret", action.model_dump(mode="json", by_alias=True))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            seen.add(_read(path) if path.parent.name != str(os.getpid()) else "")
        for path in Path("/dev/shm").glob(f"fd-{key[:12]}-*/**/*"):  # noqa: S108 - where the plays are
            if path.is_file() and path.name != "vars.yml":
                seen.add(_read(path))
            elif path.is_file():
                assert path.stat().st_mode & 0o077 == 0

    async def scenario() -> None:
        before = await action.capture(given("secret"))
        applying = asyncio.create_task(action.apply(before, given("secret", news=news)))
        while not applying.done():
            look()
            await asyncio.sleep(0.1)
        assert canary not in json.dumps(await applying)
        assert (tmp_path / "marker").read_text().strip() == canary
        assert await put_back(action, dict(before), "secret")

    asyncio.run(scenario())
    everything = "\n".join(seen) + str(news.told)
    assert "ansible-playbook" in everything  # the look was not blind
    assert canary not in everything
    assert "must-not-be-passed-on-9c2e" not in everything
    assert plays_left(action, "secret") == []


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def test_another_host_key_is_an_objection_and_stops_every_play(hosts_lab: Facts, tmp_path: Path) -> None:
    hosts = hosts_of(hosts_lab)
    keys = {**hosts.keys, "app1": hosts.keys["app2"]}
    other = hosts.model_copy(update={"keys": keys})

    async def scenario() -> None:
        assert await Identity(hosts=hosts).objection(given()) is None
        told = await Identity(hosts=other).ask_again(given())
        assert told.proved == ["app2", "db1", "db2", "lb1"]
        assert len(told.differs) == 1
        assert told.differs[0].startswith("app1 did not prove what it is")
        less = hosts.model_copy(update={"keys": {host: key for host, key in keys.items() if host != "db1"}})
        undeclared = await Identity(hosts=less).objection(given())
        assert undeclared is not None
        assert "db1 is in the inventory and has no key" in undeclared
        plain = step(hosts_lab, "marker", on="app1", marker=str(tmp_path / "marker"), ahead=0)
        with pytest.raises(CannotSee, match=r"HOST IDENTIFICATION HAS CHANGED|Broken pipe"):
            await plain.model_copy(update={"hosts": other}).capture(given())

    asyncio.run(scenario())


def test_the_doctor_finds_nothing_wrong_with_hosts_that_are_as_declared(hosts_lab: Facts) -> None:
    found = asyncio.run(Machines(target=hosts_of(hosts_lab)).examine(given()))
    assert [one for one in found if not one.ok] == []
    told = {one.what: one.told for one in found}
    assert told["hosts staging inventory"] == "5 hosts, each with its key"
    assert told["staging/db1 programs"] == "all are there"
    assert told["staging/app1 python"].startswith("3.")


def test_the_doctor_names_what_a_host_lacks(hosts_lab: Facts) -> None:
    hosts = hosts_of(hosts_lab)
    python, keys = Path(hosts.inventory).parent / "nodes" / "app2" / "bin" / "python3", dict(hosts.keys)
    del keys["lb1"]
    asked_for = {"keys": keys, "become": True, "tools": {"applications": ["systemctl", "no-such-program"]}}
    ask(hosts_lab, {"op": "signal", "node": "app1", "signal": "KILL"})
    python.rename(python.with_name("away"))
    try:
        found = asyncio.run(Machines(target=hosts.model_copy(update=asked_for)).examine(given()))
    finally:
        python.with_name("away").rename(python)
    wrong = {one.what: one.told for one in found if not one.ok}
    assert {one.what for one in found if not one.ok and not one.remedy} == set()
    assert wrong["hosts staging inventory"] == "no key in `keys` for lb1"
    assert "Connection refused" in wrong["staging/app1 login"]
    assert "not found" in wrong["staging/app2 python"]
    assert wrong["staging/app2 programs"] == "no no-such-program"
    assert ("staging/app2 become root" in wrong) == (shutil.which("sudo") is None)  # its hosts are this machine
    assert "staging/app1 python" not in wrong  # who can't be logged in to isn't asked for more


def test_the_doctor_names_the_interpreter_that_a_host_has_not(hosts_lab: Facts, tmp_path: Path) -> None:
    hosts = hosts_of(hosts_lab)
    listed = yaml.safe_load(Path(hosts.inventory).read_text(encoding="utf-8"))
    groups = listed["all"]["children"]
    applications, databases = groups["applications"]["hosts"], groups["databases"]["hosts"]
    del applications["app1"]["ansible_python_interpreter"]
    applications["app2"]["ansible_python_interpreter"] = "/usr/bin/no-python"
    databases["db1"]["ansible_python_interpreter"] = "auto_silent"
    databases["db2"]["ansible_host"] = "nosuch.invalid"
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump(listed), encoding="utf-8")
    given_python = {"inventory": str(inventory), "python": sys.executable}
    found = asyncio.run(Machines(target=hosts.model_copy(update=given_python)).examine(given()))
    told = {one.what: one for one in found}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert told["staging/app1 python"].told == f"{version}, {sys.executable}"  # of the environment file
    assert told["staging/app1 programs"].ok
    assert "no usable /usr/bin/no-python" in told["staging/app2 python"].told
    assert "ansible_python_interpreter" in told["staging/app2 python"].remedy
    assert told["staging/db1 python"].ok
    assert "nosuch.invalid" in told["staging/db2 login"].told
    assert "correct `ansible_host`" in told["staging/db2 login"].remedy


def test_a_probe_tells_a_playbook_that_fails_from_a_host_that_is_not_reached(hosts_lab: Facts, tmp_path: Path) -> None:
    def look(playbook: str, **variables: object) -> Look:
        data = {"hosts": hosts_of(hosts_lab).model_dump(mode="json"), "playbook": playbook, "vars": variables}
        return Look.model_validate(data)

    async def scenario() -> None:
        verify = str(PLAYS / "marker" / "verify.yml")
        good = await look(verify, on="app1", marker=str(tmp_path)).look(given(timeout=30))
        assert good.outcome is Outcome.OK
        broken = str(PLAYS / "half" / "apply.yml")
        bad = await look(broken, on="app2", marker=str(tmp_path / "marker")).look(given(timeout=30))
        assert (bad.outcome, bad.detail) == (Outcome.WRONG, "app2: Break on one of them")
        ask(hosts_lab, {"op": "signal", "node": "app2", "signal": "KILL"})
        gone = await look(verify, on="app2", marker=str(tmp_path)).look(given(timeout=30))
        assert (gone.outcome, gone.detail) == (Outcome.UNREACHABLE, "app2 is unreachable")

    asyncio.run(scenario())
