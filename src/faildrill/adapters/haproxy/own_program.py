"""What the program `haproxy` says of its files and conditions, and the resolver here of its servers' names."""

import asyncio
import os
import re
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from faildrill.errors import reason
from faildrill.standards import Aside, Unread
from faildrill.system import bounded_output, processes

_LINE: Final = re.compile(r"^\[(ALERT|WARNING)\]\s+(?:\(\d+\) : )?(.*)$")
_EMPTY: Final = ("Error(s) found in configuration file", "Fatal errors found in configuration")
"""Alerts that say no more than those before."""
_MOST: Final = 20
"""Sentences that are told."""
_DECIDED: Final = {0: True, 1: False}
"""What `haproxy -cc` exits with."""


class Said(NamedTuple):
    """What the program said of the files."""

    unread: tuple[Unread, ...] = ()
    asides: tuple[Aside, ...] = ()


async def checked(binary: str, files: Sequence[str], variables: Mapping[str, str] | None, within: float) -> Said:
    """Have the program check the files; what it refuses them for is unread, what it warns of is told."""
    command = ["-c", *(word for file in files for word in ("-f", file))]
    asked = f"haproxy -c {' '.join(files)}"
    answer = await _run([binary, *command], variables, within)
    if isinstance(answer, str):
        return Said((Unread(asked, answer),))
    code, text = answer
    lines = [match for line in text.splitlines() if (match := _LINE.match(line))]
    warned = [match[2] for match in lines if match[1] == "WARNING"][:_MOST]
    why = "HAProxy says so itself when it checks its file"
    asides = tuple(Aside(f"haproxy -c warns: {warning}", why) for warning in dict.fromkeys(warned))
    if code == 0:
        return Said(asides=asides)
    refused = [
        match[2] for match in lines if match[1] == "ALERT" and not match[2].removeprefix("config : ").startswith(_EMPTY)
    ]
    last = refused[:_MOST] or text.strip().splitlines()[-1:] or [f"it exits with {code}"]
    return Said(tuple(Unread(", ".join(files), f"haproxy -c refuses it: {complaint}") for complaint in last), asides)


async def decided(
    binary: str | None,
    info: Mapping[str, str],
    conditions: Sequence[str],
    variables: Mapping[str, str] | None,
    within: float,
) -> dict[str, bool]:
    """Return what `haproxy -cc` says of each condition, of those that it can decide as the running process did.

    Without the environment of the process only those are asked that don't look at it.
    """
    program = binary or await _same_program(info, within / 2)
    if program is None:
        return {}
    apart = [condition for condition in conditions if variables is not None or not _LOOKS_AROUND.search(condition)]
    each = within / 2 / max(1, len(apart))
    answers = [(condition, await _run([program, "-cc", condition], variables, each)) for condition in apart]
    return {
        condition: _DECIDED[said[0]] for condition, said in answers if not isinstance(said, str) and said[0] in _DECIDED
    }


_LOOKS_AROUND: Final = re.compile(r"\$|defined\(")


async def doubtful(
    named: Mapping[tuple[str, str], tuple[str, str]], resolving: Collection[tuple[str, str]], within: float
) -> list[Unread]:
    """Tell of servers whose address is another than their name has here; those that HAProxy resolves itself aside.

    It may have been changed at run time, or the name got another address since HAProxy started: HAProxy doesn't say.
    """
    asked = {key: one for key, one in named.items() if key not in resolving and one[1] not in ("", "-")}
    here = await _resolved({name for name, _ in asked.values()}, within)
    return [Unread(f"address of {'/'.join(key)}", why) for key, why in _doubts(asked, here)]


def _doubts(
    asked: Mapping[tuple[str, str], tuple[str, str]], here: Mapping[str, set[str]]
) -> Iterator[tuple[tuple[str, str], str]]:
    for key, (name, address) in asked.items():
        if address in here[name]:
            continue
        there = f"which is {', '.join(sorted(here[name]))} here" if here[name] else "which nobody knows here"
        yield (
            key,
            (f"{address} runs for {name}, {there}: changed at run time, or by the name's owner since HAProxy started"),
        )


async def _resolved(names: set[str], within: float) -> dict[str, set[str]]:
    """Return the addresses of each name, none where it has none or nobody says."""

    async def one(name: str) -> set[str]:
        try:
            async with asyncio.timeout(within):
                infos = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return set()
        return {str(address[4][0]).partition("%")[0] for address in infos}

    ordered = sorted(names)
    return dict(zip(ordered, await asyncio.gather(*(one(name) for name in ordered)), strict=True))


async def _same_program(info: Mapping[str, str], within: float) -> str | None:
    """Find the program that runs: by its process, or in the PATH; of the same version, else none."""
    version = info.get("Version", "")
    for program in (_of_process(info.get("Pid", "")), shutil.which("haproxy")):
        answer = await _run([program, "-v"], None, within / 2) if program and version else ""
        if not isinstance(answer, str) and f"version {version} " in answer[1]:
            return program
    return None


def _of_process(pid: str) -> str | None:
    """Return the program of a process of this machine that is called so."""
    try:
        is_one = pid.isdecimal() and "haproxy" in Path(processes.program(int(pid))).name
    except OSError:
        return None
    return processes.link_to_program(int(pid)) if is_one else None


async def _run(command: Sequence[str], variables: Mapping[str, str] | None, within: float) -> tuple[int, str] | str:
    """Run it; return what it exits with and says, or why it could not be run."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **(variables or {})},
        )
    except (OSError, ValueError) as error:
        return f"{command[0]} can't be started: {reason(error)}"
    try:
        out, _ = await bounded_output.communicate(process, within)
    except TimeoutError:
        return "did not end in time"
    except OSError as error:
        return reason(error)
    return process.returncode or 0, out.decode(errors="replace")
