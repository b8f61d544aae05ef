"""Processes of this host, real ones: killed, hung, put back, and never one that only has the number."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faildrill.acting.sight import lasts, suspect
from faildrill.adapters.process import time_limits, tree
from faildrill.adapters.process.alive import Alive
from faildrill.adapters.process.identity import Identity
from faildrill.adapters.process.limit_holder import PROGRAM
from faildrill.adapters.process.signals import Kill, Stop
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen, Told
from faildrill.record.samples import Outcome
from faildrill.system import processes

GIVEN = CallContext("run-7", 10.0)
MACHINE = Path("/etc/machine-id")
SERVER = """#!/bin/sh
sleep 300 &
echo $$ > "$1.new" && mv "$1.new" "$1"
while :; do sleep 300 & wait $!; done
"""
START = """#!/bin/sh
rm -f "$2"
setsid "$1" "$2" </dev/null >/dev/null 2>&1 &
while ! [ -s "$2" ]; do sleep 0.02; done
"""


def seen(look: Callable[[], object], within: float = 30.0) -> bool:
    deadline = time.monotonic() + within
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Place:
    """A server of a test's own, which has a child, and how it is started."""

    def __init__(self, folder: Path) -> None:
        self.server, self.starter, self.pid_file = folder / "pay-server", folder / "pay-start", folder / "pay.pid"
        for path, text in ((self.server, SERVER), (self.starter, START)):
            path.write_text(text)
            path.chmod(0o755)
        self.start = (str(self.starter), str(self.server), str(self.pid_file))

    @property
    def process(self) -> processes.Process:
        found = processes.look(int(self.pid_file.read_text()))
        assert found is not None
        return found

    def states(self) -> str:
        """Return the states of all its processes: S for asleep, T for stopped."""
        return "".join(one.state for one in processes.tree(self.process))

    def kill(self, **params: str) -> Kill:
        return Kill.model_validate(
            {"pid_file": str(self.pid_file), "command": "pay-server", "start": self.start, **params}
        )

    def stop(self, **params: object) -> Stop:
        return Stop.model_validate({"pid_file": str(self.pid_file), "command": "pay-server", **params})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    subprocess.run(here.start, check=True, timeout=30)
    yield here
    if here.pid_file.exists():
        last = processes.look(int(here.pid_file.read_text()))
        if last is not None and "pay-server" in processes.title(last.pid):
            time_limits.lift(last)
            tree.end(last, 20)


def test_a_process_is_killed_with_all_below_it_and_started_again(place: Place) -> None:
    async def story() -> None:
        step, all_of_it = place.kill(), processes.tree(place.process)
        assert len(all_of_it) > 1
        before = await step.capture(GIVEN)
        assert not (await step.confirm(before, GIVEN)).holds
        await step.apply(before, GIVEN)
        observed = await step.confirm(before, GIVEN)
        assert (observed.holds, observed.because.endswith("is gone, and nobody took its place")) == (True, True)
        assert [one for one in all_of_it if processes.look(one.pid) == one] == []
        assert not (await step.restored(before, GIVEN)).holds
        await step.undo(before, GIVEN)
        assert (await step.restored(before, GIVEN)).holds
        again = place.process
        await step.undo(before, GIVEN)
        assert place.process == again
        assert again.pid != before["pid"]

    asyncio.run(story())


def test_a_process_is_held_with_all_below_it_and_goes_on(place: Place) -> None:
    async def story() -> None:
        step = place.stop()
        before = await step.capture(GIVEN)
        await step.apply(before, GIVEN)
        assert (await step.confirm(before, GIVEN)).holds
        assert set(place.states()) == {"T"}
        with pytest.raises(ActionRefused, match="stopped already"):
            await step.capture(GIVEN)
        assert not (await step.restored(before, GIVEN)).holds
        await step.undo(before, GIVEN)
        assert "T" not in place.states()
        assert (await step.restored(before, GIVEN)).holds

    asyncio.run(story())


ALONE = """
import asyncio, os, sys
from faildrill.adapters.process.signals import Stop
from faildrill.kinds.call_context import CallContext
step = Stop.model_validate({"pid_file": sys.argv[1], "command": "pay-server", "at_most": "1500ms"})
async def story():
    before = await step.capture(CallContext("run-7", 20.0))
    await step.apply(before, CallContext("run-7", 20.0))
    print((await step.confirm(before, CallContext("run-7", 20.0))).holds, flush=True)
    await asyncio.sleep(300)
asyncio.run(story())
"""


