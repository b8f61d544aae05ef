"""What a kind is and takes, in words: for `faildrill explain` and for docs/kinds.md, from the class itself."""

import inspect
import re
import textwrap
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from faildrill.explaining.json_schema import TARGET_WORDS, listed_schema, parameters_schema
from faildrill.kinds import Shape, find
from faildrill.kinds.parameter_roles import field_at, names_probe, parameter_names, target_type
from faildrill.ports import Kind
from faildrill.ports.effect import EFFECT_IS, LOOKS_COST
from faildrill.ports.target import Target

SHAPES: Final[dict[Shape, str]] = {
    "target": "a thing in the environment that kinds take by its name, under a section of its own",
    "probe": "something looked at again and again, under `probes:`",
    "action": "what a step does, under `steps:`",
    "expectation": "a claim about the whole run, under `expect:`",
    "abort": "what ends a run at once, under `abort_when:`",
    "guard": "a reason not to start, under `identity:` or `guards:` of an environment",
    "lock": "what keeps other hosts from drilling at the same time, under `lock:` of an environment",
    "settings": "what reads the settings of a target, under `settings:` of an environment",
    "witness": "who is heard before a database is failed over, under `warrants:` of an environment",
    "reach": "how members of a target are signalled, started and looked at, under `reaches:` of an environment",
}
_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
    "null": "nothing",
}
_MANY: Final = {
    "text": "texts",
    "whole number": "whole numbers",
    "number": "numbers",
    "mapping": "mappings",
    "reference to a secret": "references to secrets",
    "any value": "any values",
}
_SECTIONS: Final = (
    "probes",
    "steps",
    "expect",
    "abort_when",
    "identity",
    "guards",
    "reaches",
    "lock",
    "settings",
    "warrants",
)
_NAMED: Final = re.compile(r"[a-z0-9._-]+: *\{[a-z_]+\.[a-z_]+:")
_LIMITS: Final = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
_MAPPING: Final = re.compile(r"(- )?[a-z0-9_.-]+: *(\{|$)", re.MULTILINE)
_TIME: Final = "us|µs|ms|s|m|h|d"
_SECRET: Final = "(env|file):"  # noqa: S105 - how a reference to one begins


class Parameter(NamedTuple):
    """One parameter of a kind; `default` is empty where it must be given."""

    name: str
    takes: str
    default: str
    about: str


class Description(NamedTuple):
    """A kind in words: `text` is in paragraphs, `example` is YAML."""

    name: str
    shape: Shape
    text: str
    example: str
    parameters: list[Parameter]

    @property
    def summary(self) -> str:
        """The first sentence."""
        return self.text.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".") + "."


def describe(name: str, shape: Shape) -> Description:
    """Describe a kind; UnknownKind when there is none."""
    kind = find(name, shape)
    text, example = _split(inspect.getdoc(kind) or "")
    if shape == "action":
        text = f"{text}\n\n{_effect(kind)}"
    schema, defs = listed_schema(kind) if shape == "target" else parameters_schema(kind)
    parameters = _parameters(kind, schema, defs)
    if (member := field_at(kind, ("members", ""))) and shape == "target":
        parameters += _parameters(member, defs[member.__name__], defs, "members.NAME.")
    required_first = sorted(parameters, key=lambda one: bool(one.default))
    return Description(name, shape, text, _in_place(example or _skeleton(name, kind), shape), required_first)


def _parameters(
    model: type[BaseModel], schema: dict[str, Any], defs: dict[str, Any], prefix: str = ""
) -> list[Parameter]:
    properties: dict[str, Any] = schema.get("properties", {})
    fields = parameter_names(model)
    return [_parameter(f"{prefix}{key}", fields[key], properties[key], defs) for key in properties if key in fields]


def _effect(kind: type[Kind]) -> str:
    """Say whether the effect of an action is an event or a state, and what follows from that."""
    effect = getattr(kind, EFFECT_IS, "state")
    if isinstance(effect, property):
        sentence = (inspect.getdoc(effect) or "").partition("\n")[0].rstrip(".")
        return f"Its effect: {sentence[0].lower()}{sentence[1:]}. A state is looked at again until it is put back."
    if effect == "event":
        return "Its effect is an event: it has happened, whatever comes after it."
    costly = getattr(kind, LOOKS_COST, False)
    when = "right before it is put back" if costly else "now and then, and right before it is put back"
    return f"Its effect is a state: it is looked at again {when}."


