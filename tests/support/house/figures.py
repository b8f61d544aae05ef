"""What can be counted of the package, and the goal of each count."""

import ast
import itertools
import re
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from faildrill.kinds.table import TABLES
from support.house.repeats import pairs
from support.house.source import Function, Module

ENTRIES: Final = {"__init__", "__main__"}
"""Names that Python asks for: every package has one, so they are doubled nowhere."""

WORLDS: Final = ("adapters/", "kinds/", "lab/", "testing/")
"""Who may write a kind's name: the world it belongs to, the table of all, the lab, which writes environments, and what
ships for tests of kinds: the face of the simulated world."""

ROLES: Final = frozenset(
    {
        *("changes", "checks", "client", "identity", "ledger", "loss", "nodes", "probes", "settings", "spread"),
        *("status", "succession", "target", "witness"),
    }
)
"""What a file of a world is called by what it does for it: the same name is the same role in each."""

SHORT: Final = 40
"""A module of fewer lines needs a reason: others share it, it is a kind or a role of its world, or ALONE says why."""

ALONE: Final = {
    "adapters/ansible/shell_plugins/faildrill.py": "ansible loads it by its file",
    "adapters/http/answer_parser.py": "how lenient clients are, with its RFCs; the connection that uses it is long",
    "cli/notice_sender.py": "a process of its own, started by its name",
    "history/retention.py": "a rule over runs, weighed without the command that removes them",
    "loading/runbook_text.py": "what a runbook says, which knows no drill",
    "restoring/required_secrets.py": "what a recovery asks before it begins, without beginning one",
    "standards/reader.py": "the shapes that an adapter has to fill",
}
"""Short modules that one other module imports at the most, each with its reason."""

SMALL: Final = 2
"""So few statements may be a fragment: the line that they take the place of might say as much."""

_ASIDE: Final = re.compile(r"#\s*(noqa|type:|pragma|fmt:|!)")
_EXEMPT: Final = re.compile(r"#\s*noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?(?P<why>.*)")
_KINDS: Final = {name for table in TABLES.values() for name in table if "." in name}
_KIND: Final = re.compile(rf"\b({'|'.join(map(re.escape, sorted(_KINDS)))})\b")


@dataclass(frozen=True)
class Figure:
    """One count and its goal, where it has one; `where` lists what was counted."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    where: Sequence[str] = ()

    @property
    def is_reached(self) -> bool:
        """Whether the goal is met; what has no goal is told only."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    def __str__(self) -> str:
        """Give the count and its goal, on a line."""
        goal = f"at most {self.at_most:g}" if self.at_most is not None else ""
        goal = f"at least {self.at_least:g}" if self.at_least is not None else goal
        return f"{self.name:44} {self.value:8.4g}   {goal}{'' if self.is_reached else ', missed'}"


def figures(modules: Sequence[Module]) -> list[Figure]:
    """Count everything, in the order in which it is printed."""
    return [*_of_modules(modules), *_of_functions(modules), *_of_comments(modules), *_of_places(modules)]


def _of_modules(modules: Sequence[Module]) -> Iterator[Figure]:
    yield Figure("modules", len(modules))
    root = [module.name for module in modules if "/" not in module.name]
    yield Figure("files at the root of the package", len(root), at_most=8, where=root)
    yield Figure("lines with anything in them", sum(module.lines for module in modules))
    lengths = [len(module.text.splitlines()) for module in modules]
    yield Figure("lines of the median module", statistics.median(lengths))
    yield Figure("lines of the longest module", max(lengths), at_most=400)
    stems = Counter(module.stem for module in modules if module.stem not in ENTRIES)
    doubled = [f"{stem} ({count} times)" for stem, count in stems.most_common() if count > 1]
    yield Figure("basenames of several modules", len(doubled), where=doubled)
    engine = Counter(
        module.stem
        for module in modules
        if module.stem not in ENTRIES and not module.name.startswith(("adapters/", "lab/"))
    )
    worlds = Counter(module.stem for module in modules if module.name.startswith("adapters/"))
    other = sorted(stem for stem, count in worlds.items() if count > 1 and stem not in {*ROLES, *ENTRIES})
    yield Figure("the same, of adapters, but for roles", len(other), at_most=0, where=other)
    doubled = [f"{stem} ({count} times)" for stem, count in engine.most_common() if count > 1]
    yield Figure("the same, outside of the adapters and the lab", len(doubled), at_most=0, where=doubled)
    short = [f"{module.name} ({length})" for module, length in zip(modules, lengths, strict=True) if 0 < length < SHORT]
    short = [one for one in short if not any(f"/{name}.py" in one for name in ENTRIES)]
    yield Figure("modules of less than 40 lines", len(short), where=short)
    alone = sorted(name for name in _alone(modules) if name not in ALONE)
    yield Figure("of these, for one reader, without a reason", len(alone), at_most=0, where=alone)


