"""What a wait waits for, as a file writes it: `pay is ok`, `all are ok`, `writer saw not ${steps.kill.primary}`."""

import re
from typing import Final, Literal, cast

from faildrill.loading.kind_use import check_probe
from faildrill.loading.names import is_member
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import as_text
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Node
from faildrill.model.drill import Condition
from faildrill.model.references import fill

GRAMMAR: Final = "`PROBE is ok`, `PROBE is not ok`, `all are ok`, `PROBE saw WHO` or `PROBE saw not WHO`"
_ALL: Final = "all are ok"
_FORM: Final = re.compile(r"(?P<probe>\S+) (?:is (?P<state>ok|not ok)|(?P<saw>saw not|saw) (?!not$)(?P<who>\S+))")


def read_condition(node: Node, scope: Scope, mistakes: Mistakes) -> Condition | None:
    """Read a condition; None, with the mistake noted, when it is none."""
    try:
        words = " ".join(as_text(node).split())
    except ValueError as error:
        mistakes.add(node.place, str(error))
        return None
    if words == _ALL:
        return Condition(probe=None)
    form = _FORM.fullmatch(words)
    if form is None:
        mistakes.add(node.place, f"not a condition; write {GRAMMAR}")
        return None
    check_probe(form["probe"], node.place, scope, mistakes)
    state = cast("Literal['ok', 'not ok', 'saw', 'saw not']", form["state"] or form["saw"])
    return Condition(probe=form["probe"], state=state, who=_answerer(form["who"], node, scope, mistakes))


def _answerer(text: str | None, node: Node, scope: Scope, mistakes: Mistakes) -> str | None:
    if text is None:
        return None
    filled = fill(text, scope.look_up, template=True)
    for message in filled.mistakes:
        mistakes.add(node.place, message)
    if not filled.mistakes and not filled.late and not is_member(str(filled.value)):
        mistakes.add(node.place, f"who answers must be one name; write {GRAMMAR}")
    return str(filled.value)
