"""Samples as they come, handed to the kernel once a turn of the loop: from there a kill can't take them back."""

import asyncio
import sys
from typing import Final

from faildrill.samples import Recorder, Sample

AGAIN: Final = 0.1
"""Seconds until a write that the disk refused is tried again."""
MOST_KEPT: Final = 1 << 20
"""Bytes kept while the disk refuses them; samples beyond that are lost, and the log says so."""


class Recording:
    """Keeps samples for at most one turn of the loop, or for as long as the disk refuses them."""

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self._recorder = recorder
        self._loop = loop
        self._waiting = False
        self._refused = False
        self._lost = 0
        self._closed = False

    def __call__(self, sample: Sample) -> None:
        """Record a sample."""
        if self._recorder.kept >= MOST_KEPT:
            self._lost += 1
            return
        try:
            self._recorder.keep(sample)
        except OSError:
            self._recorder.keep(sample._replace(who="", detail=""))
        if not self._waiting:
            self._waiting = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._waiting = False
        if self._closed:
            return
        try:
            self._recorder.flush()
        except OSError as error:
            self._say(f"samples can't be written ({error.strerror}); kept and tried again")
            self._refused = self._waiting = True
            self._loop.call_later(AGAIN, self._flush)
        else:
            if self._refused:
                self._refused = False
                self._say(f"samples are written again; {self._lost} were lost")

    def _say(self, text: str) -> None:
        if not self._refused or self._recorder.kept == 0:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Write what is kept, if the disk takes it, and close the files."""
        self._closed = True
        try:
            self._recorder.close()
        except OSError as error:
            sys.stderr.write(f"the last samples are lost: {error.strerror}\n")
