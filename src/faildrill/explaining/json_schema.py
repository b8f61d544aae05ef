"""JSON Schemas of the files that people write, for their editors; complete with every kind's parameters."""

from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from faildrill.kinds import Shape, UnknownKind, find, names
from faildrill.kinds.parameter_roles import parameter_names
from faildrill.kinds.target_table import installed, sections
from faildrill.loading.environment_rules import blast_radius_shape
from faildrill.loading.load import RATE_PATTERN
from faildrill.model.environment import Approvals, DamageBudget
from faildrill.model.game_day import Announcement, Times
from faildrill.ports import Duration
from faildrill.ports.target import KindUse, Member, Target
from faildrill.standards import Standard

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_REQUIREMENT: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
_ID: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_REFERENCE: Final[Schema] = {"type": "string", "pattern": r"\$\{", "description": "${…}, a value from elsewhere"}
TARGET_WORDS: Final = "the name of one of the environment's {}"
"""What a parameter takes that names a target."""


class _Written(GenerateJsonSchema):
    """Describes parameters as they are written: a target by its name, and no titles made of field names."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a model, or of the name that stands for it."""
        model = schema["cls"]
        if issubclass(model, Target):
            return {"type": "string", "description": TARGET_WORDS.format(model.section.replace("_", " "))}
        made = super().model_schema(schema)
        made.pop("title", None)
        return made

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        """Never: the name of a parameter is its title."""
        return False


class _Listed(_Written):
    """Describes targets as an environment lists them: named by their keys."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a model without its name, or the name of a reach."""
        model = schema["cls"]
        if issubclass(model, KindUse):
            return {"type": "string", "description": "a name from `reaches`"}
        made = GenerateJsonSchema.model_schema(self, schema)
        made.pop("title", None)
        if issubclass(model, Target | Member):
            made["properties"].pop("name", None)
            made["required"] = [key for key in made.get("required", []) if key != "name"]
        return made


def parameters_schema(kind: type[BaseModel], prefix: str = "") -> tuple[Schema, Schema]:
    """Return the schema of a kind's parameters, and the definitions it refers to as `#/$defs/<prefix><name>`."""
    parameters = kind.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}", schema_generator=_Written)
    return parameters, {f"{prefix}{name}": model for name, model in parameters.pop("$defs", {}).items()}


def listed_schema(sort: type[BaseModel], prefix: str = "") -> tuple[Schema, Schema]:
    """Return the schema of what an environment says of a target, and the definitions that it refers to."""
    fields = sort.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}", schema_generator=_Listed)
    return fields, {f"{prefix}{name}": model for name, model in fields.pop("$defs", {}).items()}


def drill_schema() -> Schema:
    """Return the JSON Schema of a drill file."""
    defs: Schema = {}
    uses = {shape: _uses(shape, defs) for shape in ("probe", "action", "expectation", "abort")}
    defs["probe"] = _probe(uses["probe"])
    defs["load"] = _load(uses["probe"])
    defs["action"] = _one_of(uses["action"])
    defs |= _step_shapes(uses["action"])
    return {
        "$schema": _DIALECT,
        "title": "A drill of faildrill",
        "type": "object",
        "properties": {
            "drill": _text("what it is called", pattern=_NAME),
            "about": _text("what happens in it, in a sentence"),
            "environment": _text("the place that is drilled", pattern=_NAME),
            "owner": _text("who answers for it"),
            "runbook": _text("where it is written down what to do when this happens"),
            "tags": _list(_text("a name", pattern=_NAME), "labels by which `run --tag` chooses among drills", least=0),
            "satisfies": _list(_text("e.g. DORA-24", pattern=_REQUIREMENT), "what its runs are evidence for", least=0),
            "warm_up": _duration("for how long every probe must be good before the first step (3s)"),
            "probes": {**_by_name({"$ref": "#/$defs/probe"}), "minProperties": 1, "description": "what is watched"},
            "load": {**_by_name({"$ref": "#/$defs/load"}), "description": "what is sent beside it, as users send it"},
            "steps": _list({"$ref": "#/$defs/step"}, "what is done on purpose, in this order"),
            "expect": _list(_one_of(uses["expectation"]), "what must be true of the whole run"),
            "abort_when": _list(_one_of(uses["abort"]), "what ends the run at once, with all put back", least=0),
            **_of_sets(_one_of(uses["expectation"])),
        },
        "required": ["drill", "environment", "probes", "steps", "expect"],
        "additionalProperties": False,
        "$defs": defs,
    }


