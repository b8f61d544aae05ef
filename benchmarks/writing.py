"""The ledger's own writers as fast as they are answered: `python -m benchmarks.writing PORT WRITERS SECONDS`.

Prints the acknowledged writes a second, and the microseconds of this process's CPU for each.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from faildrill.adapters.postgres.ledger import Ledger
from faildrill.adapters.postgres.target import Database
from faildrill.kinds.call_context import CallContext
from faildrill.record.samples import Outcome


async def _write(port: int, writers: int, seconds: float) -> tuple[float, float]:
    """Return the acknowledged writes a second and the CPU of each in microseconds, connecting left out."""
    with tempfile.TemporaryDirectory() as name:
        database = Database(name="bench", host="127.0.0.1", port=port, database="postgres", user="bench")
        ledger = Ledger(database=database, writers=writers)
        given = CallContext(run="bench", timeout=5.0, in_flight=writers, name="ledger", folder=Path(name))
        await ledger.open(given)
        await asyncio.gather(*(ledger.look(given) for _ in range(writers)))
        began, used = time.monotonic(), time.process_time()
        acknowledged = await asyncio.gather(*(_one(ledger, given, began + seconds) for _ in range(writers)))
        took, used = time.monotonic() - began, time.process_time() - used
        await ledger.close()
    return sum(acknowledged) / took, used * 1e6 / sum(acknowledged)


async def _one(ledger: Ledger, given: CallContext, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        count += (await ledger.look(given)).outcome is Outcome.OK
    return count


if __name__ == "__main__":
    print(*uvloop.run(_write(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))  # noqa: T201 - what it is for
