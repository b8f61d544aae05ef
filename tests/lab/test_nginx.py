"""NGINX for real: what is done to its files, and that a mistake in them takes nothing down."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from faildrill.adapters.nginx.instance import children, listening
from faildrill.errors import ActionFailed, ActionRefused, FaildrillError
from faildrill.lab.core.port_reservations import Reservations
from faildrill.lab.stores.system_programs import program
from faildrill.record.samples import Outcome
from lab.hosts_lab import done_and_put_back, here, twice
from lab.kinds_here import Whole, action, done, given, guard, once, probe, put_back

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
NAMES = ("pay1", "pay2", "pay3")


@dataclass
class Nginx:
    """An NGINX in a folder of its own, with three servers behind it."""

    folder: Path
    ports: dict[str, int]
    binary: Path

    @property
    def file(self) -> Path:
        return self.folder / "conf.d" / "payments.conf"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['front']}/"

    def step(self, kind: str, /, **params: str | int | bool) -> Whole:
        config, pid_file = str(self.folder / "nginx.conf"), str(self.folder / "pid")
        here = {"file": str(self.file), "binary": str(self.binary), "config": config, "pid_file": pid_file}
        return action(kind, **{**here, **params})

    def of(self, name: str, **params: str | int | bool) -> Whole:
        server = f"127.0.0.1:{self.ports[name]}"
        return self.step("nginx.upstream", upstream="payments", server=server, url=self.url, who=name, **params)


def backend(name: str, port: int) -> str:
    return f"server {{ listen 127.0.0.1:{port}; location / {{ add_header X-Server {name}; return 200; }} }}\n"


def lay_out(nginx: Nginx) -> None:
    folder, ports = nginx.folder, nginx.ports
    nginx.file.parent.mkdir(parents=True)
    temporary = "".join(
        f"  {one}_temp_path {folder}/{one};\n" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\n  access_log off;\n{temporary}  include {folder}/conf.d/*.conf;\n}}\n"
    )
    servers = "".join(f"    server 127.0.0.1:{ports[name]}; # {name}\n" for name in NAMES)
    front = f"server {{ listen 127.0.0.1:{ports['front']}; location / {{ proxy_pass http://payments; }} }}\n"
    nginx.file.write_text(f"upstream payments {{\n{servers}}}\n{front}")
    (folder / "conf.d" / "backends.conf").write_text("".join(backend(name, ports[name]) for name in NAMES))


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    try:
        binary = program("nginx", "nginx")
    except FaildrillError as error:
        pytest.skip(str(error))
    reservations = Reservations()
    here = Nginx(tmp_path / "nginx", {name: reservations.port(name) for name in ("front", *NAMES)}, binary)
    lay_out(here)
    with subprocess.Popen([binary, "-c", here.folder / "nginx.conf", "-g", "daemon off;"]) as process:
        try:
            deadline = time.monotonic() + 20
            while not (here.folder / "pid").exists() or not answers(here):
                assert time.monotonic() < deadline, (here.folder / "error.log").read_text()
                time.sleep(0.05)
            yield here
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(20)
            reservations.close()


def load(nginx: Nginx) -> None:
    """Have it load its files, and wait until no worker from before takes connections."""
    master = int((nginx.folder / "pid").read_text())
    former = set(children(master))
    os.kill(master, signal.SIGHUP)
    deadline = time.monotonic() + 20
    while former & set(children(master)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(nginx: Nginx) -> bool:
    return asyncio.run(once(probe("http.request", url=nginx.url))).outcome == Outcome.OK


def test_a_server_is_taken_out_and_the_line_is_as_it_was_afterwards(nginx: Nginx) -> None:
    async def story() -> None:
        former = nginx.file.read_text()
        step = nginx.of("pay1", down=True)
        assert (await step.preview(given())).touches == [f"payments/127.0.0.1:{nginx.ports['pay1']}"]
        before = await done(step, 20)
        assert f"server 127.0.0.1:{nginx.ports['pay1']} down; # pay1" in nginx.file.read_text()
        seen = {(await once(probe("http.request", url=nginx.url))).who for _ in range(12)}
        assert seen == {"pay2", "pay3"}
        with pytest.raises(ActionRefused, match="already"):
            await step.capture(given())
        await put_back(step, before, 20)
        assert nginx.file.read_text() == former
        assert {(await once(probe("http.request", url=nginx.url))).who for _ in range(12)} == set(NAMES)
        assert sorted(path.name for path in nginx.file.parent.iterdir()) == ["backends.conf", "payments.conf"]

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["nginx.upstream", "nginx.broken_file"])
def test_what_was_changed_meanwhile_by_others_is_left_and_not_loaded_by_an_undo(nginx: Nginx, kind: str) -> None:
    async def story() -> None:
        step = nginx.of("pay2", weight=7) if kind == "nginx.upstream" else nginx.step(kind)
        before = await done(step, 20)
        theirs = f"# of somebody else\n{nginx.file.read_text()}"
        nginx.file.write_text(theirs)
        workers = children(int((nginx.folder / "pid").read_text()))
        with pytest.raises(ActionFailed, match="has been changed by somebody else: it is left as it is"):
            await step.undo(before, given(20))
        assert nginx.file.read_text() == theirs
        assert children(int((nginx.folder / "pid").read_text())) == workers

    asyncio.run(story())


def test_the_last_server_that_takes_requests_is_never_taken_out(nginx: Nginx) -> None:
    async def story() -> None:
        for name in ("pay1", "pay2"):
            await done(nginx.of(name, down=True), 20)
        with pytest.raises(ActionRefused, match="is the last server of payments"):
            await nginx.of("pay3", down=True).capture(given())

    asyncio.run(story())


def test_every_byte_and_attribute_of_the_file_is_as_it_was_afterwards(nginx: Nginx) -> None:
    with_returns = nginx.file.read_bytes().replace(b"\n", b"\r\n")
    nginx.file.write_bytes(with_returns.replace(b"# pay1", "# \u2028server 1.2.3.4:5; \x0c".encode()))
    os.setxattr(nginx.file, "user.owner", b"configuration management")
    load(nginx)
    former = nginx.file.read_bytes()

    async def story() -> None:
        step = nginx.of("pay1", down=True)
        before = await done(step, 20)
        assert nginx.file.read_bytes() == former.replace(b";", b" down;", 1)
        await put_back(step, before, 20)

    asyncio.run(story())
    assert nginx.file.read_bytes() == former
    assert os.getxattr(nginx.file, "user.owner") == b"configuration management"


@pytest.mark.parametrize(
    ("words", "params"),
    [
        (("", "", " backup"), {"down": True}),
        ((" weight=2", " weight=2", ""), {"weight": 4}),
        ((" down", " down", ""), {"weight": 4}),
        (("", "", " down"), {"weight": 4}),
    ],
    ids=["a backup that is not needed", "a weight of whom a backup", "the only one", "one that is down"],
)
def test_what_no_user_could_notice_is_refused(
    nginx: Nginx, words: tuple[str, ...], params: dict[str, int | bool]
) -> None:
    text = nginx.file.read_text()
    for name, more in zip(NAMES, words, strict=True):
        text = text.replace(f"{nginx.ports[name]};", f"{nginx.ports[name]}{more};")
    if " weight=2" in words:
        text = text.replace(f"{nginx.ports['pay3']};", f"{nginx.ports['pay3']} backup;")
    nginx.file.write_text(text)
    with pytest.raises(ActionRefused, match="no user could notice"):
        asyncio.run(nginx.of("pay3", **params).capture(given()))


def test_a_server_that_nobody_was_answered_by_is_not_taken_out(nginx: Nginx) -> None:
    """That it doesn't answer afterwards would prove nothing: its name is another, or `url` leads past it."""
    former = nginx.file.read_text()
    server = f"127.0.0.1:{nginx.ports['pay1']}"
    step = nginx.step("nginx.upstream", upstream="payments", server=server, url=nginx.url, who="pay-1", down=True)
    with pytest.raises(ActionRefused, match=r"none of 20 answers .* was from 'pay-1' \(X-Server: pay1, pay2, pay3\)"):
        asyncio.run(step.capture(given()))
    assert nginx.file.read_text() == former


