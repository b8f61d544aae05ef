"""Random values at random places of a file, for property tests."""

from hypothesis import strategies as some

WORDS = some.sampled_from(
    ["drill", "probes", "pay", "steps", "name", "expect", "outage", "every", "wait", "until", "within", "parallel"]
)
TEXTS = ["", "pay", "5s", "${steps.a.b}", "${services.payments}", "$${", "${", "pay is ok", "own", "a://b:c@d"]
VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.sampled_from(TEXTS)
    | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(WORDS | some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def spoil(tree: dict[str, object], data: some.DataObject) -> None:
    """Replace or add something anywhere in the tree, a few times."""
    for _ in range(data.draw(some.integers(1, 3))):
        _spoil_once(tree, data)


def _spoil_once(tree: dict[str, object], data: some.DataObject) -> None:
    at: object = tree
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
        if not keys:
            return
        key = data.draw(some.sampled_from(keys))
        inner = at[key]  # type: ignore[index] # a key of it
        if isinstance(inner, dict | list) and inner and data.draw(some.booleans()):
            at = inner
            continue
        if isinstance(at, dict) and data.draw(some.booleans()):
            at[data.draw(WORDS)] = data.draw(VALUES)
        at[key] = data.draw(VALUES)  # type: ignore[index] # a key of it
        return
