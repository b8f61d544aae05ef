"""What a drill acts on, and what proves it: a step, its named undo, a way of its, a load acts on nothing unproven."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from faildrill.kinds import Shape, build, find, names
from faildrill.kinds.parameter_roles import parameter_names, target_parameters
from faildrill.model.drill import Drill, Step, actions
from faildrill.model.environment import Environment
from faildrill.ports import THIS_HOST, ActsOn, Covers, Proves, at
from faildrill.ports.addresses import of_url
from faildrill.ports.target import KindUse, Target

_HIDDEN: Final = "…"
"""What stands for a value that only its author can know."""


class Deed(NamedTuple):
    """A kind that acts, and where the drill says so."""

    where: str
    use: KindUse
    shape: Shape
    late: bool = False


class Unproven(NamedTuple):
    """Something that is acted on, of which the environment says that nothing can prove what it is."""

    what: str
    because: str


@dataclass
class Coverage:
    """What of all that a drill acts on is proven, and what isn't."""

    lacking: dict[str, list[Deed]] = field(default_factory=dict)
    """What nothing proves, though the environment does not say so, with who acts on it."""
    unproven: list[Unproven] = field(default_factory=list)
    """What the environment says can't be proven."""
    led: dict[str, Target] = field(default_factory=dict)
    """By section and name, the targets whose ways to their members must be seen to lead there."""


def deeds(drill: Drill) -> list[Deed]:
    """List all that acts in a drill: its steps and those of its ways, their named undos, and its loads."""
    acting: list[Deed] = []
    for step in actions(drill.every_step):
        acting += deeds_of(step)
    return [*acting, *(Deed(f"load {plan.name}", plan.use, "probe") for plan in drill.load)]


def deeds_of(step: Step) -> list[Deed]:
    """List what acts in a step, and what acts when it is put back by another action."""
    own = Deed(f"step {step.id}", step.use, "action", step.late)
    named = step.undo.use
    return [own, Deed(f"the undo of step {step.id}", named, "action", step.late)] if named else [own]


def cover(environment: Environment, drill: Drill) -> Coverage:
    """Compare what a drill acts on with what the environment's identity proves; nobody is asked."""
    proven = _Proven(environment)
    coverage = Coverage()
    for deed in deeds(drill):
        for target in targets(deed.use, deed.shape):
            _weigh(target, deed, proven, coverage)
        for what in _besides(deed):
            if because := environment.unproven.get(deed.use.kind) or proven.unproven_at(what):
                coverage.unproven.append(Unproven(_unknown(deed.use.kind), because))
            elif not proven.holds(what) and not (what == _unknown(deed.use.kind) and proven.by_its_own(deed.use)):
                coverage.lacking.setdefault(what, []).append(deed)
    coverage.unproven = list(dict.fromkeys(coverage.unproven))
    return coverage


def objection(environment: Environment, coverage: Coverage) -> str | None:
    """Say what nothing proves, who acts on it, and the lines to write; None where nothing is lacking."""
    objections = []
    for what, acting in coverage.lacking.items():
        who = ", ".join(dict.fromkeys(f"{deed.where} ({deed.use.kind})" for deed in acting))
        objections.append(
            f"{what} is acted on by {who}, but no guard under `identity:` proves what it is: "
            f"{_remedy(environment, what, acting[0].use.kind)}"
        )
    return "; ".join(objections) or None


def targets(use: KindUse, shape: Shape) -> list[Target]:
    """Return the targets that a kind is given, whoever wrote the kind."""
    given_targets: list[Target] = []
    for name, sort in target_parameters(find(use.kind, shape)).items():
        given = use.params.get(name)
        given_targets += [
            sort.model_validate(value)
            for value in (given if isinstance(given, list) else [given])
            if isinstance(value, dict) and "name" in value
        ]
    return given_targets


def called(target: Target) -> str:
    """Return what to call a target in a sentence: names alone may be those of several sorts."""
    return f"{target.name} (of {target.section})"


def _weigh(target: Target, deed: Deed, proven: "_Proven", found: Coverage) -> None:
    if target.unproven is not None:
        found.unproven.append(Unproven(called(target), target.unproven))
        return
    found.led[_key(target)] = target
    if proven.target(target):
        return
    through = proven.leading_to(target)
    if not through:
        found.lacking.setdefault(called(target), []).append(deed)
    found.led |= through


