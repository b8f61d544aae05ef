"""What somebody else has made of a member, or of its link, is left to him, and what is done to another is noticed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from support.liars import supervisor
from support.liars.between import Where
from support.liars.lies import LIES, Lie
from support.liars.stands import Cell, Stand
from support.liars.supervisor import Members

NAMED: Final[Mapping[str, Lie]] = {one.name: one for one in LIES}


def walked(kind: str, lie: str, members: Members, folder: Path) -> Cell:
    """Have a step done to pay1 among liars; who comes in mid-step holds it, and makes its link slow."""
    (folder / "run").mkdir()
    socket = folder / "real.sock"

    def params(found: Mapping[str, Where]) -> dict[str, Any]:
        reach = {"kind": "lab.supervisor", "params": {"socket": str(found["socket"])}}
        group = {"name": "servers", "members": {name: {"name": name, "reach": reach} for name in members.states}}
        return {"group": group, "member": "pay1"}

    async def meddle() -> None:
        if kind == "member.cut":
            members.links["pay1"] = "delay"
        else:
            members.states["pay1"] = "stopped"

    stand = Stand(
        kind,
        supervisor.WIRE,
        {"socket": (socket, socket)},
        params,
        members.truth,
        meddle=meddle,
        undo_within=1.5,
        hold=0.2,
        serves=lambda: members.served(socket),
    )
    return asyncio.run(stand.walked(NAMED[lie], folder))


@pytest.mark.parametrize(
    ("kind", "lie", "verdict"),
    [
        ("member.kill", "honest", "PASSED"),
        ("member.kill", "another operator in mid-step", "UNSAFE"),
        ("member.kill", "does it to another as well", "UNSAFE"),
        ("member.kill", "undo: says yes and that it is so, and does nothing", "UNSAFE"),
        ("member.stop", "honest", "PASSED"),
        ("member.cut", "honest", "PASSED"),
        ("member.cut", "another operator in mid-step", "UNSAFE"),
        ("member.cut", "does it to another as well", "UNSAFE"),
    ],
)
def test_who_is_told_to_do_something_to_a_member_is_not_believed_alone(
    kind: str, lie: str, verdict: str, tmp_path: Path
) -> None:
    cell = walked(kind, lie, Members("pay1", "pay2"), tmp_path)
    assert cell.wrong == [], "\n".join(cell.wrong)
    assert cell.verdict == verdict