def _of_sets(expectation: Schema) -> Schema:
    """Describe the keys that concern sets of runs."""
    about = "whether what happens here is a reason to fail the database over"
    way = {
        "name": _text("what it is called, in a few words"),
        "steps": _list({"$ref": "#/$defs/step"}, "what is done after the drill's own steps", least=0),
        "expect": _list(expectation, "what must be true besides", least=0),
    }
    return {
        "failover": {"enum": ["warranted", "needless"], "description": about},
        "twin": _text("the file of the drill with the same symptom and another cause"),
        "ways": _list(_object(way, ["name"]), "several answers to what the drill does, compared by `run`", least=2),
    }


def standard_schema() -> Schema:
    """Return the JSON Schema of a file that says what was approved."""
    shape = Standard.model_json_schema(schema_generator=_Listed)
    shape["properties"] = {"standard": _text("what it is called", pattern=_NAME), **shape["properties"]}
    shape["required"] = ["standard"]
    return {"$schema": _DIALECT, **shape, "title": "A standard of faildrill", "additionalProperties": False}


def game_day_schema() -> Schema:
    """Return the JSON Schema of a game day's file."""
    defs: Schema = {}
    guards = _one_of(_uses("guard", defs))
    times, announced = (_rule(model) for model in (Times, Announcement))
    for shape, key in ((times, "dates"), (announced, "to")):
        field = shape["properties"][key]
        shape["properties"][key] = {"anyOf": [field["items"], field], "description": field["description"]}
    who = {"anyOf": [{"type": "string"}, _list({"type": "string"}, "several people")]}
    late = _object({"late_within": _duration("how late it may still begin")}, ["late_within"])
    return {
        "$schema": _DIALECT,
        "title": "A game day of faildrill",
        "type": "object",
        "properties": {
            "game_day": _text("what it is called; the same on every host", pattern=_NAME),
            "about": _text("what it is for, in a sentence"),
            "owner": _text("who answers for it"),
            "drills": _list({"type": "string"}, "files and folders in their order, from the folder of this file"),
            "environment": _text("where all are run, a name or a file (where each drill says)"),
            "keep_going": {"type": "boolean", "description": "run the next drill whatever became of the last (false)"},
            "when": _list({**times, "oneOf": [{"required": ["cron"]}, {"required": ["dates"]}]}, "when it is due"),
            "roles": {**_by_name(who), "description": "who takes part, by role"},
            "announce": _list(announced, "what is to be said to whom how long before; nothing is sent", least=0),
            "blocked": _list(guards, "guards; while one objects, nothing is begun", least=0),
            "missed": {"anyOf": [{"const": "skip"}, late], "description": "what becomes of one that is late (skip)"},
        },
        "required": ["game_day", "drills", "when"],
        "additionalProperties": False,
        "$defs": defs,
    }


def environment_schema() -> Schema:
    """Return the JSON Schema of an environment file."""
    defs: Schema = {}
    shapes: tuple[Shape, ...] = ("probe", "guard", "reach", "lock", "settings", "witness")
    probes, guards, reaches, locks, settings, witnesses = (_uses(shape, defs) for shape in shapes)
    defs["probe"] = _probe(probes)
    return {
        "$schema": _DIALECT,
        "title": "An environment of faildrill",
        "type": "object",
        "properties": {
            "environment": _text("what it is called", pattern=_NAME),
            "about": _text("what it is, in a sentence"),
            "drillable": {"type": "boolean", "description": "true only where nothing is lost when it is down"},
            "reaches": {**_by_name(_one_of(reaches)), "description": "how members are signalled, started, looked at"},
            **{name: _section(sort, defs) for name in sections(names("target")) if (sort := installed(name))},
            "standards": {
                **_by_name(_text("its file, seen from this one")),
                "description": "what was approved, by name",
            },
            "settings": {**_by_name(_one_of(settings)), "description": "what reads the settings that are audited"},
            "warrants": {
                **_by_name(_list(_one_of(witnesses), "who is heard")),
                "description": "by database, the observers that are heard before it is failed over",
            },
            "identity": _list(_one_of(guards), "facts read from the targets that prove what they are", least=0),
            "probes": {**_by_name({"$ref": "#/$defs/probe"}), "description": "watched in every drill here"},
            "watched": {**_by_name({"$ref": "#/$defs/probe"}), "description": "looked at by `faildrill watch` only"},
            "guards": _list(_one_of(guards), "more reasons not to start", least=0),
            "lock": {**_one_of(locks), "description": "what keeps other hosts from drilling at the same time"},
            "blast_radius": _rule(blast_radius_shape(names("target"))),
            "approvals": _rule(Approvals),
            "damage_budget": _rule(DamageBudget),
            "unproven": {
                **_by_name(_text("why")),
                "description": "by kind that acts through no target, why nothing can prove what it acts on",
            },
        },
        "required": ["environment"],
        "additionalProperties": False,
        "$defs": defs,
    }


