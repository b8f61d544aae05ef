"""All mistakes of one file, gathered so that its author sees them at once."""

from faildrill.errors import InvalidFile, Mistake
from faildrill.loading.yaml.nodes import Place

MOST = 50
"""Mistakes shown of one file; who has more has one cause."""


class Mistakes:
    """The mistakes and warnings found so far in one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.warnings: list[Mistake] = []
        self._found: dict[Mistake, None] = {}
        self._spoilt: set[Place] = set()

    def add(self, place: Place, message: str) -> None:
        """Note a mistake, unless what stands at the place is spoilt; the same one at the same place counts once."""
        if place not in self._spoilt:
            self._found[Mistake(place.line, place.column, message)] = None

    def spoil(self, place: Place, message: str) -> None:
        """Note a mistake that leaves no sense in what stands at the place: nothing more is said about it."""
        self.add(place, message)
        self._spoilt.add(place)

    def warn(self, place: Place, message: str) -> None:
        """Note a doubt: the file is valid, and its author should know."""
        self.warnings.append(Mistake(place.line, place.column, message))

    def __len__(self) -> int:
        return len(self._found)

    def refuse(self) -> None:
        """Raise InvalidFile when there is a mistake."""
        if not self._found:
            return
        ordered = sorted(self._found)
        shown = ordered[:MOST]
        if len(ordered) > MOST:
            last = shown[-1]
            rest = f"and {len(ordered) - MOST} more mistakes after this one"
            shown.append(Mistake(last.line, last.column, rest))
        raise InvalidFile(self.path, shown)
