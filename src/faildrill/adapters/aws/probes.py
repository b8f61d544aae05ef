"""`aws.writer` and `aws.redundancy`: who writes by the API's word, and whether another instance could."""

from typing import ClassVar, Final

from faildrill.adapters.aws.aurora_cluster import AVAILABLE, OfAurora, Sight, roles
from faildrill.adapters.aws.call_outcomes import Untold
from faildrill.adapters.aws.target import OfCluster
from faildrill.errors import CannotSee
from faildrill.ports import Given, Seen, WriterBy
from faildrill.record.samples import Outcome
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import RedundancyProbe

_LONGEST: Final = 200


class Writer(OfCluster):
    """Asks the API who is the writer of a cluster; good when it names exactly one. `who` is that instance.

    What the API says comes seconds after, or before, what users see: their own path is measured by `postgres.write`. A
    look that AWS does not answer, or throttles, proves nothing about the database.

        probes:
          writer: {aws.writer: {aws: staging, cluster: payments}, every: 1s, timeout: 3s}
    """

    tells_writer: ClassVar[WriterBy] = "nodes"
    blocking: ClassVar[bool] = True

    async def look(self, given: Given) -> Seen:
        """Ask once."""
        try:
            told = await roles(self.aws, self.cluster, given.timeout * SHARE)
        except CannotSee as error:
            return unseen(error)
        who, status = ",".join(told.writers), "" if told.status == AVAILABLE else told.status
        if len(told.writers) != 1:
            several = f"{len(told.writers)} writers" if who else "no writer"
            return Seen(Outcome.WRONG, who, "; ".join(filter(None, (several, status)))[:_LONGEST])
        return Seen(Outcome.OK, who, status, told.asked, told.answered)


class Redundancy(OfAurora, RedundancyProbe[Sight]):
    """Good when a cluster could lose its writer now: it is `available`, and so are all instances, a reader among them.

    Otherwise the look is `wrong`, and its detail says what is missing: `au2 rebooting`, `payments is failing-over`.
    `who` is the writer. A look that AWS does not answer proves nothing.

        probes:
          redundancy: {aws.redundancy: {aws: staging, cluster: payments}, every: 2s, timeout: 3s}
    """

    blocking: ClassVar[bool] = True

    async def look(self, given: Given) -> Seen:
        """Ask once."""
        try:
            return await super().look(given)
        except CannotSee as error:
            return unseen(error)


def unseen(error: CannotSee) -> Seen:
    """Return what a look saw that was not answered: nothing of the database."""
    is_throttled = isinstance(error, Untold) and error.is_throttled
    words = error.words if isinstance(error, Untold) else str(error)
    return Seen(Outcome.THROTTLED if is_throttled else Outcome.BROKEN, detail=f"the API: {words}"[:_LONGEST])