def _uses(shape: Shape, defs: Schema) -> Schema:
    """Return, by the name of each kind of a shape, the schema of its parameters, kept in the definitions."""
    references: Schema = {}
    for name in names(shape):
        key = f"{shape}.{name}"
        defs[key] = _kind(name, shape, defs)
        references[name] = {"$ref": f"#/$defs/{key}"}
    return references


def _kind(name: str, shape: Shape, defs: Schema) -> Schema:
    try:
        kind = find(name, shape)
    except UnknownKind as error:
        return {"type": ["object", "null"], "description": str(error)}
    schema, inner = parameters_schema(kind, f"{shape}.{name}.")
    defs |= inner
    schema["properties"] = {key: _or_reference(inner) for key, inner in schema.get("properties", {}).items()}
    if not any(field.is_required() for field in parameter_names(kind).values()):
        schema["type"] = ["object", "null"]
    return schema


def _or_reference(schema: Schema) -> Schema:
    """Let a parameter that is no free text be `${…}` instead."""
    is_free = schema.get("type") == "string" and not {"pattern", "enum", "const", "format"} & set(schema)
    if is_free or not {"type", "anyOf", "allOf", "$ref", "enum", "const"} & set(schema):
        return schema
    about = {"description": schema["description"]} if "description" in schema else {}
    return {**about, "anyOf": [schema, _REFERENCE]}


def _probe(kinds: Schema) -> Schema:
    settings = {
        "every": _duration("how often it looks"),
        "timeout": _duration("how long a look may take (1s)"),
        "slow": _duration(
            "silence longer than this is dark time (20 times the slowest of the warm-up, at least 250ms)"
        ),
        "in_flight": {"type": "integer", "minimum": 1, "description": "how many looks may be under way at once"},
    }
    return {**_exactly_one(kinds, settings), "required": ["every"]}


def _load(kinds: Schema) -> Schema:
    settings = {
        "rate": _text("how much is sent, e.g. 100/s", pattern=RATE_PATTERN),
        "timeout": _duration("how long an answer may take (2s)"),
        "at_most": _duration("after which time it ends, whatever becomes of the run (15m)"),
    }
    return {**_exactly_one(kinds, settings), "required": ["rate"]}


def _step_shapes(actions: Schema) -> Schema:
    naming = {
        "name": _text("what is done, in a few words"),
        "id": _text("what later steps call it; made of its name where it isn't given", pattern=_ID),
    }
    undo = {
        "description": "how it is put back: own (the default), none, or another action",
        "anyOf": [{"enum": ["own", "none"]}, {"$ref": "#/$defs/action"}],
    }
    within = _duration("how long it may take, its effect seen (30s)")
    undo_within = _duration("how long putting it back may take; looking whether it holds comes on top (60s)")
    act = _exactly_one(actions, {**naming, "within": within, "undo": undo, "undo_within": undo_within})
    wait = {"wait": {"anyOf": [_duration("how long"), _until()], "description": "for how long, or until what is seen"}}
    single = [{**act, "required": ["name"]}, _object({**naming, **wait}, required=["wait"])]
    group = {"parallel": _list({"anyOf": single}, "steps done at once; the next one waits for all of them")}
    return {"step": {"anyOf": [*single, _object({**naming, **group}, required=["parallel"])]}}


def _until() -> Schema:
    return _object(
        {
            "until": _text("PROBE is ok, PROBE is not ok, all are ok, PROBE saw WHO or PROBE saw not WHO"),
            "for": _duration("for how long it must be seen without a break"),
            "within": _duration("how long the wait may take; a wait that runs out fails the drill"),
        },
        required=["until", "within"],
    )


def _section(sort: type[Target], defs: Schema) -> Schema:
    fields, inner = listed_schema(sort, f"{sort.section}.")
    defs |= inner
    defs[sort.section] = fields
    ref: Schema = {"$ref": f"#/$defs/{sort.section}"}
    if len(fields.get("required", [])) == 1 and fields["properties"][fields["required"][0]]["type"] == "string":
        ref = {"anyOf": [{"type": "string"}, ref]}
    return {**_by_name(ref), "description": fields.get("description", "")}


def _rule(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(schema_generator=_Written)


def _one_of(kinds: Schema) -> Schema:
    return {
        "type": "object",
        "properties": kinds,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _exactly_one(kinds: Schema, settings: Schema) -> Schema:
    """One kind beside settings."""
    return {
        "type": "object",
        "properties": {**kinds, **settings},
        "oneOf": [{"required": [name]} for name in kinds],
        "additionalProperties": False,
    }


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _by_name(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": _NAME}, "additionalProperties": values}


def _list(items: Schema, about: str, least: int = 1) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "description": about}


def _text(about: str, pattern: str = "") -> Schema:
    return {"type": "string", "description": about, **({"pattern": pattern} if pattern else {})}


def _duration(about: str) -> Schema:
    duration: Schema = TypeAdapter(Duration).json_schema()
    return {**duration, "description": about}
