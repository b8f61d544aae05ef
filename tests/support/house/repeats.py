"""Places that say the same: runs of lines with one shape, whatever the names, texts and numbers in them are."""

import ast
import itertools
import keyword
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from support.house.source import Module

RUN: Final = 6
"""So many lines in a row make a run."""

WEIGHT: Final = 30
"""A run with fewer words and signs than this is a form that the language asks for (a signature, a list of fields)."""

DISTINCT: Final = 4
"""A run with fewer different lines is a table, in which every line looks like its neighbour."""

_PASSED_OVER: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
_ANY: Final = {tokenize.STRING: "s", tokenize.NUMBER: "0"}


@dataclass(frozen=True)
class Line:
    """The shape of a line, and where it stands."""

    number: int
    shape: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Two files (or one) with a run in common; the first of them, and how many more lines of it there are."""

    left: str
    right: str
    runs: int

    def __str__(self) -> str:
        """Say where to look."""
        return f"{self.left} ~ {self.right}" + (f" (and {self.runs - 1} lines on)" if self.runs > 1 else "")


def pairs(modules: Iterable[Module]) -> list[Pair]:
    """List the pairs of files that share a run of `RUN` lines, the longest first; a file can be paired with itself."""
    places = defaultdict[tuple[tuple[str, ...], ...], list[tuple[str, int]]](list)
    for module in modules:
        for lines in _runs(shapes(module)):
            places[tuple(line.shape for line in lines)].append((module.name, lines[0].number))
    shared = defaultdict[tuple[str, str], list[tuple[int, int]]](list)
    for where in places.values():
        for (left, first), (right, second) in itertools.combinations(where, 2):
            # Runs of one file that overlap are one place, not two.
            if left != right or second - first >= RUN:
                shared[left, right].append((first, second))
    found = [Pair(f"{left}:{runs[0][0]}", f"{right}:{runs[0][1]}", len(runs)) for (left, right), runs in shared.items()]
    return sorted(found, key=lambda pair: (-pair.runs, pair.left, pair.right))


def shapes(module: Module) -> list[Line]:
    """Give the shape of each line that says something: no imports, texts for a reader, or lone brackets."""
    apart = set(_unsaid(module.nodes))
    lines = defaultdict[int, list[str]](list)
    for token in module.tokens:
        if token.type not in _PASSED_OVER and token.start[0] not in apart:
            lines[token.start[0]].append(_shape(token))
    return [Line(number, tuple(shape)) for number, shape in lines.items() if any(sign.isalnum() for sign in shape)]


def _runs(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    for start in range(len(lines) - RUN + 1):
        run = lines[start : start + RUN]
        if sum(len(line.shape) for line in run) >= WEIGHT and len({line.shape for line in run}) >= DISTINCT:
            yield run


def _shape(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
        return "n"
    return _ANY.get(token.type, token.string)


def _unsaid(nodes: Iterable[ast.AST]) -> Iterator[int]:
    for node in nodes:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
