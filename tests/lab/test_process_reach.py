"""Members that are processes of a host: signalled, started and looked at by the program that a reach has there.

Every test is on real processes; those over SSH are on a real sshd, as a host that greets whoever logs in.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.member.loss import Kill
from faildrill.adapters.member.target import Group
from faildrill.adapters.ssh.container import LocalContainer
from faildrill.adapters.ssh.host_member import HostMember
from faildrill.adapters.ssh.pid_file import LocalProcess, OfProcess, Process
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Leads, SignalsFor
from faildrill.ports.target import KindUse
from support.pid_file_servers import Server, eventually, server, state
from support.ssh_server import SshServer, needs_sshd, ssh_server

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]


@pytest.fixture
def pay1(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd"), "pay1", "pay2") as one:
        yield one


@pytest.fixture(params=["local", pytest.param("ssh", marks=needs_sshd)])
def reach(request: pytest.FixtureRequest, pay1: Server) -> OfProcess:
    if request.param == "local":
        return LocalProcess.model_validate(pay1.params())
    return over_ssh(pay1, request.getfixturevalue("sshd"))


def children() -> set[str]:
    """Return the processes of ours that live."""
    all_of_them = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {pid for pid in all_of_them if state(int(pid)) not in "ZX"}


def over_ssh(member: Server, sshd: SshServer, **more: Any) -> Process:
    return Process.model_validate({**member.params(), "config": sshd.config, **more})


def test_a_signal_is_sent_to_all_of_a_member_and_a_killed_one_is_started_once(reach: OfProcess, pay1: Server) -> None:
    async def course() -> None:
        both = pay1.tree()
        assert len(both) == 2
        assert await reach.state("pay1") == "running"
        await reach.signal("pay1", "STOP")
        assert [state(pid) for pid in both] == ["T", "T"]
        assert await reach.state("pay1") == "stopped"
        await reach.signal("pay1", "CONT")
        assert await reach.state("pay1") == "running"
        await reach.signal("pay1", "KILL")
        assert pay1.tree() == []
        assert await reach.state("pay1") == "absent"
        await reach.start("pay1")
        await reach.start("pay1")
        assert await reach.state("pay1") == "running"
        assert pay1.starts == 2  # the first was the test's own

    asyncio.run(course())


def test_it_is_seen_whether_an_address_leads_to_the_member(reach: OfProcess, pay1: Server, tmp_path: Path) -> None:
    async def told(address: str) -> tuple[list[str], ...]:
        return tuple(await reach.leads("pay1", [address]))

    (tmp_path / "other").mkdir()
    with server(tmp_path / "other", "pay2") as other:
        proved, differs, silent = asyncio.run(told(pay1.address))
        assert (len(proved), differs, silent) == (1, [], [])
        proved, [words], silent = asyncio.run(told(other.address))
        assert (proved, silent) == ([], [])
        assert f"is not what answers at {other.address}" in words
        assert str(other.pid) in words
    proved, differs, [words] = asyncio.run(told(other.address))
    assert (proved, differs) == ([], [])
    assert words == f"pay1: nobody takes connections at {other.address}"


def test_a_connection_that_ends_in_another_network_proves_that_the_address_is_elsewhere(
    pay1: Server, tmp_path: Path
) -> None:
    """A member in a network of its own has the very address that another one answers at here."""
    if (
        os.geteuid() != 0
        or not shutil.which("ip")
        or subprocess.run(["unshare", "--net", "true"], check=False).returncode
    ):
        pytest.skip("no network namespaces")
    (tmp_path / "other").mkdir()
    with server(tmp_path / "other", "pay2", pay1.port) as other:
        told = asyncio.run(other.reach().leads("pay2", [pay1.address]))
    assert told.proved == []
    assert "does not arrive on" in told.differs[0]


def test_a_process_that_has_the_number_by_now_is_never_touched(reach: OfProcess, pay1: Server) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pay1.pid_file.write_text(f"{stranger.pid}\n")

        async def course() -> None:
            assert await reach.state("pay1") == "absent"
            with pytest.raises(ActionRefused, match="does not run"):
                await reach.signal("pay1", "KILL")

        asyncio.run(course())
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize(
    ("content", "words"),
    [("many words\n", "holds no number"), (None, "absent"), ("", "absent"), ("999999999\n", "absent")],
)
def test_what_a_pid_file_does_not_say_is_no_answer(content: str | None, words: str, tmp_path: Path) -> None:
    one = Server(tmp_path, "pay1")
    if content is not None:
        one.pid_file.write_text(content)
    try:
        said = f"it is {asyncio.run(one.reach().state('pay1'))}"
    except CannotSee as error:
        said = str(error)
    assert words in said


def test_processes_of_another_user_are_refused_before_any_is_touched(pay1: Server) -> None:
    class AsNobody(LocalProcess):
        @asynccontextmanager
        async def command_line(self, member: str, program: str) -> AsyncIterator[list[str]]:
            async with super().command_line(member, program) as argv:
                yield ["setpriv", "--reuid=65534", "--clear-groups", *argv]

    if os.geteuid() != 0:
        pytest.skip("needs another user")
    for folder in (pay1.folder, *pay1.folder.parents):
        if "pytest-" in str(folder):
            folder.chmod(0o755)
    reach = AsNobody.model_validate(pay1.params())

    async def course() -> None:
        assert await reach.state("pay1") == "running"
        with pytest.raises(ActionRefused, match="may not signal process"):
            await reach.signal("pay1", "STOP")
        [silent] = (await reach.leads("pay1", [pay1.address])).silent
        assert "can't be seen by this user" in silent

    asyncio.run(course())
    assert {state(pid) for pid in pay1.tree()} == {"S"}


def test_what_belongs_to_a_member_and_is_not_its_child_is_signalled_with_it(pay1: Server, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with server(tmp_path / "other", "pay2") as other:
        reach = pay1.reach(others={str(other.pid_file): "pay2.py"})

        async def course() -> None:
            await reach.signal("pay1", "STOP")
            assert {state(pid) for pid in (*pay1.tree(), *other.tree())} == {"T"}
            await reach.signal("pay1", "KILL")
            assert (pay1.tree(), other.tree()) == ([], [])

        asyncio.run(course())


def holders(member: Server) -> int:
    """Count who holds a limit of a member, by its folder, which stands in what they were started with."""
    found = 0
    for one in Path("/proc").iterdir():
        try:
            words = (one / "cmdline").read_bytes() if one.name.isdecimal() else b""
        except OSError:
            continue
        found += b"faildrill.limit." in words and str(member.folder).encode() in words
    return found


@pytest.mark.parametrize("name", ["KILL", "STOP"])
def test_the_host_brings_a_member_back_when_nothing_of_ours_lives_any_more(
    name: str, reach: OfProcess, pay1: Server
) -> None:
    """Whoever asked, and his client, are killed while it lasts; and so is what sshd had for him."""
    program = (
        "import asyncio, os, signal, sys\n"
        f"from faildrill.adapters.ssh.pid_file import {type(reach).__name__} as Reach\n"
        "reach = Reach.model_validate_json(sys.argv[1])\n"
        "async def main():\n"
        f"    await reach.signal_for('pay1', '{name}', 1.5)\n"
        "    os.write(1, b'done')\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, reach.model_dump_json()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        assert ours.stdout.read(4) == b"done"
        gone = pay1.tree()
        assert gone == [] or {state(pid) for pid in gone} == {"T"}
        ours.kill()
    eventually(lambda: pay1.tree() and {state(pid) for pid in pay1.tree()} == {"S"}, 5)
    assert pay1.starts == (2 if name == "KILL" else 1)
    eventually(lambda: not holders(pay1))


def test_a_limit_is_lifted_when_the_member_is_put_back(reach: OfProcess, pay1: Server) -> None:
    async def course() -> None:
        await reach.signal_for("pay1", "STOP", 600.0)
        assert holders(pay1)
        await reach.signal("pay1", "CONT")
        assert not holders(pay1)
        await reach.signal_for("pay1", "KILL", 600.0)
        await reach.start("pay1")
        assert not holders(pay1)

    asyncio.run(course())


def test_an_order_that_comes_late_is_not_begun(reach: OfProcess, pay1: Server) -> None:
    async def course() -> None:
        await reach.state("pay1")
        answer = await reach._session("pay1").change(5.0, -1.0, "signal", "KILL", "-")
        assert (answer.status, answer.words) == ("refused", "the order came too late, and was not begun")

    asyncio.run(course())
    assert len(pay1.tree()) == 2


def test_an_order_whose_answer_is_lost_is_unknown_and_never_given_again(reach: OfProcess, pay1: Server) -> None:
    slow = pay1.folder / "slow"
    slow.write_text(f"#!/bin/sh\ntouch {slow}.began\nsleep 0.5\n{pay1.start}\nsleep 4\n")
    slow.chmod(0o700)
    told = reach.model_copy(update={"start_command": (str(slow),)})
    before = children()

    async def course() -> None:
        await told.signal("pay1", "KILL")
        starting = asyncio.create_task(told.start("pay1"))
        await asyncio.to_thread(eventually, Path(f"{slow}.began").exists)
        keeper = told._session("pay1")._keeper
        assert keeper is not None
        keeper.cancel()
        with pytest.raises(OutcomeUnknown):
            await starting

    asyncio.run(course())
    eventually(lambda: children() <= before, within=1.0)  # the client does not wait for what the host is at
    eventually(lambda: len(pay1.tree()) == 2)
    assert pay1.starts == 2


def test_what_starts_a_member_and_fails_is_told_with_its_words(pay1: Server) -> None:
    reach = pay1.reach(start_command=["sh", "-c", "echo no room left >&2; exit 3"])

    async def course() -> None:
        await reach.signal("pay1", "KILL")
        with pytest.raises(ActionFailed, match="ended with 3; it said: no room left"):
            await reach.start("pay1")

    asyncio.run(course())


def failing(member: Server, name: str) -> Path:
    """Put a program first of all that fails while a file is there, and does what it always does where it is not."""
    fails = member.folder / f"{name}-fails"
    path = member.folder / "bin"
    path.mkdir(exist_ok=True)
    (path / name).write_text(f'#!/bin/sh\n[ ! -e {fails} ] || exit 1\nexec {shutil.which(name)} "$@"\n')
    (path / name).chmod(0o700)
    return fails


def test_a_start_that_fails_leaves_a_limit_to_the_host(pay1: Server) -> None:
    fails = pay1.folder / "fails"
    reach = pay1.reach(start_command=["sh", "-c", f"[ ! -e {fails} ] && {pay1.start}"])

    async def course() -> None:
        await reach.signal_for("pay1", "KILL", 600.0)
        fails.touch()
        with pytest.raises(ActionFailed, match="ended with 1"):
            await reach.start("pay1")
        assert holders(pay1)
        fails.unlink()
        await reach.start("pay1")
        assert not holders(pay1)

    asyncio.run(course())


def test_a_member_that_does_not_go_on_is_told_and_its_limit_stays(pay1: Server) -> None:
    program = (
        "import os, signal, time; signal.signal(18, lambda *_: os.kill(os.getpid(), 19))\nwhile True: time.sleep(9)"
    )
    argv = [sys.executable, "-I", "-S", "-c", program]
    with subprocess.Popen(argv) as stubborn:
        other = pay1.folder / "other.pid"
        other.write_text(f"{stubborn.pid}\n")
        reach = pay1.reach(others={str(other): "signal.signal"})

        async def course() -> None:
            await reach.signal_for("pay1", "STOP", 600.0)
            with pytest.raises(ActionFailed, match=f"processes {stubborn.pid} do not go on"):
                await reach.signal("pay1", "CONT")
            assert holders(pay1)
            stubborn.kill()
            await reach.signal("pay1", "CONT")
            assert not holders(pay1)

        try:
            asyncio.run(course())
        finally:
            stubborn.kill()


def test_a_signal_that_is_refused_takes_no_limit_away(pay1: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = failing(pay1, "setsid")
    monkeypatch.setenv("PATH", f"{fails.parent}/bin:{os.environ['PATH']}")
    reach = pay1.reach()

    async def course() -> None:
        await reach.signal_for("pay1", "STOP", 600.0)
        for pid in pay1.tree():
            os.kill(pid, signal.SIGCONT)
        before = holders(pay1)
        fails.touch()
        with pytest.raises(ActionRefused, match="nobody on the host could be had"):
            await reach.signal_for("pay1", "KILL", 600.0)
        assert holders(pay1) == before > 0
        assert len(pay1.tree()) == 2
        await reach.signal("pay1", "CONT")
        assert not holders(pay1)

    asyncio.run(course())


def test_a_process_that_the_session_itself_descends_from_is_never_touched(pay1: Server) -> None:
    program = (
        "import asyncio, os, pathlib, sys\n"
        "from faildrill.adapters.ssh.pid_file import LocalProcess\n"
        "from faildrill.errors import ActionRefused\n"
        "reach = LocalProcess.model_validate_json(sys.argv[1])\n"
        "pathlib.Path(sys.argv[2]).write_text(f'{os.getpid()}\\n')\n"
        "try:\n"
        "    asyncio.run(reach.signal('pay1', 'KILL'))\n"
        "except ActionRefused as error:\n"
        "    print(error)\n"
    )
    reach = pay1.reach(command="LocalProcess")
    argv = [sys.executable, "-c", program, reach.model_dump_json(), str(pay1.folder / "pay1.pid")]
    there = pay1.pid_file.read_text()
    ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    pay1.pid_file.write_text(there)
    assert (ended.returncode, "is one that this session needs" in ended.stdout) == (0, True), ended


@pytest.mark.parametrize(
    ("title", "command", "is_it"),
    [
        ("postgres_exporter", "postgres", False),
        ("prometheus-postgres", "postgres", False),
        ("/usr/lib/postgresql/17/bin/postgres", "postgres", True),
        ("postgres:", "postgres", True),
        ("--name=pay", "--name=pay", True),
        ("/usr/sbin/pay", "/sbin/pay", True),
    ],
)
def test_a_stale_number_is_told_by_a_whole_word(title: str, command: str, *, is_it: bool, tmp_path: Path) -> None:
    with subprocess.Popen([title, "60"], executable=shutil.which("sleep")) as process:
        (tmp_path / "pay1.pid").write_text(f"{process.pid}\n")
        reach = LocalProcess(pid_file=str(tmp_path / "pay1.pid"), command=command, start_command=("true",))
        try:
            assert asyncio.run(reach.state("pay1")) == ("running" if is_it else "absent")
        finally:
            process.kill()


def test_an_order_that_the_host_takes_too_long_to_prepare_is_not_done(pay1: Server) -> None:
    engine = pay1.folder / "engine"
    engine.write_text(f"#!/bin/sh\n[ $1 = inspect ] || touch {engine}.acted\nsleep 2.5\necho running {pay1.pid}\n")
    engine.chmod(0o700)
    reach = LocalContainer(engine=(str(engine),))

    async def course() -> None:
        await reach._session("pay1").look(5.0, "time")
        answer = await reach._session("pay1").change(5.0, 0.3, "signal", "KILL", "-")
        assert answer.status == "refused"

    asyncio.run(course())
    assert not Path(f"{engine}.acted").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="control groups are made by root")
@pytest.mark.parametrize(
    ("rules", "is_held"),
    [("KillUserProcesses=yes\\nKillExcludeUsers=root", False), ("KillUserProcesses=yes\\nKillExcludeUsers=ann", True)],
)
def test_a_limit_is_refused_where_logind_would_end_its_holder(
    rules: str, is_held: bool, pay1: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    loginctl = pay1.folder / "loginctl"
    loginctl.write_text(f"#!/bin/sh\ncase $* in *'-p Name') echo Name=ann ;; *) printf '{rules}\\n' ;; esac\n")
    loginctl.chmod(0o700)
    monkeypatch.setenv("PATH", f"{pay1.folder}:{os.environ['PATH']}")
    trees = [Path("/sys/fs/cgroup", one) for one in ("systemd", ".", "unified")]
    scope = next(one for one in trees if (one / "cgroup.procs").exists()) / f"session-{os.getpid()}.scope"
    scope.mkdir()
    into_it = pay1.folder / "into-it"
    into_it.write_text(f'#!/bin/sh\necho $$ >{scope}/cgroup.procs\nexec /bin/sh "$@"\n')
    into_it.chmod(0o700)

    class InSession(LocalProcess):
        @asynccontextmanager
        async def command_line(self, member: str, program: str) -> AsyncIterator[list[str]]:
            async with super().command_line(member, program) as [_, *words]:
                yield [str(into_it), *words]

    async def course() -> None:
        reach = InSession.model_validate(pay1.params())
        if is_held:
            await reach.signal_for("pay1", "STOP", 600.0)
            await reach.signal("pay1", "CONT")
            return
        with pytest.raises(ActionRefused, match=r"KillUserProcesses=yes.*add ann to KillExcludeUsers"):
            await reach.signal_for("pay1", "STOP", 600.0)

    try:
        asyncio.run(course())
        assert not holders(pay1)
    finally:
        eventually(lambda: not (scope / "cgroup.procs").read_text())
        scope.rmdir()


@needs_sshd
def test_a_host_that_is_not_reached_was_asked_for_nothing(pay1: Server, sshd: SshServer) -> None:
    reach = over_ssh(pay1, sshd, host="127.0.0.1")  # no entry, no key, and another port

    async def course() -> None:
        with pytest.raises(ActionRefused, match="nothing was sent"):
            await reach.signal("pay1", "KILL")
        with pytest.raises(CannotSee, match="can't be asked"):
            await reach.state("pay1")

    asyncio.run(course())
    assert len(pay1.tree()) == 2


OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyTEiqMv1yL8TTKLgLbQmTeGLqn2TDmOZQ0Cy9xO8bD"


@needs_sshd
def test_only_the_declared_key_is_accepted(pay1: Server, sshd: SshServer) -> None:
    assert asyncio.run(over_ssh(pay1, sshd, key=sshd.key).state("pay1")) == "running"
    with pytest.raises(CannotSee, match="Host key verification failed"):
        asyncio.run(over_ssh(pay1, sshd, key=OTHER_KEY).state("pay1"))


@needs_sshd
def test_no_command_of_the_configuration_adds_to_the_declared_key(
    pay1: Server, sshd: SshServer, tmp_path: Path
) -> None:
    (tmp_path / "known").write_text(f"pay1 {sshd.key}\n")
    more = f"IgnoreUnknown UseKey*\nUseKeychain yes\nKnownHostsCommand /bin/cat {tmp_path}/known\n"
    config = tmp_path / "config"
    config.write_text(more + Path(sshd.config).read_text())
    assert asyncio.run(over_ssh(pay1, sshd, config=str(config), key=sshd.key).state("pay1")) == "running"
    with pytest.raises(CannotSee, match="Host key verification failed"):
        asyncio.run(over_ssh(pay1, sshd, config=str(config), key=OTHER_KEY).state("pay1"))


@needs_sshd
def test_a_host_is_logged_in_to_as_the_inventory_says(pay1: Server, sshd: SshServer) -> None:
    inventory = pay1.folder / "inventory.yml"
    settings = {
        "ansible_host": "127.0.0.1",
        "ansible_port": sshd.port,
        "ansible_ssh_private_key_file": str(sshd.folder / "client_key"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={sshd.folder}/known_hosts -o HostKeyAlias=an-sshd",
    }
    inventory.write_text(json.dumps({"all": {"hosts": {"pay1": settings, "pay2": {"ansible_host": "{{ there }}"}}}}))
    reach = Process.model_validate({**pay1.params(), "inventory": str(inventory)})

    async def course() -> None:
        assert await reach.state("pay1") == "running"
        with pytest.raises(CannotSee, match="has a template for pay2"):
            await reach.state("pay2")

    asyncio.run(course())


class SaysYes(HostMember):
    """A host whose program says that all is done, and does nothing."""

    def called(self, member: str) -> str:
        return f"the liar of {member}"

    def words(self, member: str) -> str:
        return f"member={member}"

    @asynccontextmanager
    async def command_line(self, member: str, program: str) -> AsyncIterator[list[str]]:
        assert f"member={member}" in program
        nonce = program.partition("nonce=")[2].partition("\n")[0]
        loop = (
            f"echo {nonce} 0 100 ok 1; while read -r id verb rest; do case $verb in signal) now=absent;; esac; "
            f"echo {nonce} $id 100 ok ${{now:-running}}; done"
        )
        yield ["sh", "-c", loop]


def test_a_host_that_says_yes_and_does_nothing_is_not_believed_alone(pay1: Server) -> None:
    members = {"pay1": {"name": "pay1", "address": pay1.address}, "pay2": {"name": "pay2"}}
    use = KindUse(kind="a.liar")
    group = Group.model_validate({"name": "servers", "members": {n: {**m, "reach": use} for n, m in members.items()}})
    kill = Kill(group=group, member="pay1")

    class Liars(CallContext):
        def reach(self, member: Any) -> Any:  # noqa: ANN401, ARG002 - the port's
            return SaysYes()

    async def course() -> None:
        given = Liars("run-of-a-test", 5.0)
        before = await kill.capture(given)
        await kill.apply(before, given)
        seen = await kill.confirm(before, given)
        assert not seen.holds
        assert "somebody still takes connections" in seen.because
        told = await SaysYes().leads("pay1", [pay1.address])
        assert told.proved == []

    asyncio.run(course())


def test_every_such_reach_can_hold_a_limit_and_tell_where_it_leads(reach: OfProcess) -> None:
    assert isinstance(reach, SignalsFor)
    assert isinstance(reach, Leads)


def test_no_client_and_no_program_is_left_when_a_loop_has_ended(reach: OfProcess) -> None:
    before = children()
    asyncio.run(reach.state("pay1"))
    assert children() <= before
