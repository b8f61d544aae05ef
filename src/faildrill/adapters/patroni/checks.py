"""What a drill will need of Patroni, looked at by `faildrill doctor`."""

from faildrill.adapters.patroni.changes import sighted
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Checked, Given, Kind, causes
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import observed, whole


class Patroni(Kind):
    """Looks whether Patroni answers on every node, and whether the cluster is whole."""

    target: Cluster

    async def examine(self, given: Given) -> list[Checked]:
        """Ask all nodes at once."""
        sight = await observed(lambda: sighted(self.target, given.timeout * SHARE / 2), given.timeout * SHARE)
        name = self.target.name
        answers = [
            Checked(
                f"{name}/{member} Patroni",
                node.status is not None,
                str(node).removeprefix(f"{member} "),
                "" if node.status else _remedy(node.silent, self.target.members[member].api),
            )
            for member, node in sorted(sight.nodes.items())
        ]
        return [*answers, *whole(name, sight)]


def _remedy(silent: str, api: str) -> str:
    return causes.what_to_do(silent, api) or f"see that Patroni of this cluster and this member is up at {api}"
