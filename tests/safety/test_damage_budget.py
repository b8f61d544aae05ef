"""The damage budget of a place: never overdrawn, however many begin at once, and charged by the upper bounds."""

import fcntl
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.errors import JournalDamaged, JournalError
from faildrill.locking import damage_ledger
from faildrill.locking.damage_ledger import WEEK, Reserved, Settled, charges, reserve, settle
from faildrill.locking.declared_facts import proven
from faildrill.locking.place_key import PlaceKey
from faildrill.model.environment import Environment
from faildrill.record.journal import seal
from faildrill.record.timeline import FILE, GuardAnswered, entries, start_in
from faildrill.running.run_processes import Pipes
from faildrill.system import state_folder
from support.forks import fork
from support.places import Place, ended, events

DRILL: Final = """\
drill: alpha
environment: here
probes:
  pay: {{simulated.service: {{folder: "{place}", name: alpha}}, every: 20ms}}
steps:
  - name: break alpha
    simulated.fault: {{folder: "{place}", name: alpha}}
    within: 3s
    undo_within: 3s
expect:
  - outage: {{of: pay, at_most: 30s}}
"""
AT_ONCE: Final = 3
REFUSED: Final = 3
NOW: Final = datetime(2027, 6, 1, tzinfo=UTC)


def ask(place: PlaceKey, run: str, seconds: float, allowed: float, start: int) -> int:
    """In a process of its own: wait for the start, then reserve; 0 where that was granted."""
    os.read(start, 1)
    return int(reserve(place, Reserved(run=run, at=NOW, seconds=seconds), allowed) is not None)


def kick_off(place: PlaceKey, number: int, seconds: float, allowed: float) -> int:
    """Have three ask at once; return how many were granted."""
    start, go = os.pipe()
    asked = [
        fork(lambda one=one: ask(place, f"run-{number}-{one}", seconds, allowed, start), Pipes(lifeline=start))  # type: ignore[misc]
        for one in range(AT_ONCE)
    ]
    os.close(go)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in asked]
    os.close(start)
    assert set(codes) <= {0, 1}
    return codes.count(0)