def _alone(modules: Sequence[Module]) -> Iterator[str]:
    """Yield the short modules that at most one other imports, and that are no kind and no role of a world."""
    readers = Counter(
        name
        for module in modules
        for name in {
            name
            for node in module.nodes
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
    )
    kinds = {where.partition(":")[0] for table in TABLES.values() for where in table.values()}
    for module in modules:
        dotted = f"faildrill.{module.name.removesuffix('.py').replace('/', '.')}"
        is_short = 0 < len(module.text.splitlines()) < SHORT
        if is_short and readers[dotted] <= 1 and dotted not in kinds and module.stem not in {*ROLES, *ENTRIES}:
            yield module.name


def _of_functions(modules: Sequence[Module]) -> Iterator[Figure]:
    lengths = sorted(
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{module.name}:{node.lineno} {node.name}")
        for module in modules
        for node in module.functions()
    )
    yield Figure("functions", len(lengths))
    yield Figure("lines of the median function", statistics.median(length for length, _ in lengths))
    yield Figure("lines of the 95th in a hundred", lengths[len(lengths) * 95 // 100][0], at_most=30)
    yield Figure("lines of the longest", lengths[-1][0], at_most=50, where=[lengths[-1][1]])
    private = list(_private(modules))
    once = [place for place, uses, _ in private if uses == 1]
    yield Figure("private functions called once, in a hundred", 100 * len(once) / len(private), at_most=40, where=once)
    small = [place for place, uses, statements in private if uses == 1 and statements <= SMALL]
    yield Figure("the same, of one or two statements", 100 * len(small) / len(private), where=small)
    packed = list(_packed(modules))
    yield Figure("parameters packed into a tuple", len(packed), at_most=0, where=packed)


def _of_comments(modules: Sequence[Module]) -> Iterator[Figure]:
    comments = [
        (f"{module.name}:{token.start[0]}", token.string)
        for module in modules
        for token in module.tokens
        if token.type == tokenize.COMMENT
    ]
    told = [text for _, text in comments if not _ASIDE.match(text)]
    lines = sum(module.lines for module in modules)
    notes = [place for module in modules for place in _notes(module)]
    yield Figure("comments and notes in a hundred lines", 100 * (len(told) + len(notes)) / lines, at_least=4)
    yield Figure("of these, comments", 100 * len(told) / lines)
    yield Figure("of these, notes on a value", 100 * len(notes) / lines, where=notes)
    exempt = [(place, match["why"]) for place, text in comments if (match := _EXEMPT.match(text))]
    yield Figure("noqa", len(exempt), at_most=150, where=[place for place, _ in exempt])
    bare = [place for place, why in exempt if not re.search(r"\w", why)]
    yield Figure("noqa without a reason", len(bare), at_most=0, where=bare)


def _of_places(modules: Sequence[Module]) -> Iterator[Figure]:
    twice = [str(pair) for pair in pairs(modules)]
    yield Figure("pairs of places that say the same", len(twice), at_most=30, where=twice)
    named = [place for module in modules if not module.name.startswith(WORLDS) for place in _kinds_named(module)]
    yield Figure("kinds that the engine decides by, by name", len(named), at_most=0, where=named)


def _private(modules: Sequence[Module]) -> Iterator[tuple[str, int, int]]:
    """Name each private function, with how often its module mentions it (nobody else may) and its statements."""
    for module in modules:
        names = (node.id for node in module.nodes if isinstance(node, ast.Name))
        attributes = (node.attr for node in module.nodes if isinstance(node, ast.Attribute))
        uses = Counter([*names, *attributes])
        for node in module.functions():
            if node.name.startswith("_") and not node.name.endswith("__"):
                statements = sum(1 for one in node.body if not _is_text(one))
                yield f"{module.name}:{node.lineno} {node.name}", uses[node.name], statements


def _notes(module: Module) -> Iterator[str]:
    """Find each text right behind a value that is given a name: it says the unit, the source or the meaning of it."""
    for node in module.nodes:
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | Function) else []
        for named, note in itertools.pairwise(body):
            if isinstance(named, ast.Assign | ast.AnnAssign) and _is_text(note):
                yield f"{module.name}:{note.lineno}"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _packed(modules: Sequence[Module]) -> Iterator[str]:
    for module in modules:
        for node in module.functions():
            for parameter in _parameters(node):
                if parameter.annotation is not None and _is_pack(parameter.annotation):
                    what = ast.unparse(parameter.annotation)
                    yield f"{module.name}:{node.lineno} {node.name}({parameter.arg}: {what})"


def _parameters(node: Function) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _is_pack(annotation: ast.expr) -> bool:
    """Say whether it is a tuple of things that differ: some of one type are a span, a size or a point: one thing."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=parts)):
            return len({ast.unparse(part) for part in parts} - {"..."}) > 1 and not _is_address(parts)
        case _:
            return False


def _is_address(parts: Sequence[ast.expr]) -> bool:
    """Say whether it is what `socket` calls an address: a host and a port."""
    return [ast.unparse(part) for part in parts] == ["str", "int"]


def _kinds_named(module: Module) -> Iterator[str]:
    for node in module.nodes:
        # A text that a person reads may show a kind as an example; a string that *is* one would decide by it.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _KIND.fullmatch(node.value):
            yield f"{module.name}:{node.lineno} {node.value}"
