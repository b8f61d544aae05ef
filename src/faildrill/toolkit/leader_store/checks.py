"""What the doctor says of a store with a leader."""

from collections.abc import Iterator, Mapping
from typing import Any

from faildrill.ports import Checked, causes
from faildrill.toolkit.leader_store.reasons import Lack
from faildrill.toolkit.leader_store.store import LeaderStore
from faildrill.toolkit.node_addresses import Address


def whole(name: str, sight: LeaderStore[Any]) -> Iterator[Checked]:
    """Tell, for the doctor, whether a store is whole, who could take over, and who is never to."""
    gaps = sight.gaps()
    if not gaps and not sight.others:
        gaps = [Lack("only one member is declared", "declare the others, or add one: nobody could take over")]
    because = "; ".join(gap.told for gap in gaps)
    remedy = "; ".join(gap.remedy for gap in gaps if gap.remedy) or causes.what_to_do(because)
    remedy = remedy or "bring it back to one leader, all others following"
    if gaps:
        yield Checked(f"{name} is whole", ok=False, told=because, remedy=remedy)
        return
    never = [lack.told for other in sight.others if (lack := sight.why_not(other))]
    words = f"{sight.leader} leads; {', '.join(sight.candidates())} could take over"
    yield Checked(f"{name} is whole", ok=True, told=words + (f"; never: {', '.join(never)}" if never else ""))


def misspelled(name: str, unspelled: Mapping[str, Address], who: str) -> Iterator[Checked]:
    """Tell which line to write where the others know a node by an address that the environment file does not have."""
    for unspelled_name, address in unspelled.items():
        remedy = f'write `known_as: "{address}"` under {unspelled_name} of {name} in the environment file'
        yield Checked(
            f"{name}/{unspelled_name} is called by its address", ok=False, told=f"{who} {address}", remedy=remedy
        )
