"""How a host is logged in to: as OpenSSH's own configuration says, or as an Ansible inventory does."""

import base64
import json
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import Field, field_validator

from faildrill.adapters.ansible import inventory as ansible
from faildrill.adapters.ansible.target import Hosts, a_public_key
from faildrill.errors import CannotSee
from faildrill.ports import Kind
from faildrill.ports.target import FilePath

MEMBER: Final = "{member}"
"""What stands for the name of the member in the texts of a reach, so that one reach serves many hosts."""
_OPTIONS: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    # Neither is a key that DNS vouches for known, nor any key because the host is at a loopback address.
    "VerifyHostKeyDNS=no",
    "NoHostAuthenticationForLocalhost=no",
    "ConnectTimeout=8",
    # A dead network is noticed after so many seconds without a word; the session is opened anew then.
    "ServerAliveInterval=3",
    "ServerAliveCountMax=3",
    # One that stands already is used where the configuration names it; none is left behind.
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "EscapeChar=none",
    "LogLevel=ERROR",
)
_ASKED_WITHIN: Final = 15.0
"""Seconds for `ansible-inventory`, which takes one."""


class Login(Kind):
    """Which host, and how it is logged in to; nothing of it is a list of our own."""

    host: str = Field(
        default=MEMBER,
        pattern=r"^[^\s-]\S*$",
        description="the host as `ssh` takes it, or as the inventory names it; `{member}` is the member's name",
    )
    config: FilePath | None = Field(
        default=None, description="OpenSSH's configuration, instead of ~/.ssh/config (`ssh -F`)"
    )
    inventory: FilePath | None = Field(
        default=None, description="an Ansible inventory that says how the host is logged in to (user, port, key, jump)"
    )
    key: str | None = Field(
        default=None, description="the host's public key, as `ssh-keyscan` prints it; then no other one is accepted"
    )
    become: bool = Field(default=False, description="true: become root there, by `sudo -n`")

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, value: str | None) -> str | None:
        return value if value is None else a_public_key(value)

    def called(self, member: str) -> str:
        """Name the host."""
        return self.host.replace(MEMBER, member)

    @asynccontextmanager
    async def command_line(self, member: str, program: str) -> AsyncIterator[list[str]]:
        """Give the words that run a program of sh on the host; ValueError where the inventory doesn't say how."""
        host = self.host.replace(MEMBER, member)
        reached = await self._reached(host) if self.inventory else []
        command = f"exec {'sudo -n ' if self.become else ''}{in_sh(program)}"
        with TemporaryDirectory(prefix="faildrill-") as folder:
            options = [f"-o{option}" for option in (*_OPTIONS, *self._pinned(host, Path(folder)))]
            config = ["-F", self.config] if self.config else []
            where = [] if "--" in reached else ["--", host]
            yield ["ssh", "-T", "-x", "-a", *config, *options, *reached, *where, command]

    def _pinned(self, host: str, folder: Path) -> list[str]:
        """Return the options by which the declared key is accepted and no other, whatever this machine knows."""
        if self.key is None:
            return []
        known = folder / "known_hosts"
        known.write_text(f"{host} {self.key}\n", encoding="ascii")
        files = [f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=/dev/null", f"HostKeyAlias={host}"]
        # Known to OpenSSH since 8.5; of several IgnoreUnknown it takes the first, so this one is for all.
        commands = ["IgnoreUnknown=*", "KnownHostsCommand=none"]
        # A connection of somebody else's was accepted by other keys.
        return [*files, *commands, "UpdateHostKeys=no", "ControlPath=none"]

    async def _reached(self, host: str) -> list[str]:
        """Return how an inventory says that a host is logged in to."""
        hosts = Hosts(name="reach", inventory=self.inventory or "")
        try:
            await ansible.see(hosts)
            env = ansible.environment(hosts, {})
            text = await ansible.ask("ansible-inventory", ["-i", hosts.inventory, "--host", host], env, _ASKED_WITHIN)
            known: dict[str, Any] = json.loads(text)
        except CannotSee as error:
            raise ValueError(str(error)) from error
        return _of_ansible(host, known)


class ThisHost(Kind):
    """The host that faildrill runs on."""

    def called(self, member: str) -> str:
        """Name the host."""
        return os.uname().nodename

    @asynccontextmanager
    async def command_line(self, member: str, program: str) -> AsyncIterator[list[str]]:
        """Run a program of sh here."""
        yield ["sh", "-c", in_sh(program)]


def in_sh(program: str) -> str:
    """Return the command that runs a program of sh, in quotes that every login shell reads alike."""
    coded = base64.b64encode(program.encode()).decode()
    return f"""sh -c 'whole=$(echo {coded} | base64 -d); eval "$whole"' faildrill"""


def _of_ansible(host: str, known: dict[str, Any]) -> list[str]:
    """Turn Ansible's words for a connection into OpenSSH's."""
    words = ("user", "port", "private_key_file", "common_args", "extra_args")
    told = {word: _first(known, f"ansible_ssh_{word}", f"ansible_{word}") for word in words}
    address = _first(known, "ansible_host", "ansible_ssh_host") or host
    if templates := [value for value in (*told.values(), address) if "{{" in value]:
        raise ValueError(f"the inventory has a template for {host}, which only a playbook fills in: {templates[0]}")
    options = [f"-o{name}={told[word]}" for word, name in (("user", "User"), ("port", "Port")) if told[word]]
    if told["private_key_file"]:
        options.append(f"-oIdentityFile={told['private_key_file']}")
    # HostKeyAlias is not set: OpenSSH knows the host by its address, as Ansible's own connection does.
    return [*options, *shlex.split(told["common_args"]), *shlex.split(told["extra_args"]), "--", address]


def _first(known: dict[str, Any], *names: str) -> str:
    return next((str(known[name]) for name in names if known.get(name) is not None), "")
