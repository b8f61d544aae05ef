"""What every probe with a ledger does: a free writer, a note, a write, a note; and what is read back at the end."""

import time
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field, JsonValue, PrivateAttr

from faildrill.clock import boot_id
from faildrill.errors import CannotSee
from faildrill.ports import Captured, Given, Kind, Seen
from faildrill.record.ledger import MOST_WRITERS, SIZE, Note, path_of
from faildrill.record.ledger.keeper import LedgerKeeper
from faildrill.record.samples import Outcome
from faildrill.system.resolver import NotAsked
from faildrill.toolkit.connection_errors import Ending, outcome_of

Writers = Annotated[int, Field(ge=1, le=MOST_WRITERS, description="how many write at once")]
"""A field for the number of a ledger's writers."""


class Ended(NamedTuple):
    """How a write ended: what was seen, and what that proves of it."""

    seen: Seen
    note: Note


_OPEN: Final = Ended(Seen(Outcome.TIMED_OUT), Note.UNKNOWN)
"""Of a write that is cut off."""


class LedgerRead:
    """What the nodes hold when a drill is over, each kept beside the record as soon as it is read."""

    def __init__(self, given: Given) -> None:
        self._folder = _folder(given)
        self._name = given.name
        self.read_at = time.monotonic_ns()
        try:
            # Counted before the nodes are read: what is noted later was written after, and its absence proves
            # nothing.
            self._noted = path_of(self._folder, self._name).stat().st_size // SIZE
        except FileNotFoundError:
            self._noted = 0
        self._nodes: dict[str, dict[str, JsonValue]] = {}

    def held(self, node: str, numbers: Any, *, writer: bool) -> None:  # noqa: ANN401 - a list, or an array of NumPy's
        """Keep the numbers that a node holds, in its order, unless an earlier reading of it is kept."""
        from faildrill.record.ledger import accounts  # noqa: PLC0415 - NumPy is for after the run, not for a prober

        rows = accounts.Rows(accounts.integers(numbers), self.read_at, writer, self._noted, boot_id())
        accounts.keep(self._folder, self._name, node, rows)
        self._nodes[node] = {"writer": writer, "rows": len(numbers), "missing": ""}

    def missing(self, node: str, why: str) -> None:
        """Take in that a node could not be read."""
        self._nodes[node] = {"writer": False, "rows": 0, "missing": why}

    def told(self) -> Captured:
        """Tell in short what was read; CannotSee when it is nothing."""
        if all(node["missing"] for node in self._nodes.values()):
            unreadable = (f"{name} could not be read: {totals['missing']}" for name, totals in self._nodes.items())
            raise CannotSee("; ".join(unreadable))
        return {"read_at": self.read_at, "nodes": dict(self._nodes)}


class Ends(Protocol):
    """A connection."""

    def end(self) -> None:
        """Cut it."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether either side has ended it, as far as is known."""
        ...


C = TypeVar("C", bound=Ends)


class Standing(NamedTuple, Generic[C]):
    """The connection that one writer stays on, and the node that it leads to, where that is known."""

    connection: C
    node: str = ""


class Write(NamedTuple):
    """One write to be made."""

    given: Given
    writer: int
    number: int


class LedgerFiles(LedgerKeeper, Generic[C]):
    """The record, and by writer the connection that stands."""

    def __init__(self, given: Given, writers: int) -> None:
        super().__init__(path_of(_folder(given), given.name), writers)
        self.standing: dict[int, Standing[C]] = {}
        self.proven: set[int] = set()
        """Writers whose persistent connection has taken a write."""


class Bookkeeping(Kind, Generic[C]):
    """A probe whose looks are numbered writes, each noted before it is sent and when it ends.

    Every writer stays on a connection, until that ends or gives anything but an acknowledgement.
    """

    _books: LedgerFiles[C] | None = PrivateAttr(default=None)

    async def close(self) -> None:
        """Close the record and every connection."""
        books, self._books = self._books, None
        if books is not None:
            for standing in books.standing.values():
                standing.connection.end()
            await books.close()

    async def look(self, given: Given) -> Seen:
        """Write the next number, if a writer is free."""
        books = self._opened()
        writer = books.take()
        if writer is None:
            return Seen(Outcome.SKIPPED)
        try:
            return await self._write(books, writer, given)
        finally:
            books.give_back(writer)

    async def read_back(self, given: Given) -> Captured:
        """Read what this run wrote from every node, and keep it beside the record."""
        reading = LedgerRead(given)
        await self._read(reading, given)
        return reading.told()

    def _opened(self) -> LedgerFiles[C]:
        books = self._books  # once: pydantic looks long for a private attribute
        if books is None:
            raise RuntimeError("the ledger was not opened: there is nowhere to note what is sent")
        return books

    async def _stand(self, books: LedgerFiles[C], writer: int, given: Given) -> Standing[C]:
        """Return a writer's connection, a new one where none stands."""
        standing = books.standing.get(writer)
        if standing is None or standing.connection.is_over:
            standing = books.standing[writer] = await self._connect(given)
        return standing

    async def _write(self, books: LedgerFiles[C], writer: int, given: Given) -> Seen:
        try:
            standing = await self._stand(books, writer, given)
        except OSError as error:
            return self._proven(error)
        # Noted before it is sent: killed in between it is a write that is unknown, never one that nobody
        # knows of.
        number = books.send(writer)
        look, note = _OPEN
        try:
            look, note = await self._put(standing, Write(given, writer, number))
        except OSError as error:
            # Only on a connection that has taken a write: a fresh one that ends at once is a server that refuses to
            # serve.
            is_ending = writer in books.proven and self._is_ending(error)
            look, note = self._proven(Ending() if is_ending else error), self._note(error)
            look = look._replace(who=standing.node)
        finally:
            answered = books.end(number, writer, note)
            if note is Note.ACKNOWLEDGED:
                books.proven.add(writer)
            else:
                books.proven.discard(writer)
                # Whatever came of it, a late answer to this write must never be taken for that of the next one.
                books.standing.pop(writer).connection.end()
        return Seen(look.outcome, look.who, look.detail, answered=answered)

    @abstractmethod
    async def _connect(self, given: Given) -> Standing[C]:
        """Connect to where writes are taken; raises OSError."""

    @abstractmethod
    async def _put(self, standing: Standing[C], write: Write) -> Ended:
        """Write, once; OSError when it fails, nothing having come as an answer but that."""

    @abstractmethod
    async def _read(self, reading: LedgerRead, given: Given) -> None:
        """Read every node; what it holds is told to the reading, and what can't be read, too."""

    def _in_words(self, error: OSError) -> str:
        """Tell a failure of no general sort in a word or two that repeat."""
        return type(error).__name__

    def _note(self, error: OSError) -> Note:
        """Tell whether a failure proves that nothing was written."""
        return Note.UNKNOWN

    def _is_ending(self, error: OSError) -> bool:
        """Tell whether all that came for a write on a persistent connection is that connection's end."""
        return isinstance(error, ConnectionError)

    def _proven(self, error: OSError) -> Seen:
        """Tell what a failure proves, as a look."""
        outcome, words = outcome_of(error)
        if outcome is Outcome.BROKEN and not error.errno and not isinstance(error, NotAsked):
            return Seen(Outcome.WRONG, detail=self._in_words(error))  # what the server said, or that it is none
        return Seen(outcome, detail="" if outcome is Outcome.RESET else words)


def _folder(given: Given) -> Path:
    if given.folder is None or not given.name:
        raise CannotSee("a ledger needs a run's folder to keep its record in")
    return given.folder
