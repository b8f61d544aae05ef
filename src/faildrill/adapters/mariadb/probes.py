"""`mariadb.writers` and `mariadb.redundancy`: who takes writes, and whether another one could take over."""

from typing import ClassVar

from pydantic import Field

from faildrill.adapters.mariadb.nodes import OfMariaDB
from faildrill.adapters.mariadb.succession import LATE, Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.ports import Duration
from faildrill.toolkit.leader_store import RedundancyProbe, WritersProbe


class Writers(OfMariaDB, WritersProbe[Sight]):
    """Asks every MariaDB server itself whether it takes writes (`read_only`); good when exactly one does.

    `who` is every server that does. Two names are a split brain: nothing but its own configuration keeps a server that
    came back from taking writes. A user with READ_ONLY ADMIN writes in spite of `read_only`, which this probe can't
    see: `doctor` tells whether the application's user has that right. Every server has a deadline of its own. The
    client library blocks, so these looks are made by a process of their own.

        probes:
          writers: {mariadb.writers: {mariadb: payments}, every: 200ms}
        expect:
          - writers: {of: writers, at_most: 1}
    """

    blocking: ClassVar[bool] = True

    mariadb: MariaDB = Field(description="the servers; every one is asked")


class Redundancy(OfMariaDB, RedundancyProbe[Sight]):
    """Good when MariaDB could lose its writer now: one server takes writes, and all others follow it closely.

    A replica could take over only if it has all that the writer has. It could not if it has a hole in its GTIDs, writes
    of its own, another's `server_id`, no log that others could follow, or stands still while the writer goes on. A
    replica that filters, skips errors, is delayed or counts by file and position must follow as well, but somebody else
    must be able to take over.

    Otherwise the look is `wrong`, and its detail says what is missing: `m2 refused`, `m2 does not follow (error 1236)`,
    `m2 is late`, `m2 has a hole: 0-1-99 is not in its log`. `who` is the writer.

        probes:
          redundancy: {mariadb.redundancy: {mariadb: payments}, every: 500ms, timeout: 2s}
    """

    blocking: ClassVar[bool] = True

    mariadb: MariaDB = Field(description="the servers; every one is asked")
    late_at_most: Duration = Field(default=LATE, ge=0, description="by how much a replica may be behind")
