"""What libyaml says about broken YAML, put so that an author knows what to change."""

from typing import Final

import yaml

from faildrill.loading.yaml.nodes import Place

_PLAINER: Final = {
    "mapping values are not allowed in this context": "': ' can't stand here: quote the text, or start a new line",
    "block sequence entries are not allowed in this context": "a list can't begin here: start a new line before '- '",
    "did not find expected key": "not a key of the mapping around it; is the indentation right?",
    "did not find expected '-' indicator": "not an item of the list around it; is the indentation right?",
    "did not find expected node content": "a value is missing before this",
    "could not find expected ':'": "a key without its ':'",
    "found unknown escape character": "an unknown escape; in single quotes a \\ is just a \\",
    "found undefined tag handle": "tags (!…) are not used here; quotes make text, no quotes a number",
    "found incompatible YAML document": "this is YAML 1.2; leave the %YAML line out",
    "did not find expected <document start>": "something is left over after the end of the value",
}
_NO_TOKEN: Final = "found character that cannot start any token"  # noqa: S105 - a word of libyaml, no secret
_OPENED: Final = ("while parsing a flow mapping", "while parsing a flow sequence", "while scanning a quoted scalar")
_UNCLOSED: Final = "did not find expected ',' or "


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str]:
    """Return where the text is broken and what is wrong there."""
    problem = error.problem or "broken"
    mark = error.problem_mark or error.context_mark
    lines = text.split("\n")[mark.line if mark else len(text) :] or [""]
    column = mark.column if mark else 0
    before, rest = lines[0][:column], lines[0][column:]
    if problem == _NO_TOKEN:
        return _place(mark, text), _no_token(rest)
    if problem.startswith(_UNCLOSED) and before.endswith("$"):
        return _place(mark, text), 'inside { } a reference needs quotes: "${…}"'
    if not rest.strip() and not "".join(lines[1:]).strip():
        if error.context in _OPENED:
            return _place(error.context_mark, text), "this is opened here and never closed"
        return _place(mark, text), "the file ends before this is complete"
    if problem.startswith(_UNCLOSED):
        closing = problem.removeprefix(_UNCLOSED)
        return _place(mark, text), f"a ',' or {closing} is missing before this"
    return _place(mark, text), _PLAINER.get(problem, f"not valid YAML: {problem}")


def _place(mark: yaml.Mark | None, text: str) -> Place:
    """Return the place of a mark, or the end of the text where the mark is behind it."""
    last = text.count("\n")
    if mark is None or mark.line > last:
        return Place(last + 1, len(text) - text.rfind("\n"))
    return Place(mark.line + 1, mark.column + 1)


def _no_token(rest: str) -> str:
    if rest.startswith("\t"):
        return "a tab; YAML is indented with spaces"
    return f"a value can't begin with {rest[:1]!r}; quote it"
