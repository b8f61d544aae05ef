"""Play playbooks on hosts, to their end or to a deadline, and leave nothing of the play behind on this machine."""

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from faildrill.adapters.ansible.inventory import environment, see
from faildrill.adapters.ansible.leftovers import HOST_MARK, MARK, sweep
from faildrill.adapters.ansible.results import Played, Task
from faildrill.adapters.ansible.target import Hosts
from faildrill.clock import NANOSECONDS
from faildrill.errors import CannotSee
from faildrill.secrets import SecretReference
from faildrill.system import python, redaction

SHARE: Final = 0.9
"""The part of a call's time that a play may take; the rest is for ending it."""
RUN: Final = "FAILDRILL_RUN"
"""By this variable the engine's fence finds what a step has started; an undo's plays don't carry it."""
_LONGEST_LINE: Final = 1 << 20
"""Bytes of a line of the process that plays: it passes on less than that of each task."""
BEGIN: Final = str(Path(__file__).with_name("begin.yml"))
"""Played before a step's own: with it, what lies in `shell_plugins` is found by all that follows."""
FENCE: Final = str(Path(__file__).with_name("fence.yml"))
"""Played before an undo: it ends what earlier plays have left on the hosts."""
_PERSIST: Final = "-o ControlMaster=auto -o ControlPersist=30s"
"""One connection for all tasks of a play; it ends by itself soon after."""
Heard = Callable[[Task, int], None]
"""Takes a task that has ended, and when it had begun, in monotonic ns."""


@dataclass(frozen=True)
class Score:
    """What is played, where, and with what."""

    hosts: Hosts
    playbook: str
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    hidden: Mapping[str, SecretReference] = field(default_factory=dict)
    limit: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    fenced: bool = False
    """Whether what earlier plays of the step have left on the hosts is ended first."""


def key_of(run: str, step: JsonValue) -> str:
    """Return what marks every play of one step of one run, the same in whichever process asks."""
    return hashlib.sha256(f"{run}\n{json.dumps(step, sort_keys=True)}".encode()).hexdigest()[:24]