def test_a_limit_is_kept_when_everybody_of_ours_is_killed(place: Place) -> None:
    command = [sys.executable, "-c", ALONE, str(place.pid_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline() == b"True\n"
        os.killpg(ours.pid, signal.SIGKILL)
        ours.wait(20)
    assert seen(lambda: "T" not in place.states())


def test_what_is_put_back_in_time_leaves_nobody_who_holds_its_limit(place: Place) -> None:
    def holders() -> list[str]:
        titles = [processes.title(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit()]
        return [one for one in titles if f"-m {PROGRAM} {place.process.pid} " in one]

    async def story() -> None:
        step = place.stop(at_most="10m")
        assert step.limit() == 600
        before = await step.capture(GIVEN)
        await step.apply(before, GIVEN)
        assert len(holders()) == 1
        await step.undo(before, GIVEN)
        assert "T" not in place.states()
        assert seen(lambda: holders() == [])

    asyncio.run(story())


def test_a_number_that_belongs_to_another_process_by_now_is_never_signalled(place: Place) -> None:
    async def story() -> None:
        for step in (place.kill(), place.stop()):
            before = await step.capture(GIVEN)
            other = {**before, "start": place.process.start - 1}
            with pytest.raises(ActionRefused, match="gone or another one by now"):
                await step.apply(other, GIVEN)
            await step.undo(other, GIVEN)
        assert not processes.send(place.process._replace(start=1), signal.SIGKILL)
        assert "T" not in place.states()

    asyncio.run(story())


@pytest.mark.parametrize("more", [" 1", "\n1\n"])
def test_a_pid_file_of_several_processes_touches_nothing(more: str, place: Place) -> None:
    several = place.pid_file.with_name("several.pid")
    several.write_text(f"{place.pid_file.read_text().strip()}{more}")
    with pytest.raises(CannotSee, match="holds the numbers of several processes"):
        asyncio.run(place.stop(pid_file=str(several)).capture(GIVEN))


def test_a_pid_file_that_names_another_program_touches_nothing(place: Place) -> None:
    with subprocess.Popen(["sleep", "300"]) as other:
        try:
            place.pid_file.with_name("stale.pid").write_text(f"{other.pid}\n")
            step = place.stop(pid_file=str(place.pid_file.with_name("stale.pid")))
            with pytest.raises(ActionRefused, match="no running process with 'pay-server'"):
                asyncio.run(step.capture(GIVEN))
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("end", "told"), [(tree.go_on, "somebody let it go on"), (lambda one: tree.end(one, 20), "ended")]
)
def test_a_process_that_others_let_go_on_or_end_hangs_no_more(
    place: Place, end: Callable[[processes.Process], object], told: str
) -> None:
    step = place.stop(start=place.start)

    async def story() -> tuple[bool, bool, str]:
        before = await step.capture(GIVEN)
        await step.apply(before, GIVEN)
        hung = (await lasts(step, before, GIVEN)).holds
        end(place.process)
        after = (await lasts(step, before, GIVEN)).holds
        whom = await suspect(step, before, GIVEN)
        await step.undo(before, GIVEN)
        return hung, after, whom

    hung, after, whom = asyncio.run(story())
    assert (hung, after) == (True, False)
    assert told in whom


def test_what_can_not_be_started_again_is_not_killed(place: Place) -> None:
    step = place.kill().model_copy(update={"start": None})
    with pytest.raises(ActionRefused, match="give `start`"):
        asyncio.run(step.capture(GIVEN))
    with pytest.raises(ActionFailed, match="no `start` says how"):
        asyncio.run(step.run_again(5.0))


def test_a_service_is_found_and_started_by_what_controls_it(place: Place, tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text(
        f'#!/bin/sh\ncase "$1 $*" in *show*MainPID*pay) cat {place.pid_file};; start*) {" ".join(place.start)};;'
        " *) exit 4;; esac\n"
    )
    control.chmod(0o755)
    step = Kill.model_validate({"service": "pay", "control": str(control), "command": "pay-server"})

    async def story() -> None:
        before = await step.capture(GIVEN)
        assert (await step.preview(GIVEN)).touches == ["processes/pay"]
        await step.apply(before, GIVEN)
        await step.undo(before, GIVEN)
        assert (await step.restored(before, GIVEN)).holds
        with pytest.raises(CannotSee, match="does not say which process other is"):
            await step.model_copy(update={"service": "other"}).capture(GIVEN)

    asyncio.run(story())


def test_the_end_of_a_process_is_told_between_looks(place: Place) -> None:
    edges: list[Seen] = []

    def tell(seen: Seen) -> None:
        edges.append(seen)

    async def story() -> None:
        probe = Alive.model_validate({"pid_file": str(place.pid_file), "command": "pay-server"})
        probe.on_edge(GIVEN, tell)
        first = await probe.look(GIVEN)
        assert (first.outcome, first.who) == (Outcome.OK, str(place.process.pid))
        killed = time.monotonic_ns()
        tree.end(place.process, 20)
        while not edges:  # noqa: ASYNC110 - the kernel tells the loop
            await asyncio.sleep(0.01)
        [edge] = edges
        assert (edge.outcome, edge.who, edge.detail) == (Outcome.REFUSED, first.who, "ended")
        assert edge.sent is not None
        assert edge.sent > killed
        assert (await probe.look(GIVEN)).outcome == Outcome.REFUSED
        await asyncio.to_thread(subprocess.run, place.start, check=True, timeout=30)
        again = await probe.look(GIVEN)
        assert (again.outcome, again.who) == (Outcome.OK, str(place.process.pid))
        tree.stop(place.process, 20)
        assert (await probe.look(GIVEN)).outcome == Outcome.WRONG
        await probe.close()

    asyncio.run(story())


LISTENING = """#!/bin/sh
exec python3 -c 'import os, socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[3]))):
    open(sys.argv[2], "w").write(str(os.getpid()))
    time.sleep(300)' pay-server "$1" PORT
"""


@pytest.fixture
def listening(place: Place) -> tuple[Place, str]:
    """A server that listens, and where."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tree.end(place.process, 5.0)
    place.server.write_text(LISTENING.replace("PORT", str(port)))
    subprocess.run(place.start, check=True)
    return place, f"127.0.0.1:{port}"


def objections(step: Kill | Stop) -> tuple[list[str], list[str], list[str]]:
    return tuple(asyncio.run(step.acts_through(GIVEN)))  # type: ignore[return-value] # it has three


def test_a_process_that_is_what_listens_at_its_address_is_killed_and_seen_dark(listening: tuple[Place, str]) -> None:
    place, address = listening
    step = place.kill(address=address)
    assert objections(step)[1:] == ([], [])
    before = asyncio.run(step.capture(GIVEN))
    asyncio.run(step.apply(before, GIVEN))
    assert asyncio.run(step.confirm(before, GIVEN)).holds
    assert objections(step) == ([], [], [])  # it is down, and nobody else is there
    asyncio.run(step.undo(before, GIVEN))
    assert asyncio.run(step.restored(before, GIVEN)).holds


def test_a_process_that_somebody_starts_at_once_was_dark_between_the_two(listening: tuple[Place, str]) -> None:
    place, address = listening
    step = place.kill(address=address)
    before = asyncio.run(step.capture(GIVEN))
    time.sleep(0.05)
    asyncio.run(step.apply(before, GIVEN))
    subprocess.run(place.start, check=True)
    seen = asyncio.run(step.confirm(before, GIVEN))
    assert (seen.holds, "which was not there before" in seen.because) == (True, True)


def test_a_pid_file_of_another_process_than_the_one_that_listens_is_refused(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        address = f"127.0.0.1:{another.getsockname()[1]}"
        for step in (place.kill(address=address), place.stop(address=address)):
            [because] = objections(step)[1]
            assert f"is not what answers: process {os.getpid()} (" in because
            with pytest.raises(ActionRefused, match="is not what answers"):
                asyncio.run(step.capture(GIVEN))
    assert set(place.states()) == {"S"}


def test_a_kill_that_leaves_somebody_answering_cut_nobody_off(listening: tuple[Place, str]) -> None:
    place, address = listening
    before = asyncio.run(place.kill(address=address).capture(GIVEN))
    with socket.create_server(("127.0.0.1", 0)) as another:
        step = place.kill(address=f"127.0.0.1:{another.getsockname()[1]}")
        asyncio.run(step.apply(before, GIVEN))
        seen = asyncio.run(step.confirm(before, GIVEN))
    assert (seen.holds, "so nobody was cut off" in seen.because) == (False, True)


def proof(place: Place, address: str, machine: str) -> Told:
    guard = Identity.model_validate(
        {"pid_file": str(place.pid_file), "command": "pay-server", "address": address, "machine": machine}
    )
    return asyncio.run(guard.ask_again(GIVEN))


@pytest.mark.skipif(not MACHINE.exists(), reason="this machine has no id")
def test_a_process_proves_the_machine_and_that_it_is_what_listens(listening: tuple[Place, str]) -> None:
    place, address = listening
    machine = MACHINE.read_text().strip()
    assert proof(place, address, machine).proved
    assert "this host is the machine" in proof(place, address, "0" * 32).differs[0]
    with socket.create_server(("127.0.0.1", 0)) as another:
        assert "is not what answers" in proof(place, f"127.0.0.1:{another.getsockname()[1]}", machine).differs[0]
    tree.end(place.process, 5.0)
    told = proof(place, address, machine)
    assert (told.proved, told.differs, told.silent) == ([], [], ["pay does not run"])


BLIND = """
import os, resource
from faildrill.system import processes
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, most))
try:
    print(processes.look(os.getppid()), processes.title(os.getppid()))
except OSError as error:
    print("could not look:", error.strerror)
"""


def test_a_process_that_can_t_be_looked_at_for_want_of_descriptors_is_not_gone() -> None:
    told = subprocess.check_output([sys.executable, "-c", BLIND], text=True)
    assert told == "could not look: Too many open files\n"
    assert processes.look(2**22 + 1) is None
