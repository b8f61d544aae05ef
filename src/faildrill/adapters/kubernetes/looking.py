"""What the probes of a cluster share: a connection that is kept, an API server that may not answer, and edges."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final, Generic, TypeVar

from pydantic import PrivateAttr

from faildrill.adapters.kubernetes.client import Api, Untold
from faildrill.adapters.kubernetes.rights import Needed, Rule
from faildrill.adapters.kubernetes.target import OfKubernetes
from faildrill.errors import CannotSee
from faildrill.ports import Given, Seen, TellEdge
from faildrill.record.samples import Outcome
from faildrill.toolkit.deadlines import SHARE

_LONGEST: Final = 200
T = TypeVar("T")


class Looking(OfKubernetes):
    """A probe of a cluster: each look is a consistent read. One that nobody answers is *broken*, never dark."""

    _open: AsyncExitStack = PrivateAttr(default_factory=AsyncExitStack)
    _api: Api | None = PrivateAttr(default=None)

    async def open(self, given: Given) -> None:
        """Do nothing: the first look reads the kubeconfig, and its connection is kept."""

    async def close(self) -> None:
        """Let go of the connection."""
        self._api = None
        await self._open.aclose()

    async def look(self, given: Given) -> Seen:
        """Look once."""
        within = given.timeout * SHARE / 2
        try:
            return await self._seen(await self._asking(given.run, within), within)
        except CannotSee as error:
            await Looking.close(self)  # a token may be renewed, a certificate replaced
            words = error.words if isinstance(error, Untold) else str(error)
            return Seen(Outcome.BROKEN, detail=f"the API server: {words}"[:_LONGEST])

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what a look asks for."""
        return [Needed(self.where, rule) for rule in self._rules()]

    @abstractmethod
    def _rules(self) -> list[Rule]:
        """Return what a look asks for."""

    @abstractmethod
    async def _seen(self, api: Api, within: float) -> Seen:
        """Read, and tell what was seen; CannotSee where nobody says."""

    async def _asking(self, run: str, within: float) -> Api:
        if self._api is None:
            self._api = await self._open.enter_async_context(Api.open(self.kubernetes, run, within))
        return self._api


class EdgesOf(Generic[T]):
    """Turns what a watch tells into edges: each that shows something else than what was told last."""

    def __init__(self, tell: TellEdge, in_words: Callable[[Iterable[T]], Seen]) -> None:
        self._tell, self._in_words = tell, in_words
        self._last: Seen | None = None

    def changed(self, objects: Iterable[T], since: int, at: int) -> None:
        """Tell what is there after a change."""
        seen = self._in_words(objects)
        if seen != self._last:
            self._tell(seen._replace(sent=since, answered=at))
        self._last = seen

    def missed(self, why: str, since: int, at: int) -> None:
        """Tell a gap: between its ends only looks count."""
        told = f"gap of the watch: {why}; changes in between may be missing"
        self._tell(Seen(Outcome.OPEN, detail=told[:_LONGEST], sent=since, answered=at))

    def looked(self, seen: Seen) -> None:
        """Take what a look has told."""
        self._last = seen


def absent(kind: str, name: str) -> Seen:
    """Return what a look sees where what it is about is not there."""
    return Seen(Outcome.WRONG, detail=f"no {kind} {name}"[:_LONGEST])