def end_earlier(key: str) -> None:
    """End what earlier plays of a step have left on this machine: processes, and folders in which secrets may be.

    Raises CannotSee when something would not end: it may still act.
    """
    left = sweep(f"{key}.", str(_volatile() / f"fd-{key[:12]}-"))
    for folder in _volatile().glob(f"fd-{key[:12]}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    if left:
        raise CannotSee(f"processes {left} of an earlier play would not end, and may still act")


async def play(score: Score, key: str, within: float, run: str | None, hear: Heard = lambda *_: None) -> Played:
    """Play, for `within` seconds at most, and return what came of it.

    When it is over, cut short or cancelled, no process of the play is left on this machine. One that was cut short has
    no `code`. Raises CannotSee, with nothing played, when it could not begin.
    """
    await see(score.hosts)
    own = f"{key}.{secrets.token_hex(4)}"
    with private(key) as folder:
        env = surroundings(score.hosts, folder, {MARK: own, **({RUN: run} if run else {})})
        spec = _spec(score, folder, key, own)
        process = await asyncio.create_subprocess_exec(
            *python.module("faildrill.adapters.ansible.play_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=spec["project"],
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        played = Played()
        try:
            async with asyncio.timeout(within):
                await _follow(process, spec, played, hear)
        except TimeoutError:
            played.code = None
        finally:
            sweep(own, str(folder))
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
        return played


async def _follow(process: asyncio.subprocess.Process, spec: dict[str, Any], played: Played, hear: Heard) -> None:
    """Hand over what is to be played, and take in what is told, to the end."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise CannotSee("the process that plays has no pipes")
    began = time.monotonic_ns()
    with contextlib.suppress(ConnectionError):
        process.stdin.write(json.dumps(spec).encode())
        # json.load there reads to the end: without it the process would wait for more.
        process.stdin.close()
    complaints = asyncio.create_task(process.stderr.read())
    async for line in process.stdout:
        news = json.loads(line)
        task = played.take(news)
        if task is not None:
            hear(task, _moment(news.get("start"), began))
    complaint = (await complaints).decode(errors="replace").strip()
    await process.wait()
    if played.code is None:
        raise CannotSee(f"ansible-runner could not play: {redaction.clean(complaint)[-600:] or 'no reason given'}")


def _moment(at: str | None, earliest: int) -> int:
    """Turn what a play's clock said into monotonic ns: never before the play began, and never in the future."""
    now = time.monotonic_ns()
    try:
        moment = datetime.fromisoformat(at or "")
    except ValueError:
        return now
    # Ansible tells wall clock; by its age it comes onto ours, so that a clock that was set long ago does no harm.
    age = time.time() - (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return min(now, max(earliest, now - int(age * NANOSECONDS)))


@contextlib.contextmanager
def private(key: str) -> Iterator[Path]:
    """Give a folder in memory that only we can read, and remove it whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"fd-{key[:12]}-", dir=_volatile()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _volatile() -> Path:
    """Return a folder whose files are in memory, or the temporary one where there is none."""
    for place in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")):  # noqa: S108 - the folder in it is ours alone
        if place and os.access(place, os.W_OK | os.X_OK):
            return Path(place)
    return Path(tempfile.gettempdir())


def surroundings(hosts: Hosts, folder: Path, marks: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Ansible's programs, all that they write in a folder of ours."""
    (folder / "cp").mkdir(mode=0o700, exist_ok=True)
    env = {
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_PYTHON_INTERPRETER": hosts.python,
    }
    if hosts.vault_password is not None:
        path = _write(folder / "vault", hosts.vault_password.resolve().reveal())
        env["ANSIBLE_VAULT_PASSWORD_FILE"] = str(path)
    return environment(hosts, {**env, **marks})


def _spec(score: Score, folder: Path, key: str, own: str) -> dict[str, Any]:
    """Return what the process that plays is told; secrets are in a file of the folder only."""
    known: dict[str, JsonValue] = {
        **score.variables,
        "ansible_shell_type": "faildrill",  # modules carry the mark on their hosts, too, to be found and ended there
        "faildrill_mark": f"{HOST_MARK}={key}.",
        "faildrill_own": f"{HOST_MARK}={own}",
    }
    if score.hosts.keys:
        known["ansible_ssh_args"] = _pinned(score.hosts, folder)
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in known.items()]
    for name, reference in score.hidden.items():
        value = reference.resolve().reveal()
        lines.append(f"{json.dumps(name)}: !unsafe {json.dumps(value, ensure_ascii=False)}")
    return {
        "folder": str(folder),
        "project": str(Path(score.playbook).parent),
        "playbook": score.playbook,
        "inventory": score.hosts.inventory,
        "vars": str(_write(folder / "vars.yml", "\n".join(lines) + "\n")),
        "before": [FENCE if score.fenced else BEGIN],
        "limit": f"@{_write(folder / 'limit', chr(10).join(score.limit))}" if score.limit else None,
        "tags": ",".join(score.tags) or None,
        "skip_tags": ",".join(score.skip_tags) or None,
    }


def _pinned(hosts: Hosts, folder: Path) -> str:
    """Return the options by which SSH accepts the declared keys and no other, whatever this machine knows."""
    known = _write(folder / "known_hosts", "".join(f"{host} {key}\n" for host, key in hosts.keys.items()))
    strict = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null"
    # Known to OpenSSH since 8.5; of several IgnoreUnknown it takes the first, so this one is for all.
    strict += " -o VerifyHostKeyDNS=no -o IgnoreUnknown=* -o KnownHostsCommand=none"
    return f"{_PERSIST} {strict} -o UpdateHostKeys=no -o HostKeyAlias={{{{ inventory_hostname }}}}"


def _write(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