def test_a_backup_that_is_needed_is_taken_out(nginx: Nginx) -> None:
    text = nginx.file.read_text()
    for name, more in zip(NAMES, (" down", " backup", " backup"), strict=True):
        text = text.replace(f"{nginx.ports[name]};", f"{nginx.ports[name]}{more};")
    nginx.file.write_text(text)
    load(nginx)
    asyncio.run(nginx.of("pay3", down=True).capture(given()))


def test_what_nginx_refuses_is_put_back_before_it_is_loaded(nginx: Nginx) -> None:
    async def story() -> None:
        former = nginx.file.read_text()
        step = nginx.of("pay1", weight=3)
        before = await step.capture(given())
        (nginx.folder / "conf.d" / "other.conf").write_text("somebody breaks another file;\n")
        with pytest.raises(ActionRefused, match="it is as it was"):
            await step.apply(before, given())
        assert nginx.file.read_text() == former
        with pytest.raises(ActionRefused, match="not good as they are"):
            await step.capture(given())

    asyncio.run(story())
    assert answers(nginx)


def write_over(path: Path) -> None:
    path.write_text("# of somebody else\n" + path.read_text())


def move_in(path: Path) -> None:
    """Put an edit that was made long ago in a file's place, as `mv` and `rsync -a` do."""
    draft = path.with_name(".draft")
    draft.write_text("# of somebody else\n" + path.read_text())
    os.utime(draft, (0, 0))
    draft.replace(path)


