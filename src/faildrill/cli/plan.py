"""`faildrill plan`: what a drill would touch, how it is put back, and what the guards say; changes nothing."""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

from faildrill import durations
from faildrill.acting.call import call, words
from faildrill.cli.environment_choice import environment
from faildrill.cli.past_runs import REPORTS, indexed
from faildrill.errors import ActionError, CannotSee, JournalError
from faildrill.guarding import objections
from faildrill.history.run_comparison import runbook_change
from faildrill.history.run_summary import RunSummary
from faildrill.judging.result import Verdict
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.loading import load_drill
from faildrill.loading.cautions import Foresees
from faildrill.loading.load import told
from faildrill.model.drill import AnyStep, Drill, Step, Wait, actions, singly
from faildrill.model.environment import Environment
from faildrill.ports import Limits, Previews
from faildrill.proofs import limits
from faildrill.record.timeline import GuardAnswered
from faildrill.reports.wording import plain
from faildrill.running.damage_budget import Standing, standing
from faildrill.running.wait import describe
from faildrill.system import redaction, resolver
from faildrill.system.exit_codes import ExitCode

_WITHIN = 10.0
_NOTHING = "nothing: `undo: none`"


@dataclass(frozen=True)
class Line:
    """One step, as it would go now."""

    id: str
    name: str
    kind: str
    effect: str
    touches: list[str] = field(default_factory=list)
    undo: str = ""
    limit: str = ""
    """Whether the target ends it without us."""
    way: str = ""
    """The one of several ways that it belongs to; empty where it is done in all of them."""


@click.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME|FILE", help="Where to drill; default: what the drill names.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@REPORTS
def plan(drill: Path, env: str | None, output: str, among: Path) -> None:
    """Show what a drill would touch now, how it is put back, and what the guards say. Changes nothing.

    Exits 0 when nothing objects, 3 when a guard does.
    """
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=False) as place:
        loaded = load_drill(drill, place).drill
        answers, lines = resolver.run(_look(loaded, place))
        budget, answer = _budget(place, loaded)
    answers += answer
    runbook = _runbook(loaded, among)
    if output == "json":
        _print_json(loaded, answers, lines, {"runbook": runbook, "damage_budget": asdict(budget) if budget else None})
    else:
        _print(loaded, answers, lines)
        if budget:
            click.echo(f"\ndamage budget\n  {budget.told}")
        if runbook:
            click.echo(f"\nrunbook\n  {plain(runbook)}")
    sys.exit(ExitCode.REFUSED if any(answered.objection for answered in answers) else ExitCode.PASSED)


def _budget(place: Environment, drill: Drill) -> tuple[Standing | None, list[GuardAnswered]]:
    """Return how the damage budget stands, and what a run would be answered; nothing is reserved."""
    try:
        budget = standing(place, drill)
    except (JournalError, OSError) as error:
        return None, [GuardAnswered(guard="damage_budget", objection=f"it can't be told: {error}")]
    return budget, [] if budget is None else [GuardAnswered(guard="damage_budget", objection=budget.objection)]


async def _look(drill: Drill, place: Environment) -> tuple[list[GuardAnswered], list[Line]]:
    answers: list[GuardAnswered] = []
    for taken in [drill.taking(way) for way in drill.ways] or [drill]:
        answers += [answer async for answer in objections.answers(place, "plan", taken) if answer not in answers]
    lines: list[Line] = []
    for way, step in _all(drill):
        lines.extend([replace(await _line(member), way=way) for member in singly([step])])
    return answers, lines


def _all(drill: Drill) -> list[tuple[str, AnyStep]]:
    """List the drill's own steps, then those of each of its ways, each with the name of the way."""
    return [*(("", step) for step in drill.steps), *((way.name, step) for way in drill.ways for step in way.steps)]


async def _line(step: Step | Wait) -> Line:
    line = await _seen(step)
    return line if isinstance(step, Wait) else replace(line, limit=_limit(step))


def _limit(step: Step) -> str:
    action = None if step.late else build(step.use, "action")
    after = action.limit() if isinstance(action, Limits) else None
    if after is not None:
        return f"by itself after {durations.show(after)}: the target keeps that limit"
    return "only when it is put back: the target keeps no time limit"


