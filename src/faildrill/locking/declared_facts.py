"""The facts that an environment declares, each by itself: the same from any folder, under any name, in any company."""

import hashlib
import json

from faildrill.kinds import build
from faildrill.locking.place_key import PlaceKey
from faildrill.model.environment import Environment
from faildrill.ports import Guard, Proves
from faildrill.ports.target import KindUse


def proven(environment: Environment) -> PlaceKey:
    """Return what an environment is kept under: the digests of its facts, and of all of them together."""
    facts = {digest(fact) for use in environment.identity for fact in _facts(use)}
    return PlaceKey(environment.proven_identity, tuple(sorted(facts)))


def digest(fact: str) -> str:
    """Return the short name of a fact."""
    return hashlib.sha256(f"fact {fact}".encode()).hexdigest()[:16]


def _facts(use: KindUse) -> list[str]:
    """Return what a guard proves; of one that can't tell, all that it was given."""
    guard: Guard = build(use, "guard")
    if isinstance(guard, Proves):
        return guard.facts()
    return [json.dumps(use.model_dump(mode="json"), sort_keys=True)]