@pytest.mark.parametrize("edit", [write_over, move_in])
@pytest.mark.parametrize("name", ["payments.conf", "backends.conf"])
@pytest.mark.parametrize("kind", ["nginx.upstream", "nginx.broken_file"])
def test_an_edit_that_nobody_has_loaded_is_not_loaded_by_a_drill(
    nginx: Nginx, kind: str, name: str, edit: Callable[[Path], None]
) -> None:
    async def story() -> None:
        step = nginx.of("pay1", down=True) if kind == "nginx.upstream" else nginx.step(kind)
        time.sleep(0.1)  # noqa: ASYNC251 - workers are dated by the kernel's clock, in hundredths
        edit(nginx.file.with_name(name))
        with pytest.raises(ActionRefused, match=rf"{name} was written after NGINX loaded it.*load it first"):
            await step.capture(given())

    asyncio.run(story())


def meddled(nginx: Nginx, name: str) -> Nginx:
    """Return one whose program has somebody edit a file at its next start: in the middle of NGINX's own test."""
    program, trap, file = nginx.folder / "program", nginx.folder / "trap", nginx.file.with_name(name)
    words = f"if [ -e {trap} ]; then rm {trap}; sleep 0.05; echo '# of somebody else' >> {file}; fi"
    program.write_text(f'#!/bin/sh\n{words}\nexec {nginx.binary} "$@"\n')
    program.chmod(0o755)
    return Nginx(nginx.folder, nginx.ports, program)


@pytest.mark.parametrize("name", ["payments.conf", "backends.conf"])
def test_an_edit_during_the_servers_own_test_is_not_loaded(nginx: Nginx, name: str) -> None:
    async def story() -> None:
        edited, trap = nginx.file.with_name(name), nginx.folder / "trap"
        former = edited.read_text()
        step = meddled(nginx, name).of("pay1", down=True)
        before = await step.capture(given())
        trap.touch()
        with pytest.raises(ActionFailed if name == "payments.conf" else ActionRefused, match="somebody else"):
            await step.apply(before, given())
        assert edited.read_text().endswith("# of somebody else\n")
        assert "pay1" in {(await once(probe("http.request", url=nginx.url))).who for _ in range(12)}
        edited.write_text(former)
        await asyncio.to_thread(load, nginx)
        before = await done(step, 20)
        trap.touch()
        with pytest.raises(ActionFailed, match=r"somebody else.*so nothing is loaded"):
            await step.undo(before, given())
        assert (await step.found(before, given())).whose == "others"
        assert "pay1" not in {(await once(probe("http.request", url=nginx.url))).who for _ in range(12)}

    asyncio.run(story())


def test_an_edit_between_the_look_and_the_act_is_left(nginx: Nginx) -> None:
    async def story() -> None:
        step = nginx.of("pay1", down=True)
        before = await step.capture(given())
        theirs = "# of somebody else\n" + nginx.file.read_text()
        nginx.file.write_text(theirs)
        with pytest.raises(ActionRefused, match="has been changed since it was looked at"):
            await step.apply(before, given())
        assert nginx.file.read_text() == theirs

    asyncio.run(story())


