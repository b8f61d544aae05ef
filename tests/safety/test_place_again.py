"""Before anything is put back the place is asked again what it is: an address may lead elsewhere by then."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faildrill.adapters.postgres.identity import Identity, Marker
from faildrill.guarding.same_place import FRESH, since
from faildrill.kinds.call_context import CallContext
from faildrill.locking.dirty_marks import all_marks
from faildrill.ports import Told
from faildrill.ports.target import KindUse
from faildrill.record.journal import seal, unseal
from faildrill.record.timeline import FILE, Confirmed, PlaceAsked, Undoing, UndoNotVerified
from support.places import PATIENCE, Place, ended, events, recorded, runner_of
from unit.adapters.postgres.test_kinds import a_web_server, closing, starting
from unit.adapters.sockets import Serve, serving, silent
from unit.guarding.postgres_says import message, says_marker, says_text
from unit.guarding.test_wrong_identities import SYSTEM, UID, cluster

ABORTED, UNSAFE = 5, 6


class Asked(Place):
    """A place that says what it is told to say when it is asked again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.now = folder / "now"
        use = KindUse(kind="simulated.word", params={"about": "again", "now": str(self.now)})
        self.facts = (use,)
        self.fault("pay")
        self.wait(60)


@pytest.fixture
def place(ground: Path) -> Asked:
    found = Asked(ground)
    found.facts[0].params["about"] = str(ground)
    return found


def stopped(place: Asked, says: str) -> tuple[Path, int]:
    """Do the fault, let the place say something else, and stop the run."""
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        place.now.write_text(says)
        started.sentinel.terminate()
        return started.folder, started.sentinel.wait(PATIENCE)


def killed(place: Asked) -> Path:
    """Do the fault, and kill everything that could put it back."""
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        runner = runner_of(started.folder)
        os.kill(started.sentinel.pid, signal.SIGKILL)
        os.kill(runner, signal.SIGKILL)
        started.sentinel.wait(PATIENCE)
    return started.folder


def recover(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "faildrill", "recover", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def asked(run: Path) -> PlaceAsked:
    *_, one = [one for one in events(run, PlaceAsked) if isinstance(one, PlaceAsked)]
    return one


def test_a_place_that_says_it_is_another_one_is_not_touched_until_it_is_itself_again(place: Asked) -> None:
    run, code = stopped(place, "differs")
    assert (code, place.deeds("pay")) == (UNSAFE, ["apply"])
    assert not events(run, Undoing)
    assert "this is not the place that the run has proven" in str(events(run, UndoNotVerified))

    refused = recover()
    assert (refused.returncode, "says that it is another place" in refused.stdout) == (UNSAFE, True)
    assert recover("--unproven").returncode == UNSAFE  # which is for silence, not for a contradiction
    assert place.deeds("pay") == ["apply"]

    place.now.unlink()
    assert recover().returncode == 0
    assert (place.deeds("pay"), all_marks()) == (["apply", "undo"], {})


def test_a_place_whose_only_fact_says_that_it_is_another_one_is_not_touched(place: Asked) -> None:
    place.identity_use = place.facts[0]
    _, code = stopped(place, "differs")
    assert (code, place.deeds("pay")) == (UNSAFE, ["apply"])


@pytest.mark.parametrize("says", ["silent", "hangs"])
def test_a_place_that_the_drill_took_down_is_put_back_though_it_can_t_say_what_it_is(place: Asked, says: str) -> None:
    run, code = stopped(place, says)
    assert (code, place.deeds("pay")) == (ABORTED, ["apply", "undo"])
    assert asked(run).silent
    assert asked(run).proved  # its other fact was proven


def test_what_is_left_for_long_is_put_back_only_where_the_place_proves_itself_or_a_person_says_so(place: Asked) -> None:
    place.facts[0].params["about"] = place.identity
    place.identity_use = place.facts[0]
    run = killed(place)
    place.now.write_text("silent")
    from_another_boot(run)
    for _ in range(2):  # what was refused once is not trusted by that
        refused = recover()
        assert (refused.returncode, "recover --unproven" in refused.stdout) == (UNSAFE, True)
    assert place.deeds("pay") == ["apply"]
    assert recover("--unproven").returncode == 0
    assert (place.deeds("pay"), all_marks()) == (["apply", "undo"], {})


def test_what_was_left_just_now_is_put_back_though_nothing_answers_and_the_timeline_says_so(place: Asked) -> None:
    place.identity_use = place.facts[0]
    run = killed(place)
    place.now.write_text("silent")
    assert recover().returncode == 0
    assert "in this boot of the machine" in asked(run).because


def from_another_boot(run: Path) -> None:
    """Write the run's first event anew, as if the machine had been started since."""
    first, *rest = (run / FILE).read_bytes().splitlines()
    event = json.loads(unseal(first) or b"")
    event["what"]["boot"] = "another"
    (run / FILE).write_bytes(seal(json.dumps(event).encode()) + b"".join(line + b"\n" for line in rest))


@pytest.mark.parametrize(
    ("same_boot", "seconds", "refused"), [(True, 1.0, False), (True, FRESH + 1, True), (False, 1.0, True)]
)
def test_silence_is_trusted_for_an_hour_and_within_one_boot(same_boot: bool, seconds: float, refused: bool) -> None:
    assert since(same_boot, seconds).refused is refused


async def without_the_table(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be another PostgreSQL, in which there is no such table."""
    truth = says_text()
    truth._reply = lambda kind: message(b"E", b"SERROR\0C42P01\0Mno such table\0\0") if kind == b"Q" else b""  # type: ignore[method-assign]
    await truth(reader, writer)


TRUE = says_marker(1, drillable=True, uid=UID.encode())


@pytest.mark.parametrize(
    ("serve", "part"),
    [
        (TRUE, "proved"),
        (says_marker(1, drillable=True, uid=b"somewhere-else"), "differs"),
        (without_the_table, "differs"),
        (a_web_server, "differs"),
        (starting, "silent"),
        (silent, "silent"),
        (closing, "silent"),
    ],
)
def test_a_server_that_is_another_one_is_told_from_one_that_is_down(serve: Serve, part: str) -> None:
    async def story() -> Told:
        async with serving(serve) as port:
            return await Marker(cluster=cluster(port), uid=UID).ask_again(CallContext("run-1", 0.5))

    told = asyncio.run(story())
    assert [name for name in told._fields if getattr(told, name)] == [part]


def test_a_fact_is_what_is_proven_not_how_it_is_declared() -> None:
    one, other = (Identity(cluster=cluster(port), system_identifier=SYSTEM) for port in (1, 2))
    assert one.facts() == other.facts()
    assert one.facts() != Marker(cluster=cluster(1), uid=UID).facts()
