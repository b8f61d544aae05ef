"""The sentences of a page, and the tests that say which of them they hold to: `@pytest.mark.says("the sentence")`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARK: Final = "says"
_LISTED: Final = re.compile(r"([-*]|\d+\.)\s+")
_RULE: Final = re.compile(r"[|\s:-]+")
_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`\[(])")
_ABRIDGED: Final = re.compile(r"\*\*[^*]+\.\*\*\s")


def sentences(page: str) -> list[str]:
    """Return the sentences of a page in Markdown, a row of a table as one; headings and blocks of code are none.

    Words in bold at the beginning of a sentence, with a full stop, belong to it.
    """
    found = []
    for paragraph in _paragraphs(re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)):
        if paragraph.startswith("|"):
            found.append(paragraph)
            continue
        title = _ABRIDGED.match(paragraph)
        start = title.end() if title else 0
        first, *others = _END.split(paragraph[start:])
        found += [paragraph[:start] + first, *others]
    return found


def _paragraphs(text: str) -> Iterator[str]:
    """Give the paragraphs, entries of lists and rows of tables, each on one line."""
    words = list[str]()
    for line in [one.strip() for one in text.splitlines()] + [""]:
        begins_anew = _LISTED.match(line)
        if (not line or line.startswith(("#", "|")) or begins_anew) and words:
            yield " ".join(" ".join(words).split())
            words = []
        if line.startswith("|") and not _RULE.fullmatch(line):
            yield line
        elif line and not line.startswith(("#", "|")):
            words.append(line[begins_anew.end() :] if begins_anew else line)


def quoted(folder: Path) -> dict[str, list[str]]:
    """Return by sentence the names of the tests in a folder that say that they hold to it."""
    found = dict[str, list[str]]()
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text()
        if f"mark.{MARK}(" not in text:
            continue
        tree = ast.parse(text)
        named = _named(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for sentence in _quotes(node, named):
                    found.setdefault(sentence, []).append(f"{path.relative_to(folder)}::{node.name}")
    return found


def _named(module: ast.Module) -> dict[str, str]:
    """Return the texts to which a module gives a name, for what several of its tests hold to."""
    found = dict[str, str]()
    for one in module.body:
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant):
            found |= {where.id: str(one.value.value) for where in one.targets if isinstance(where, ast.Name)}
    return found


def _quotes(test: ast.FunctionDef | ast.AsyncFunctionDef, named: dict[str, str]) -> Iterator[str]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == MARK:
            told = mark.args[0]
            yield named[told.id] if isinstance(told, ast.Name) else ast.literal_eval(told)