def test_a_mistake_that_is_loaded_takes_nothing_down_and_is_taken_out_again(nginx: Nginx) -> None:
    async def story() -> None:
        former = nginx.file.read_text()
        step = nginx.step("nginx.broken_file")
        before = await done(step, 20)
        looks = [(await once(probe("http.request", url=nginx.url))).outcome for _ in range(20)]
        assert set(looks) == {Outcome.OK}
        await put_back(step, before, 20)
        assert nginx.file.read_text() == former

    asyncio.run(story())


def workers(nginx: Nginx) -> list[int]:
    return sorted(children(int((nginx.folder / "pid").read_text())))


@contextmanager
def another_one(folder: Path, of: Nginx) -> Iterator[Nginx]:
    """Run a second NGINX of the same files, which listens elsewhere and keeps its number elsewhere."""
    with closing(Reservations()) as reservations:
        own = Nginx(folder, {name: reservations.port(f"other-{name}") for name in of.ports}, of.binary)
        lay_out(own)
        with subprocess.Popen([of.binary, "-c", folder / "nginx.conf", "-g", "daemon off;"]) as process:
            try:
                deadline = time.monotonic() + 20
                while not (folder / "pid").exists() or not answers(own):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                yield own
            finally:
                os.kill(process.pid, signal.SIGTERM)


@pytest.mark.parametrize("kind", ["nginx.upstream", "nginx.broken_file"])
def test_an_nginx_that_ran_already_behind_the_same_number_is_never_told_to_load(
    nginx: Nginx, tmp_path: Path, kind: str
) -> None:
    """Changed one, looked at the other: neither is seen, nor put back, and what is told names both."""

    async def story(other: Nginx) -> None:
        pid, theirs, held = nginx.folder / "pid", (other.folder / "pid").read_text(), workers(other)
        own = pid.read_text()
        step = nginx.of("pay1", down=True) if kind == "nginx.upstream" else nginx.step(kind)
        former = nginx.file.read_text()
        early = await step.capture(given(10))
        pid.write_text(theirs)
        told = rf"it leads to two: NGINX's master {own.strip()} was looked at first, and now {theirs.strip()} is"
        with pytest.raises(ActionRefused, match=told):
            await step.apply(early, given(10))
        assert nginx.file.read_text() == former
        pid.write_text(own)
        before = await done(step, 20)
        pid.write_text(theirs)
        assert not (await step.confirm(before, given(10))).holds
        found = await step.found(before, given(10))
        assert (found.whose, "it leads to two" in found.now) == ("others", True)
        with pytest.raises(ActionFailed, match=told):
            await step.undo(before, given(10))
        assert not (await step.restored(before, given(10))).holds
        assert workers(other) == held
        pid.write_text(own)
        await put_back(step, before, 20)
        assert nginx.file.read_text() == former

    with another_one(tmp_path / "other", nginx) as other:
        asyncio.run(story(other))


def test_the_playbook_takes_a_server_out_and_has_it_back_and_leaves_no_file(nginx: Nginx, tmp_path: Path) -> None:
    program = tmp_path / "nginx-here"
    program.write_text(f'#!/bin/sh\nexec {nginx.binary} -c {nginx.folder}/nginx.conf "$@"\n')
    program.chmod(0o755)
    former = nginx.file.read_text()

    def look(out: bool) -> None:
        def asked() -> str | None:
            with closing(HTTPConnection("127.0.0.1", nginx.ports["front"], timeout=5)) as connection:
                connection.request("GET", "/")
                return connection.getresponse().getheader("X-Server")

        def who() -> set[str | None]:
            return {asked() for _ in range(6)}

        due = set(NAMES) - {"pay1"} if out else set(NAMES)
        deadline = time.monotonic() + 20  # until the workers of before are gone
        while who() != due:
            assert time.monotonic() < deadline
        assert (nginx.file.read_text() == former) is not out
        assert sorted(path.name for path in nginx.file.parent.iterdir()) == ["backends.conf", "payments.conf"]

    action = twice(
        here(tmp_path),
        "nginx-upstream",
        nginx_hosts="here",
        nginx_file=str(nginx.file),
        nginx_server=f"127.0.0.1:{nginx.ports['pay1']}",
        nginx_program=str(program),
    )
    asyncio.run(done_and_put_back(action, "nginx", look))


