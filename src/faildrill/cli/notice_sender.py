"""The process that sends one notice: `python -m faildrill.cli.notice_sender REF…`, with the notice on standard input.

It may be ended at any time. What went wrong is written to standard error, a line for each receiver, as it goes.
"""

import asyncio
import os
import sys

import msgspec

from faildrill.errors import FaildrillError
from faildrill.ports.notice import Notice
from faildrill.secrets import Reference
from faildrill.system import redaction


async def _send_to(reference: Reference, notice: Notice) -> None:
    from faildrill.adapters.apprise.notifier import Way

    try:
        wrong = await Way(reference).tell(notice)
    except FaildrillError as error:
        wrong = str(error)
    if wrong:
        sys.stderr.write(redaction.clean(wrong) + "\n")
        sys.stderr.flush()


async def _send_to_all(references: list[Reference], notice: Notice) -> None:
    await asyncio.gather(*(_send_to(reference, notice) for reference in references))
    os._exit(0)  # whatever thread still waits for a receiver


if __name__ == "__main__":
    asyncio.run(
        _send_to_all(
            [Reference(address) for address in sys.argv[1:]], msgspec.json.decode(sys.stdin.buffer.read(), type=Notice)
        )
    )
