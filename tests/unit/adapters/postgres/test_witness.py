"""What an observer makes of members of a cluster that are asked whether they are the primary."""

import asyncio

from faildrill.adapters.postgres.target import Cluster
from faildrill.adapters.postgres.witness import Nodes
from faildrill.kinds.call_context import CallContext
from faildrill.ports.witness import Says
from unit.adapters.sockets import serving, silent


async def nodes() -> tuple[Says, str]:
    """Hear a witness of a cluster one of whose members is silent, while the other one refuses."""
    async with serving(silent) as refused:
        pass
    async with serving(silent) as port:
        members = {
            name: {"name": name, "api": "http://127.0.0.1:1", "host": "127.0.0.1", "port": at}
            for name, at in (("pg1", port), ("pg2", refused))
        }
        cluster = {"name": "payments", "scope": "pay", "user": "x", "database": "x", "members": members}
        witness = Nodes(cluster=Cluster.model_validate(cluster))
        [one] = await witness.testify(CallContext("warrant", 0.5))
    return one.says, one.because


def test_a_member_that_refuses_is_no_death_while_another_one_is_silent_and_may_be_the_primary() -> None:
    says, because = asyncio.run(nodes())
    assert (says, because) == (Says.NOTHING, "pg1 timed out; pg2 refused")