def apart(step: Whole) -> str:
    told = asyncio.run(step.acts_through(given(10.0)))  # type: ignore[attr-defined] # an NGINX's offers it
    return "; ".join((*told.differs, *told.silent))


def test_an_nginx_that_is_one_whole_is_known_and_the_parts_of_another_are_refused(nginx: Nginx, tmp_path: Path) -> None:
    other = Nginx(tmp_path / "other", {**nginx.ports, "front": nginx.ports["front"] + 1}, nginx.binary)
    lay_out(other)
    step = nginx.of("pay1", down=True)
    assert apart(step) == ""
    broken = "nginx.broken_file"
    assert apart(nginx.step(broken)) == ""
    assert "is not among the files" in apart(nginx.step(broken, file=str(other.file)))
    copy = tmp_path / "another.pid"
    copy.write_text((nginx.folder / "pid").read_text())
    assert "has its master write its number to" in apart(nginx.step(broken, pid_file=str(copy)))
    assert "names no running process" in apart(nginx.step(broken, pid_file=str(tmp_path / "none")))
    assert "they are two NGINXs" in apart(
        nginx.step(broken, config=str(other.folder / "nginx.conf"), file=str(other.file))
    )
    former = nginx.file.read_text()
    nginx.file.write_text(f"{former}server {{ listen 127.0.0.1:1; }}\n")
    assert "nobody listens at 127.0.0.1:1" in apart(step)  # it was not loaded yet
    nginx.file.write_text(former)
    with socket.create_server(("127.0.0.1", 0)) as another:
        url = f"http://127.0.0.1:{another.getsockname()[1]}/"
        server = f"127.0.0.1:{nginx.ports['pay1']}"
        wrong = nginx.step("nginx.upstream", upstream="payments", server=server, url=url, who="x", down=True)
        assert "is not what answers" in apart(wrong)
        with pytest.raises(ActionRefused, match="is not what answers"):
            asyncio.run(wrong.capture(given(10.0)))


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("listen 8080;", ["127.0.0.1:8080"]),
        ("listen *:8080 default_server;", ["127.0.0.1:8080"]),
        ("listen 10.0.0.5:8080 ssl;", ["10.0.0.5:8080"]),
        ("listen 10.0.0.5;", ["10.0.0.5:80"]),
        ("listen [::]:8080 ipv6only=off;", ["[::1]:8080"]),
        ("listen [::1];", ["[::1]:80"]),
        ("listen unix:/run/x.sock;", []),
        ("listen 443 quic reuseport;", []),
        ("# listen 8080;", []),
    ],
)
def test_where_a_configuration_listens_is_read_as_nginx_reads_it(line: str, where: list[str]) -> None:
    assert listening(f"server {{\n  {line}\n}}\n") == where


def test_an_nginx_proves_the_machine_and_that_users_meet_it(nginx: Nginx) -> None:
    machine_id = Path("/etc/machine-id")
    if not machine_id.exists():
        pytest.skip("this machine has no id")
    where = {
        "config": str(nginx.folder / "nginx.conf"),
        "pid_file": str(nginx.folder / "pid"),
        "binary": str(nginx.binary),
    }

    def objection(listens: int, machine: str) -> str | None:
        kind = guard("nginx.identity", listens=[f"127.0.0.1:{listens}"], machine=machine, **where)
        return asyncio.run(kind.objection(given(10.0)))

    here = machine_id.read_text().strip()
    assert objection(nginx.ports["front"], here) is None
    assert "this host is the machine" in str(objection(nginx.ports["front"], "0" * 32))
    with socket.create_server(("127.0.0.1", 0)) as another:
        assert "is not what answers" in str(objection(another.getsockname()[1], here))
    os.kill(int((nginx.folder / "pid").read_text()), signal.SIGSTOP)
    try:
        assert objection(nginx.ports["front"], here) is None  # it hangs, and it is the one
    finally:
        os.kill(int((nginx.folder / "pid").read_text()), signal.SIGCONT)