async def _seen(step: Step | Wait) -> Line:
    if isinstance(step, Wait):
        until = describe(step.until, step.hold) if step.until else durations.show(step.hold)
        return Line(step.id, step.name, "wait", f"waits for {until}, {durations.show(step.within)} at most")
    named = step.undo.use.kind if step.undo.use else ""
    undo = {"own": "its own undo", "none": _NOTHING, "named": named}
    if step.late:
        return Line(
            step.id, step.name, step.use.kind, "known only when earlier steps are done", [], undo[step.undo.how]
        )
    action = build(step.use, "action")
    if not isinstance(action, Previews):
        return Line(step.id, step.name, step.use.kind, f"{step.use.kind} as declared", [], undo[step.undo.how])
    try:
        preview = await call(action.preview(CallContext("plan", timeout=_WITHIN)), _WITHIN)
    except (ActionError, CannotSee) as error:
        return Line(step.id, step.name, step.use.kind, f"can't be done now: {words(error)}", [], undo[step.undo.how])
    put_back = preview.undo if step.undo.how == "own" else undo[step.undo.how]
    effect, touches = redaction.clean(preview.effect), redaction.clean_all(preview.touches)
    return Line(step.id, step.name, step.use.kind, effect, touches, redaction.clean(put_back))


def _runbook(drill: Drill, among: Path) -> str:
    """Say whether the text of the runbook is the one that was last proven; empty where the drill cites none."""
    if not drill.runbook:
        return ""
    ways = [way.name for way in drill.ways] or [""]
    proven: list[RunSummary] = []
    if among.is_dir():
        with indexed(among) as index:
            last = [index.last_of((drill.name, drill.environment, way), Verdict.PASSED) for way in ways]
            proven = sorted((run for run in last if run is not None), key=lambda one: one.started)
    if not proven:
        return f"{drill.runbook}: no run in {among} has proven it"
    changed = runbook_change(drill.runbook, drill.runbook_digest, proven[-1])
    same = "the text" if drill.runbook_digest else "nobody here can read it, and could not"
    return changed or f"{drill.runbook}: {same} when {proven[-1].run} proved it on {proven[-1].day}"


def _print_json(drill: Drill, answers: list[GuardAnswered], lines: list[Line], more: dict[str, object]) -> None:
    guards = [
        {"guard": answer.guard, "objection": answer.objection, "unproven": answer.unproven or None}
        for answer in answers
    ]
    load = {load_plan.name: told(load_plan) for load_plan in drill.load}
    steps = [asdict(line) for line in lines]
    ways = [way.name for way in drill.ways]
    shown = {"drill": drill.name, "guards": guards, "steps": steps, "load": load, "ways": ways, "twin": drill.twin}
    click.echo(json.dumps({**shown, **more}, indent=2))


def _print(drill: Drill, answers: list[GuardAnswered], lines: list[Line]) -> None:
    click.echo(f"{drill.name} in {drill.environment}: {drill.about}")
    click.echo("\nguards")
    for answer in answers:
        line = f"  objects  {answer.guard}: {answer.objection}" if answer.objection else f"  agrees   {answer.guard}"
        click.echo(f"  UNPROVEN {answer.unproven}" if answer.unproven else line)
    click.echo("\nsteps, in every way" if drill.ways else "\nsteps")
    _print_steps(drill, [line for line in lines if not line.way])
    for way in drill.ways:
        click.echo(f"\nway       {redaction.clean(way.name)}")
        _print_steps(drill, [line for line in lines if line.way == way.name])
    click.echo("\nprobes")
    for probe in drill.probes:
        click.echo(f"  {probe.name}: every {durations.show(probe.every)}; {limits.told(probe)}")
    for load in drill.load:
        click.echo(f"load      {load.name}: {told(load)}")
    if expected := _expected(drill):
        click.echo("\nexpects\n" + "\n".join(f"  {line}" for line in expected))
    if drill.twin:
        click.echo(f"twin      {drill.twin}; `run --twins` runs both, in a secret random order")


def _expected(drill: Drill) -> list[str]:
    """Say of what is expected how much it takes to hold, where that can be told before the run."""
    probes = {probe.name: probe for probe in (*drill.probes, *drill.load)}
    uses = [*drill.expect, *(use for way in drill.ways for use in way.expect)]
    built: list[object] = [build(use, "expectation") for use in uses]
    return [kind.foresees(probes) for kind in built if isinstance(kind, Foresees)]


def _print_steps(drill: Drill, lines: list[Line]) -> None:
    for number, line in enumerate(lines, 1):
        click.echo(f"  {number}. {line.name}  [{line.kind}]")
        click.echo(f"     does     {line.effect}")
        if line.touches:
            click.echo(f"     touches  {', '.join(line.touches)}")
        if line.kind != "wait":
            click.echo(f"     ends     {line.limit}")
            within = "" if line.undo == _NOTHING else f", within {durations.show(_undo_within(drill, line))}"
            click.echo(f"     undo     {line.undo}{within}")


def _undo_within(drill: Drill, line: Line) -> float:
    steps = [step for way, step in _all(drill) if way == line.way]
    return next(step.undo_within for step in actions(steps) if step.id == line.id)
