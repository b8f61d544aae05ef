"""`python -m faildrill.restoring FOLDER`: put a run back for its sentinel, which fenced it and holds the lock.

Exits with 0 when everything was seen put back and steady, with 6 when not.
"""

import asyncio
import os
import sys
from pathlib import Path

from faildrill.restoring.fence import BEAT
from faildrill.restoring.recovery import recover
from faildrill.system import redaction, resolver
from faildrill.system.exit_codes import ExitCode
from faildrill.system.heartbeat import beat, leave
from faildrill.system.lazy_imports import lazily, without_plugins


async def _recover(folder: Path) -> None:
    descriptor = os.environ.pop(BEAT, "")
    beating = asyncio.create_task(beat(int(descriptor))) if descriptor else None
    clean = await recover(folder, "sentinel")
    if beating is not None:
        beating.cancel()
    leave(ExitCode.PASSED if clean else ExitCode.UNSAFE)


if __name__ == "__main__":
    sys.stderr = redaction.Stream(sys.stderr)
    lazily(["numpy"])
    without_plugins()
    resolver.run(_recover(Path(sys.argv[1])))
