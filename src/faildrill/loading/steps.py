"""The steps of a drill: actions, waits, and groups of both that are done at once."""

from dataclasses import replace
from typing import Final

from faildrill.durations import show
from faildrill.loading.conditions import GRAMMAR, read_condition
from faildrill.loading.kind_key import the_kind
from faildrill.loading.kind_use import Use, read_only_use, read_use
from faildrill.loading.names import ID_RULE, is_id, slug
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader, as_duration, place_in
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Mapping, Node, Scalar
from faildrill.model.drill import UNDO_WITHIN, WITHIN, Condition, Parallel, Step, Undo, Wait

SETTINGS: Final = ("name", "id", "within", "undo", "undo_within")
_WAIT_KEYS: Final = ("name", "id", "wait")
_UNTIL_KEYS: Final = ("until", "for", "within")
_GROUP_KEYS: Final = ("name", "id", "parallel")


class Steps:
    """Reads the steps in their order, so that each knows which were done before it."""

    def __init__(self, scope: Scope, mistakes: Mistakes) -> None:
        self._scope = scope
        self._mistakes = mistakes
        self._taken: set[str] = set()
        self._actions: set[str] = set()

    def fork(self) -> "Steps":
        """Return a reader of steps that come after those read so far, in one of several ways."""
        after = Steps(self._scope, self._mistakes)
        after._taken, after._actions = set(self._taken), set(self._actions)
        return after

    def read(self, nodes: tuple[Node, ...]) -> tuple[Step | Wait | Parallel, ...]:
        """Return the steps; those with mistakes are left out."""
        scope = replace(self._scope, earlier=frozenset(self._actions), later=_ids(nodes))
        steps: list[Step | Wait | Parallel] = []
        for node in nodes:
            step = self._step_or_group(node, scope)
            scope = scope.after(frozenset(self._actions))
            steps += [step] if step else []
        return tuple(steps)

    def _step_or_group(self, node: Node, scope: Scope) -> Step | Wait | Parallel | None:
        if isinstance(node, Mapping) and "parallel" in node.entries:
            return self._group(node, scope)
        return self._step_or_wait(node, scope)

    def _step_or_wait(self, node: Node, scope: Scope) -> Step | Wait | None:
        if isinstance(node, Mapping) and "wait" in node.entries:
            return self._wait(node, scope)
        return self._step(node, scope)

    def _group(self, node: Mapping, scope: Scope) -> Parallel:
        reading = MappingReader(Entry(node.place, node), _GROUP_KEYS, self._mistakes)
        reading.refuse_others()
        name = reading.text("name") or "at once"
        step_id = self._id(reading, name)
        inner = reading.items("parallel")
        if not inner:
            self._mistakes.add(place_in(reading.entry("parallel"), node.place), "a group needs steps (- …)")
        for entry in inner:
            if isinstance(entry, Mapping) and "parallel" in entry.entries:
                self._mistakes.add(entry.place, "a group holds steps and waits, no other group")
        steps = [self._step_or_wait(entry, scope) for entry in inner if not _is_group(entry)]
        return Parallel(id=step_id, name=name, steps=tuple(step for step in steps if step))

    def _step(self, node: Node, scope: Scope) -> Step | None:
        reading = MappingReader(Entry(node.place, node), SETTINGS, self._mistakes)
        if not reading.usable:
            return None
        reading.required("name", "what does this step do, in a few words?")
        name = reading.text("name")
        step_id = self._id(reading, name)
        self._actions.add(step_id)
        within = reading.duration("within", WITHIN)
        undo_within = reading.duration("undo_within", UNDO_WITHIN)
        chosen = the_kind(reading.others, node.place, "action", (*SETTINGS, "wait", "parallel"), self._mistakes)
        use = read_use(*chosen, "action", scope, self._mistakes) if chosen else None
        undo, undo_is_late = self._undo(reading, scope)
        if use is None:
            return None
        return Step(
            id=step_id,
            name=name,
            use=use.use,
            within=within,
            undo=undo,
            undo_within=undo_within,
            late=use.late or undo_is_late,
        )

    def _undo(self, reading: MappingReader, scope: Scope) -> tuple[Undo, bool]:
        entry = reading.entry("undo")
        if entry is None:
            return Undo(), False
        node = entry.node
        if isinstance(node, Scalar):
            if node.value == "none":
                return Undo(how="none"), False
            if node.value != "own":
                message = "must be own (the action's own undo), none, or another action: {KIND: {…}}"
                self._mistakes.add(node.place, message)
            return Undo(), False
        use: Use | None = read_only_use(node, "action", scope, self._mistakes)
        return (Undo(how="named", use=use.use), use.late) if use else (Undo(), False)

    def _wait(self, node: Mapping, scope: Scope) -> Wait | None:
        """Return a wait; None where neither its name nor its length is known, so that it gets no id made of a guess."""
        reading = MappingReader(Entry(node.place, node), _WAIT_KEYS, self._mistakes)
        for key, other in reading.others.items():
            hint = "; it belongs inside: wait: {until: …, within: …}" if key in _UNTIL_KEYS else ""
            self._mistakes.add(other.place, f"unknown key {key!r} beside `wait`{hint}")
        entry = reading.required("wait", "how long, or until what?") or Entry(node.place, node)
        until, hold, within = self._until(entry, scope)
        is_known = until is not None or (isinstance(entry.node, Scalar) and within > 0)
        if not (is_known or reading.entry("name") or reading.entry("id")):
            return None
        name = reading.text("name") or (f"wait until {_condition_in_words(until)}" if until else f"wait {show(within)}")
        return Wait(id=self._id(reading, name), name=name, until=until, hold=hold, within=within or WITHIN)

    def _until(self, entry: Entry, scope: Scope) -> tuple[Condition | None, float, float]:
        if isinstance(entry.node, Scalar):
            pause = self._pause(entry.node)
            return None, pause, pause
        reading = MappingReader(entry, _UNTIL_KEYS, self._mistakes)
        reading.refuse_others()
        condition = reading.required("until", f"what does it wait for? {GRAMMAR}")
        until = read_condition(condition.node, scope, self._mistakes) if condition else None
        hold = reading.duration("for", 0.0)
        reading.required("within", "every wait ends; e.g. `within: 60s`")
        within = reading.duration("within", WITHIN)
        if hold >= within:
            message = f"`for` ({show(hold)}) is longer than `within` ({show(within)})"
            self._mistakes.add(place_in(reading.entry("for"), reading.place), message)
        return until, hold, within

    def _pause(self, node: Scalar) -> float:
        try:
            return as_duration(node)
        except ValueError as error:
            self._mistakes.add(node.place, str(error))
            return 0.0

    def _id(self, reading: MappingReader, name: str) -> str:
        """Return the id that is given or made of the name; a made one is numbered where nobody gave the name."""
        given = reading.entry("id")
        if given is None and reading.entry("name") is None:
            return self._numbered(slug(name) or "step")
        step_id = reading.text("id") if given else slug(name)
        place = place_in(given or reading.entry("name"), reading.place)
        if not is_id(step_id):
            message = ID_RULE if given else "no id can be made of this name; give the step an `id`"
            self._mistakes.add(place, message)
        elif step_id in self._taken:
            self._mistakes.add(place, f"another step has the id {step_id!r}; give this one an `id` of its own")
        self._taken.add(step_id)
        return step_id

    def _numbered(self, base: str) -> str:
        step_id, count = base, 1
        while step_id in self._taken:
            count += 1
            step_id = f"{base[:60]}-{count}"
        self._taken.add(step_id)
        return step_id


def _condition_in_words(condition: Condition) -> str:
    if condition.probe is None:
        return "all are ok"
    who = f" {condition.who}" if condition.who else ""
    verb = "" if condition.who else "is "
    return f"{condition.probe} {verb}{condition.state}{who}"


def _is_group(node: Node) -> bool:
    return isinstance(node, Mapping) and "parallel" in node.entries


def _ids(nodes: tuple[Node, ...]) -> frozenset[str]:
    """Return the ids that the file gives, anywhere: to tell a step that comes later from one that isn't there."""
    ids: set[str] = set()
    for node in nodes:
        if not isinstance(node, Mapping):
            continue
        for key, make in (("id", str), ("name", slug)):
            entry = node.entries.get(key)
            if entry is not None and isinstance(entry.node, Scalar) and isinstance(entry.node.value, str):
                ids.add(make(entry.node.value))
                break
        group = node.entries.get("parallel")
        ids |= _ids(getattr(group.node, "items", ())) if group else set()
    return frozenset(ids)
