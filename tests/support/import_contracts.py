"""A kind of import contract that is an allow-list: what is not named may not be imported."""

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

_ARROW: Final = " -> "


class Link(NamedTuple):
    """An import that nothing allows, and where it is written."""

    importer: str
    imported: str
    lines: tuple[int, ...]

    def __str__(self) -> str:
        """Say it as a line of a report."""
        return f"{self.importer} -> {self.imported} (l. {', '.join(map(str, self.lines))})"


class Only(Contract):
    """Each part of a package imports itself, the standard library, what all parts may, and what is named for it.

    Configuration options:
        - of:        The package; each of its children is a part.
        - apart:     Children that have a contract of their own: they are not looked at here, nor allowed to the others.
        - siblings:  Whether the parts may import each other.
        - common:    What every part may import, with all below it: modules of ours, and libraries.
        - own:       What one part may import besides, as `part -> this, that`; a library by its name, a module by its
                     full name.
    """

    type_name = "only"

    of = fields.StringField()
    apart = fields.ListField(subfield=fields.StringField(), required=False)
    siblings = fields.BooleanField(required=False, default=False)
    common = fields.ListField(subfield=fields.StringField())
    own = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - import-linter's signature
        """Weigh every import of every part; allowances that nobody needs any more are warned of."""
        self._own: defaultdict[str, set[str]] = defaultdict(set)
        for part, names in map(_told, _listed(self.own)):
            self._own[part] |= names
        self._are_one = bool(self.siblings)  # which import-linter has put in the field's place
        self._used: set[tuple[str, str]] = set()
        children = {child.rpartition(".")[2]: child for child in graph.find_children(str(self.of))}
        if unknown := [part for part in (*self._own, *_listed(self.apart)) if part not in children]:
            raise ValueError(f"{self.of} has no {', '.join(unknown)}: take it out of the contract")
        parts = {part: child for part, child in children.items() if part not in _listed(self.apart)}
        broken = [link for part in sorted(parts) for link in self._broken(graph, part, parts)]
        idle = sorted(
            f"{part}{_ARROW}{name}" for part, names in self._own.items() for name in names - self._needed(part)
        )
        return ContractCheck(
            kept=not broken, warnings=[f"nobody needs: {one}" for one in idle], metadata={"broken": broken}
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what may not be imported, and what to do."""
        for link in check.metadata["broken"]:
            output.print_error(f"- {link}", bold=False)
        output.new_line()
        output.print_error(f"Name it in `own` or `common` of the contract of {self.of}, with a reason, or do without.")

    def _broken(self, graph: ImportGraph, part: str, parts: dict[str, str]) -> Iterator[Link]:
        child = parts[part]
        root = str(self.of).partition(".")[0]
        allowed = {child, *_listed(self.common), *(parts.values() if self._are_one else ())}
        for importer in sorted({child, *graph.find_descendants(child)}):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                # The package itself says its version, and nothing else.
                if imported == root or imported.partition(".")[0] in sys.stdlib_module_names:
                    continue
                if _is_below(imported, allowed):
                    continue
                if named := _is_below(imported, self._own[part]):
                    self._used.add((part, named))
                    continue
                details = graph.get_import_details(importer=importer, imported=imported)
                yield Link(importer, imported, tuple(detail["line_number"] for detail in details))

    def _needed(self, part: str) -> set[str]:
        return {name for user, name in self._used if user == part}


def _told(line: str) -> tuple[str, set[str]]:
    part, _, names = line.partition(_ARROW)
    return part.strip(), {name.strip() for name in names.split(",")}


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, Iterable) else []


def _is_below(module: str, packages: Collection[str]) -> str:
    """Return which of the packages a module is, or lies in; the empty string where it is in none."""
    return next((one for one in packages if module == one or module.startswith(f"{one}.")), "")
