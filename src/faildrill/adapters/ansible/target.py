"""Hosts under Ansible, as an environment file declares them."""

import re
from collections.abc import Collection, Mapping
from typing import ClassVar, Final

from pydantic import Field, JsonValue, field_validator

from faildrill.ports.target import BLAST_RADIUS, FilePath, Target
from faildrill.secrets import SecretReference

_PUBLIC_KEY: Final = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}")


def a_public_key(text: str, where: str = "") -> str:
    """Accept a public key as `ssh-keyscan` prints it, without the host; ValueError otherwise."""
    if not _PUBLIC_KEY.fullmatch(text):
        raise ValueError(f"{where}a public key looks like `ssh-ed25519 AAAA…`, without the name of the host")
    return text


class Hosts(Target):
    """Hosts under Ansible, reached as its inventory says.

    hosts:
      staging:
        inventory: inventory/staging.yml
        become: true
        keys:
          db1: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyTEiqMv1yL8TTKLgLbQmTeGLqn2TDmOZQ0Cy9xO8bD
    """

    section: ClassVar[str] = "hosts"

    inventory: FilePath = Field(description="the Ansible inventory: a file, a folder, or a program that prints one")
    keys: dict[str, str] = Field(
        default={}, description="each host's public key, as `ssh-keyscan` prints it; then no other key is accepted"
    )
    python: str = Field(
        default="/usr/bin/python3", description="the interpreter on hosts for which the inventory names none"
    )
    programs: FilePath | None = Field(
        default=None, description="the folder of `ansible-playbook`, if it is neither on PATH nor beside this Python"
    )
    vault_password: SecretReference | None = Field(
        default=None, description="the password for what Ansible Vault has encrypted"
    )
    become: bool = Field(default=False, description="true: playbooks become root there; `doctor` checks that they can")
    tools: dict[str, list[str]] = Field(
        default={}, description="by host or group, programs that playbooks need there; `doctor` looks for them"
    )

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, value: dict[str, str]) -> dict[str, str]:
        for host, key in value.items():
            a_public_key(key, f"{host}: ")
        return value

    @classmethod
    def proves(cls, declared: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return its name and keys: the path of an inventory differs from checkout to checkout."""
        return {key: value for key, value in declared.items() if key in ("name", "keys")}

    @classmethod
    def rules(cls) -> tuple[str, ...]:
        """Return the blast radius: its members are the hosts of the inventory."""
        return (BLAST_RADIUS,)

    def touched(self, touches: Collection[str]) -> list[str]:
        """Return the hosts that previews name as `TARGET:HOST`: which it has is told by its inventory alone."""
        return sorted(
            touched.removeprefix(f"{self.name}:") for touched in touches if touched.startswith(f"{self.name}:")
        )
