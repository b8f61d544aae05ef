"""Ask Ansible's own programs what a play would do, touching no host: the hosts of an inventory, the tasks of a play."""

import asyncio
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee, reason
from faildrill.system import bounded_output, redaction, threads

INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSH_AUTH_SOCK", "SSL_CERT_FILE")
"""What of this process's environment a play finds; nothing else passes."""
_COUNT: Final = re.compile(r"\s+hosts \((\d+)\):")
_PLAY: Final = re.compile(r"\s+play #\d+ \(.*\): .*")


class Listed(NamedTuple):
    """What a playbook would do: the hosts of each play, and its tasks."""

    hosts: list[str]
    tasks: list[str]


def environment(hosts: Hosts, extra: Mapping[str, str]) -> dict[str, str]:
    """Return an allow-listed environment for Ansible's programs, with the ones of these hosts found first."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    if "UTF-8" not in f"{kept.get('LC_ALL', '')}{kept.get('LANG', '')}".upper().replace("UTF8", "UTF-8"):
        kept["LC_ALL"] = "C.UTF-8"  # Ansible asks for it
    places = [hosts.programs or "", kept.get("PATH", os.defpath), str(Path(sys.executable).parent)]
    quiet = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_HOST_KEY_CHECKING": "1"}
    return {**kept, **extra, **quiet, "PATH": os.pathsep.join(place for place in places if place)}


async def ask(program: str, arguments: list[str], env: dict[str, str], within: float, cwd: Path | None = None) -> str:
    """Run one of Ansible's programs, and return what it prints; CannotSee says why it could not tell."""
    where = shutil.which(program, path=env["PATH"])
    if where is None:
        raise CannotSee(f"{program} is not found: install ansible-core, or say where it is with `programs:`")
    process = await asyncio.create_subprocess_exec(
        where,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )
    try:
        printed, complained = await bounded_output.communicate(process, within, group=True)
    except TimeoutError:
        raise CannotSee(f"{program} did not answer within {within:g} s") from None
    except OSError as error:
        raise CannotSee(f"{program}: {reason(error)}") from error
    text = printed.decode(errors="replace")
    if process.returncode != 0:
        words = complained.decode(errors="replace").strip() or text.strip()
        raise CannotSee(f"{program} ended with {process.returncode}: {redaction.clean(words)[-800:]}")
    return text


async def see(hosts: Hosts) -> None:
    """Raise CannotSee unless the inventory is a file or a folder: Ansible would read a device or a pipe without end."""
    try:
        state = await threads.of_file(hosts.inventory, Path(hosts.inventory).stat)
    except OSError as error:
        raise CannotSee(f"the inventory {hosts.inventory} can't be looked at: {reason(error)}") from error
    if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
        raise CannotSee(f"the inventory {hosts.inventory} is neither a file nor a folder")


async def names(hosts: Hosts, env: dict[str, str], within: float) -> tuple[set[str], set[str]]:
    """Return the hosts and the groups of an inventory; CannotSee when it can't be read, or lists nobody."""
    known, groups = await addresses(hosts, env, within)
    return set(known), groups


async def addresses(hosts: Hosts, env: dict[str, str], within: float) -> tuple[dict[str, str], set[str]]:
    """Return the hosts of an inventory, each with what it is reached at, and the groups; raises as `names` does."""
    await see(hosts)
    text = await ask("ansible-inventory", ["-i", hosts.inventory, "--list"], env, within)
    groups: dict[str, Any] = json.loads(text)
    settings = groups.pop("_meta", {}).get("hostvars", {})
    known = set(settings)
    for group in groups.values():
        known |= set(group.get("hosts", []) if isinstance(group, dict) else [])
    if not known:
        raise CannotSee(f"the inventory {hosts.inventory} lists no host")
    reached = {host: str(settings.get(host, {}).get("ansible_host", host)) for host in sorted(known)}
    return reached, {*groups, "all", "ungrouped"}


def listed(text: str) -> list[Listed]:
    """Read what `--list-hosts --list-tasks` prints: one for each playbook."""
    return [_listed(part) for part in re.split(r"^playbook: .*$", text, flags=re.MULTILINE)[1:]]


def _listed(text: str) -> Listed:
    hosts: set[str] = set()
    tasks: list[str] = []
    left, in_tasks = 0, False
    for line in text.splitlines():
        if count := _COUNT.fullmatch(line):
            left, in_tasks = int(count.group(1)), False
        elif left:
            hosts.add(line.strip())
            left -= 1
        elif line.strip() == "tasks:":
            in_tasks = True
        elif _PLAY.fullmatch(line) or not line.strip():
            in_tasks = False
        elif in_tasks:
            tasks.append(line.partition("\tTAGS:")[0].strip())
    return Listed(sorted(hosts), tasks)
