"""Playbooks that do nothing, on hosts that a program lists: for what is read of them before anything is played."""

import json
from pathlib import Path

from faildrill.adapters.ansible.playbook import Playbook
from faildrill.adapters.ansible.target import Hosts


def idle(folder: Path, **more: object) -> Playbook:
    """Write an action's playbooks and its inventory into a folder."""
    inventory = folder / "inventory"
    listed_hosts = {"web": {"hosts": ["web1", "web2"]}, "_meta": {"hostvars": {}}}
    inventory.write_text(f"#!/bin/sh\necho '{json.dumps(listed_hosts)}'\n")
    inventory.chmod(0o755)
    for name in ("apply", "undo", "verify"):
        task = {"name": f"Do {name}", "ansible.builtin.raw": "true", "tags": ["mine"]}
        (folder / f"{name}.yml").write_text(json.dumps([{"hosts": "web", "gather_facts": False, "tasks": [task]}]))
    files = {name: str(folder / f"{name}.yml") for name in ("apply", "undo", "verify")}
    hosts = Hosts(name="staging", inventory=str(inventory)).model_dump(mode="json")
    return Playbook.model_validate({"hosts": hosts, **files, **more})
