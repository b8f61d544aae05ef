"""Nobody forgets: what every kind owes to safety is asked of the whole table of kinds."""

import pytest

from faildrill.kinds import find
from faildrill.kinds.table import ACTIONS, GUARDS
from faildrill.ports import Action, Guard, Previews, Proves

IDENTITIES = sorted(
    name
    for name in GUARDS
    if name.endswith((".identity", ".marker", ".word"))  # what is allowed under `identity:`
)
BLIND = {"simulated.fault"}
"""What touches no member of any target."""


@pytest.mark.parametrize("name", IDENTITIES)
def test_every_guard_of_identity_is_asked_again_before_an_undo(name: str) -> None:
    assert issubclass(find(name, "guard"), Proves)


def test_no_other_guard_is_taken_for_one_that_proves_what_a_place_is() -> None:
    others = sorted(name for name in GUARDS if issubclass(find(name, "guard"), Proves) and name not in IDENTITIES)
    assert others == []
    assert all(issubclass(find(name, "guard"), Guard) for name in GUARDS)


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - BLIND))
def test_every_action_can_tell_what_it_would_touch(name: str) -> None:
    kind = find(name, "action")
    assert issubclass(kind, Action)
    assert issubclass(kind, Previews)