class _Proven:
    """What the identity guards of an environment prove, as they declare it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._targets: dict[str, Target] = {}
        self._covered: set[str] = set()
        self._families: list[KindUse] = []
        for use in environment.identity:
            self._targets |= {_key(target): target for target in targets(use, "guard")}
            guard = build(use, "guard")
            self._covered |= set(guard.covers()) if isinstance(guard, Covers) else set()
            if not (isinstance(guard, Covers) or targets(use, "guard")):
                self._families.append(use)
        self._covered |= {at(address) for target in self._targets.values() for address in target.addresses}

    def target(self, target: Target) -> bool:
        """Tell whether a guard reads what a target is: itself, or everything that answers for it."""
        addresses = target.addresses
        has_its_own = bool(addresses) and all(member.addresses for member in target.nodes.values())
        return _key(target) in self._targets or (has_its_own and all(self.holds(at(address)) for address in addresses))

    def holds(self, what: str) -> bool:
        """Tell whether something that is no target is proven."""
        return what in self._covered

    def by_its_own(self, use: KindUse) -> bool:
        """Tell whether a guard of the same family (`rds.identity` of `rds.failover`) reads what a kind acts on.

        For worlds of other packages, which bring no target of ours: what both are given under one name is the same.
        """
        family = use.kind.partition(".")[0]
        return any(
            all(sibling.params[name] == use.params[name] for name in sibling.params.keys() & use.params.keys())
            for sibling in self._families
            if sibling.kind.partition(".")[0] == family
        )

    def unproven_at(self, what: str) -> str | None:
        """Return why what listens at an address can't be proven, where the environment says so of a target there."""
        there = (target for target in self._environment.declared if what in map(at, target.addresses))
        return next((target.unproven for target in there if target.unproven), None)

    def leading_to(self, target: Target) -> dict[str, Target]:
        """Return the proven targets through whose reaches each member of another one is reached, too.

        What reaches the members of a target that is proven is of its place, and so is whatever else it reaches; that
        it does reach them must be seen. Nothing is returned where one member is reached otherwise.
        """
        by_reach = {
            json.dumps(member.reach.model_dump(mode="json"), sort_keys=True): proven
            for proven in self._targets.values()
            for member in proven.nodes.values()
            if member.reach is not None and member.addresses
        }
        ways = [member.reach for member in target.nodes.values()]
        reached = [by_reach.get(json.dumps(way.model_dump(mode="json"), sort_keys=True)) for way in ways if way]
        known = {_key(proven): proven for proven in reached if proven is not None}
        return known if reached and len(reached) == len(ways) and None not in reached else {}


def _key(target: Target) -> str:
    return f"{target.section}/{target.name}"


def _besides(deed: Deed) -> list[str]:
    """Name what a kind acts on besides targets; of one that names nothing at all, that nobody knows what it is."""
    kind = find(deed.use.kind, deed.shape)
    if issubclass(kind, ActsOn):
        return [THIS_HOST] if deed.late else list(build(deed.use, deed.shape).acts_on())
    if targets(deed.use, deed.shape):
        return []
    given = (deed.use.params.get(name) for name in ("url", "address"))
    places = [at(of_url(value) if "://" in value else value) for value in given if isinstance(value, str)]
    return places or [_unknown(deed.use.kind)]


def _unknown(kind: str) -> str:
    return f"what {kind} acts on"


def _remedy(environment: Environment, what: str, kind: str) -> str:
    """Return the lines to write."""
    named = (target for target in environment.declared if called(target) == what or what in map(at, target.addresses))
    target = next(named, None)
    if target is not None:
        otherwise = f"`unproven: REASON` in {target.section}: {target.name}"
    else:
        otherwise = f"`unproven: {{{kind}: REASON}}`"
    lines = sorted({*_lines_for(target, what)})
    write = f"add one of these lines there: {' | '.join(lines)}; or, where" if lines else "where"
    return f"{write} nothing can prove it, say why: {otherwise}"


def _lines_for(target: Target | None, what: str) -> Iterator[str]:
    """Yield a line of each guard that could prove a target, or this host."""
    for name in names("guard"):
        guard = find(name, "guard")
        given = [
            parameter for parameter, sort in target_parameters(guard).items() if target and isinstance(target, sort)
        ]
        of_this_host = what == THIS_HOST and issubclass(guard, Covers) and not target_parameters(guard)
        is_fit = bool(given) if target else of_this_host
        needed = {parameter: _HIDDEN for parameter, info in parameter_names(guard).items() if info.is_required()}
        needed |= {parameter: target.name for parameter in given[:1] if target}
        if is_fit and needed and issubclass(guard, Proves):
            yield f"- {name}: {{{', '.join(f'{key}: {value}' for key, value in needed.items())}}}"
