"""Samples as they come, handed to the kernel by a thread of their own, so that a disk that blocks makes no look late.

What 10 ms bring is handed to the thread together, and is the kernel's some microseconds later: from there a
kill of the prober can't take it back.
"""

import asyncio
import contextlib
import queue
import sys
import threading
import time
from typing import Final

from faildrill.errors import reason
from faildrill.record.samples import Batch, Recorder, Sample
from faildrill.system.threads import Scheduling

TOGETHER: Final = 10_000_000
"""Samples that come within so long (ns) are handed over together: waking the thread costs more than a sample does …"""
LATEST: Final = 0.05
"""… and the last ones after so many seconds, when no other comes."""
AGAIN: Final = 0.1
"""Seconds until a write that the disk refused is tried again."""
MOST_KEPT: Final = 1 << 20
"""Bytes kept while the disk refuses them, or blocks; samples beyond that are lost, and the log says so."""
CLOSE_WITHIN: Final = 2.0
"""Seconds that the disk has for the last samples."""


class RecordingThread:
    """Keeps samples for some milliseconds, or for as long as the disk doesn't take them."""

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self._recorder = recorder
        self._loop = loop
        self._waiting = False
        self._handed = 0
        self._handed_at = 0
        self._writer: _Writer | None = None

    def __call__(self, sample: Sample) -> None:
        """Record a sample."""
        writer = self._writer or self._started()
        # Both count bytes and only grow, each in one thread alone: read without a lock, the difference is at worst
        # too large.
        if self._handed - writer.done >= MOST_KEPT:
            writer.lost += 1
            return
        self._recorder.keep(sample)
        if sample.answered - self._handed_at >= TOGETHER:
            self._hand_over(sample.answered)
        elif not self._waiting:
            self._waiting = True
            self._loop.call_later(LATEST, self._hand_over_rest)

    def _started(self) -> "_Writer":
        """Start the thread with the first sample: as urgent as whoever records has become by then."""
        self._writer = _Writer(self._recorder, Scheduling.now())
        self._writer.start()
        return self._writer

    def _hand_over_rest(self) -> None:
        self._waiting = False
        self._hand_over(self._handed_at)

    def _hand_over(self, now: int) -> None:
        self._handed_at = now
        if self._writer is not None:
            batch = self._recorder.take()
            self._handed += len(batch.records)
            self._writer.batches.put(batch)

    def close(self) -> None:
        """Write what is kept, if the disk takes it, and close the files."""
        if self._writer is None:
            self._recorder.close()
            return
        self._hand_over(0)
        self._writer.batches.put(None)
        self._writer.join(CLOSE_WITHIN)
        if self._writer.is_alive():
            _say("the last samples are lost: the disk does not answer")
        else:
            self._recorder.close()


class _Writer(threading.Thread):
    """Appends batches in their order; what the disk refuses is tried again."""

    def __init__(self, recorder: Recorder, scheduling: Scheduling) -> None:
        super().__init__(daemon=True, name="samples")
        self.batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.done = 0
        """Bytes of records that were written; read by others, counted here only."""
        self.lost = 0
        """Samples that were not even handed over; counted by others, read here only."""
        self._disk = recorder.disk
        self._scheduling = scheduling
        self._refused = ""

    def run(self) -> None:
        """Append what comes until None does."""
        self._scheduling.apply()
        kept = Batch(bytearray(), bytearray())
        while self._take_in(kept):
            if not self._append(kept):
                time.sleep(AGAIN)
        if not self._append(kept):
            _say(f"the last samples are lost: {self._refused}")

    def _take_in(self, kept: Batch) -> bool:
        """Take in all that there is, and wait for something where nothing is left to do; False when it was the end."""
        with contextlib.suppress(queue.Empty):
            # While the disk refuses, new batches are only collected; waiting for one would keep the kept ones from
            # being tried.
            batch = self.batches.get(block=not self._refused)
            while batch is not None:
                kept.names.extend(batch.names)
                kept.records.extend(batch.records)
                batch = self.batches.get_nowait()
            return False
        return True

    def _append(self, kept: Batch) -> bool:
        """Append it, and tell whether that is done; say when the disk begins to refuse, and when it takes again."""
        before, was_refused = len(kept.records), self._refused
        try:
            self._disk.append(kept)
        except OSError as error:
            self._refused = reason(error)
        else:
            self._refused = ""
        self.done += before - len(kept.records)
        if self._refused and not was_refused:
            _say(f"samples can't be written ({self._refused}); kept and tried again")
        elif was_refused and not self._refused:
            _say(f"samples are written again; {self.lost} were lost")
        return not self._refused


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
