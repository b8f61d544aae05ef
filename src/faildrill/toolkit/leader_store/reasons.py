"""Why a node could not take over, as rows of a store's own table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

IF_THAT_IS: Final = 'if that is {leader}, write `known_as: "{it}"` under {leader} in the environment file'
"""What to do about an address, `{it}`, that may be the leader's by another name."""


class Lack(NamedTuple):
    """Why a node could not take over now, or why nobody could."""

    told: str
    """In a few words that repeat from look to look: `pg2 refused`, `r3 lags`, `paused`."""
    remedy: str = ""
    """What to do about it, where that can be told."""
    by_design: bool = False
    """It is set up like that: the store is whole, so long as somebody else could take over."""

    def __str__(self) -> str:
        return f"{self.told} (do: {self.remedy})" if self.remedy else self.told


@dataclass(frozen=True)
class Reason:
    """One row of a store's table: when it holds, what is told of it, and what to do.

    `holds` is asked of the store as it was seen and of the node; what it returns is `{it}` in the two texts, and a
    mapping is filled in by its names. `{name}` is the node's name, `{node}` what it is doing, `{leader}` who leads.
    """

    holds: Callable[[Any, Any], object]
    told: str
    remedy: str = ""
    by_design: bool = False
    """It is set up like that, as `Lack.by_design`."""
    whoever_leads: bool = False
    """It is true of the node by itself: also where nobody leads, and whatever the node has of the log."""

    def lack(self, store: Any, node: Any) -> Lack | None:  # noqa: ANN401 - the store and the node of one world
        """Return it as it is of one node; None where it does not hold."""
        it = self.holds(store, node)
        if not it:
            return None
        words = {"name": node.name, "node": str(node), "leader": store.leader, "it": it}
        words |= it if isinstance(it, Mapping) else {}
        return Lack(self.told.format_map(words), self.remedy.format_map(words), self.by_design)


def follows_another(whom: Callable[[Any, Any], str | None]) -> Reason:
    """Return the row for a node that follows another declared one than the leader; `whom` tells its name."""
    return Reason(
        lambda store, node: (followed := whom(store, node)) != store.leader and followed,
        "{name} follows {it}",
        "have it follow {leader}, if nobody wanted that",
    )


def follows_a_stranger(whom: Callable[[Any, Any], str | None], what: str) -> Reason:
    """Return the row for a node that follows an address which is no declared one's, by its `follows`.

    Never to re-point it: the other name may be the right one.
    """
    return Reason(
        lambda store, node: whom(store, node) is None and node.follows,
        f"{{name}} follows {{it}}, which is no declared {what}",
        IF_THAT_IS,
    )


def in_full(lacks: Iterable[Lack]) -> str:
    """Tell all of them in one sentence, with what to do."""
    return "; ".join(str(lack) for lack in lacks)