def test_three_kickoffs_at_once_never_overdraw(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    rounds = many(10, 1000)
    overdrawn = granted = 0
    for number in range(rounds):
        place = PlaceKey(f"{ground.name}-{number}", (f"fact-{number}",))
        allowed = 60.0 * (1 + number % AT_ONCE)
        granted += kick_off(place, number, 60.0, allowed)
        overdrawn += sum(one.seconds for one in charges(place, NOW)) > allowed
    figure(f"damage budget: {rounds:,} kickoffs by {AT_ONCE} at once: {granted:,} granted, {overdrawn} overdrafts")
    assert overdrawn == 0
    assert granted == sum(1 + number % AT_ONCE for number in range(rounds))


def test_a_budget_is_one_under_each_fact_that_two_files_share(ground: Path) -> None:
    first, second = PlaceKey(f"{ground.name}a", ("fact-a", "fact-b")), PlaceKey(f"{ground.name}c", ("fact-b",))
    assert reserve(first, Reserved(run="one", at=NOW, seconds=50), 60) is None
    assert "50 s are charged at the most" in str(reserve(second, Reserved(run="two", at=NOW, seconds=20), 60))


def test_what_a_run_has_cost_takes_the_place_of_what_was_reserved_for_a_week(ground: Path) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    settle(place, Settled(run="one", at=NOW + timedelta(minutes=1), seconds=12))
    assert [(one.seconds, one.is_settled) for one in charges(place, NOW + WEEK)] == [(12, True)]
    assert charges(place, NOW + WEEK + timedelta(minutes=1)) == []


def test_a_refusal_says_from_when_on_there_is_room(ground: Path) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    settle(place, Settled(run="one", at=NOW, seconds=50))
    said = reserve(place, Reserved(run="two", at=NOW + timedelta(days=1), seconds=20), 60)
    assert said == (
        "drills may cost this place 1 min of outage in seven days (`damage_budget`): 50 s are charged at the most, "
        "and this one may cost 20 s by its own limits; there is room from 2027-06-08 00:00 UTC on"
    )


def test_a_drill_that_alone_may_cost_more_is_told_so(ground: Path) -> None:
    said = reserve(PlaceKey(ground.name), Reserved(run="one", at=NOW, seconds=90), 60)
    assert "this one may cost 1 min 30 s by its own limits alone; shorten" in str(said)


def budgeted(ground: Path, **more: Any) -> Place:
    place = Place(ground)
    place.fault("pay", within=1.0)
    place.wait(0.5)
    place.expecting("outage", of="pay", at_most="30s")
    place.declared = {"damage_budget": {"outage": "5m"}, **more}
    return place


def of(folder: Path) -> PlaceKey:
    first = start_in(folder, entries(folder / FILE))
    return proven(Environment.model_validate(first.place))


def test_a_run_is_charged_the_upper_bound_of_its_outage(ground: Path) -> None:
    place = budgeted(ground)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == 0
    result = json.loads((started.folder / "result.json").read_bytes())
    [outage] = result["probes"][0]["outages"]
    [charge] = charges(of(started.folder), datetime.now(UTC))
    assert charge.is_settled
    assert charge.seconds == outage["length"]["at_most"]
    assert 0.5 < charge.seconds < 2


def test_a_run_that_could_overdraw_is_refused_and_touches_nothing(ground: Path) -> None:
    place = budgeted(ground, damage_budget={"outage": "1m"})
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == REFUSED
    assert place.deeds("pay") == []
    [said] = [one for one in events(started.folder, GuardAnswered) if "damage_budget" in str(one)]
    assert "may cost this place 1 min of outage in seven days" in str(said)
    assert charges(of(started.folder), datetime.now(UTC)) == []


def asked(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(cli, [*words, "-o", "json"])
    return done.exit_code, json.loads(done.stdout)


def test_a_plan_shows_what_is_left_and_reserves_nothing(ground: Path) -> None:
    place = Place(ground)
    file, environment = ground / "drill.yaml", ground / "here.yaml"
    about = f"environment: here\ndrillable: true\nidentity:\n  - simulated.word: {{about: '{place.folder}'}}\n"
    file.write_text(DRILL.format(place=place.folder), encoding="utf-8")
    for outage, code, objects in (("10m", 0, False), ("30s", REFUSED, True)):
        environment.write_text(f"{about}damage_budget: {{outage: {outage}}}\n", encoding="utf-8")
        exited, told = asked("plan", str(file), "--env", str(environment))
        assert exited == code
        [answer] = [one for one in told["guards"] if one["guard"] == "damage_budget"]
        assert (answer["objection"] is not None) == objects
        assert told["damage_budget"]["charged"] == 0
        assert 30 < told["damage_budget"]["wanted"] < 600
    words = CliRunner().invoke(cli, ["plan", str(file), "--env", str(environment)]).stdout
    assert "\ndamage budget\n  0 s of 30 s in seven days are charged; this drill reserves " in words
    environment.write_text(about, encoding="utf-8")
    assert asked("plan", str(file), "--env", str(environment))[1]["damage_budget"] is None


def test_status_tells_what_drills_have_cost_a_place_and_whether_nobody_can_tell(ground: Path) -> None:
    place = budgeted(ground)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == 0
    identity = of(started.folder).identity
    [charge] = asked("status")[1]["charged"][identity]
    assert (charge["run"], charge["is_settled"]) == (started.folder.name, True)
    told = CliRunner().invoke(cli, ["status"])
    line = next(one for one in told.stdout.splitlines() if identity in one)
    assert line.startswith("charged ")
    assert line.endswith(" of outage at the most in seven days, by 1 run")
    ledger(identity).write_bytes(b"altered\n")
    assert "altered" in asked("status")[1]["charged"][identity]
    assert "CHARGED" in CliRunner().invoke(cli, ["status"]).stdout
    ledger(identity).unlink()


def test_a_run_that_is_refused_for_another_reason_is_charged_nothing(ground: Path) -> None:
    place = budgeted(ground, guards=({"kind": "file.absent", "params": {"path": str(ground / "place")}},))
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == REFUSED
    assert charges(of(started.folder), datetime.now(UTC)) == []


def test_a_run_that_is_not_judged_stays_charged_all_that_it_may_take(ground: Path) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    said = reserve(place, Reserved(run="two", at=NOW + timedelta(days=6), seconds=20), 60)
    assert "not judged yet, and so charged in full: one" in str(said)


def test_a_run_that_is_judged_again_is_not_charged_anew(ground: Path) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    settle(place, Settled(run="one", at=NOW, seconds=12))
    written = ledger(ground.name).read_bytes()
    settle(place, Settled(run="one", at=NOW + timedelta(days=30), seconds=12))
    assert ledger(ground.name).read_bytes() == written
    settle(place, Settled(run="one", at=NOW + timedelta(days=3), seconds=20))
    assert [(one.seconds, one.until) for one in charges(place, NOW)] == [(20, NOW + WEEK)]


def test_a_charge_that_one_of_two_facts_lacks_is_written_there_when_the_run_is_judged_again(ground: Path) -> None:
    place = PlaceKey(f"{ground.name}a", ("fact-c",))
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    reserved = ledger("fact-c").read_bytes()
    settle(place, Settled(run="one", at=NOW, seconds=12))
    ledger("fact-c").write_bytes(reserved)
    settle(place, Settled(run="one", at=NOW + timedelta(days=3), seconds=12))
    assert [(one.seconds, one.until) for one in charges(PlaceKey("fact-c"), NOW)] == [(12, NOW + WEEK)]


def test_a_line_of_a_newer_version_is_told_with_its_file_and_what_to_do(ground: Path) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    with ledger(ground.name).open("ab") as file:
        file.write(seal(b'{"event":"forgiven","run":"one"}'))
    for ask_of in (
        lambda: charges(place, NOW),
        lambda: settle(place, Settled(run="one", at=NOW, seconds=12)),
        lambda: reserve(place, Reserved(run="two", at=NOW, seconds=1), 60),
    ):
        with pytest.raises(JournalDamaged, match=r"damage.jsonl:2: not a line that .* knows.*: update faildrill"):
            ask_of()


def test_a_ledger_that_a_stopped_process_holds_is_not_waited_for_without_end(
    ground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = PlaceKey(ground.name)
    reserve(place, Reserved(run="one", at=NOW, seconds=50), 60)
    monkeypatch.setattr(damage_ledger, "_PATIENCE", 0.05)
    with ledger(ground.name).with_name("damage.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match=r"damage.lock: another process has held it for 0.05 s"):
            settle(place, Settled(run="one", at=NOW, seconds=12))
    settle(place, Settled(run="one", at=NOW, seconds=12))


def ledger(key: str) -> Path:
    return state_folder.folder() / "environments" / key / "damage.jsonl"