def _split(docstring: str) -> tuple[str, str]:
    """Part a docstring into its words and its example: what is indented, or a mapping after the first sentence."""
    words: list[str] = []
    examples: list[str] = []
    for block in re.split(r"\n\s*\n", docstring):
        is_example = block.startswith("    ") or (words and _MAPPING.match(block))
        (examples if is_example else words).append(textwrap.dedent(block))
    return "\n\n".join(words), "\n".join(examples)


def _parameter(name: str, field: FieldInfo, schema: dict[str, Any], defs: dict[str, Any]) -> Parameter:
    if names_probe(field):
        return Parameter(name, "name of a probe", _default(field, schema), field.description or "")
    sort = target_type(field)
    takes = TARGET_WORDS.format(sort.section.replace("_", " ")).removeprefix("the ") if sort else _takes(schema, defs)
    return Parameter(name, takes, _default(field, schema), field.description or "")


def _takes(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _takes(defs.get(schema["$ref"].removeprefix("#/$defs/"), {}), defs)
    if "anyOf" in schema:
        words = [_takes(choice, defs) for choice in schema["anyOf"] if choice.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{_shown(choice)}`" for choice in schema.get("enum", [schema.get("const")]))
    pattern = schema.get("pattern", "")
    if _TIME in pattern:
        return "time"
    if _SECRET in pattern:
        return "reference to a secret"
    return _container(schema, defs) + _limits(schema)


def _container(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    sort = schema.get("type", "")
    inner = schema.get("items") if sort == "array" else schema.get("additionalProperties")
    if sort in ("array", "object") and isinstance(inner, dict) and inner:
        return f"{_TYPES[sort]} of {_several(_takes(inner, defs))}"
    return _TYPES.get(sort, "any value") if isinstance(sort, str) else "any value"


def _several(takes: str) -> str:
    """Say in the plural what each entry of a list or mapping takes."""
    return next(
        (many + takes.removeprefix(single) for single, many in _MANY.items() if takes.startswith(single)), takes
    )


def _limits(schema: dict[str, Any]) -> str:
    if {"minimum", "maximum"} <= schema.keys():
        return f" from {schema['minimum']} to {schema['maximum']}"
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    return f", {' and '.join(limits)}" if limits else ""


def _default(field: FieldInfo, schema: dict[str, Any]) -> str:
    if field.is_required():
        return ""
    default = schema.get("default")
    if isinstance(default, float) and _TIME in schema.get("pattern", ""):
        default = f"{default * 1e6:.0f}us"
    return "none" if default in (None, "", [], {}) else f"`{_shown(default)}`"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    microseconds = re.fullmatch(r"(\d+)us", value) if isinstance(value, str) else None
    return _in_best_unit(int(microseconds[1])) if microseconds else str(value)


def _in_best_unit(microseconds: int) -> str:
    for size, unit in ((60_000_000, "m"), (1_000_000, "s"), (1000, "ms")):
        if microseconds and microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us" if microseconds else "0s"


def _skeleton(name: str, kind: type[Kind]) -> str:
    """Make a use with the parameters that must be given, where the docstring shows none."""
    needed = ", ".join(f"{key}: …" for key, field in parameter_names(kind).items() if field.is_required())
    if issubclass(kind, Target):
        return f"{name}:\n  NAME: {{{needed.removeprefix('name: …, ')}}}"
    return f"{name}: {{{needed}}}"


def _in_place(example: str, shape: Shape) -> str:
    """Show uses where they stand in a file; an example that begins with its section is left as it is."""
    if shape == "target" or example.split(":", maxsplit=1)[0] in _SECTIONS:
        return example
    uses = example.splitlines()
    if shape == "probe":
        named = [use if _NAMED.match(use) else f"pay: {{{use}, every: 100ms}}" for use in uses]
        return "\n  ".join(["probes:", *named])
    if shape == "action":
        return "\n    ".join(["steps:\n  - name: what it does", *uses])
    if shape == "lock":
        return "\n  ".join(["lock:", *uses])
    if shape in ("reach", "settings"):
        head, name = ("reaches:", "here") if shape == "reach" else ("settings:", "payments")
        return "\n  ".join([head, *(f"{name}: {{{use}}}" for use in uses)])
    section = {
        "expectation": "expect:",
        "abort": "abort_when:",
        "guard": "guards:",
        "witness": "warrants:\n  payments-db:",
    }[shape]
    return "\n  ".join([section, *(f"- {use}" for use in uses)])
