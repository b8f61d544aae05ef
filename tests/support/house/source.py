"""The modules of the package, read once: text, syntax tree and tokens of each."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[3] / "src" / "faildrill"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of the package; `name` is its path below the package, with slashes."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """What the text means."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Each node of the tree, outer ones first."""
        return list(ast.walk(self.tree))

    @cached_property
    def tokens(self) -> list[tokenize.TokenInfo]:
        """What the text is made of, comments included."""
        return list(tokenize.generate_tokens(io.StringIO(self.text).readline))

    @property
    def stem(self) -> str:
        """The file's name without its folder and ending."""
        return self.name.rsplit("/", 1)[-1].removesuffix(".py")

    @property
    def lines(self) -> int:
        """How many lines have anything in them."""
        return sum(1 for line in self.text.splitlines() if line.strip())

    def functions(self) -> Iterator[Function]:
        """Each function and method, those within others too."""
        return (node for node in self.nodes if isinstance(node, Function))


def read(source: Path = SOURCE) -> list[Module]:
    """Read every module below `source`, in the order of their names."""
    return [
        Module(path.relative_to(source).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(source.rglob("*.py"))
    ]
