"""`faildrill validate`, `list`, `explain`, `schema` and `init`: what concerns the files that people write."""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faildrill.errors import InvalidFile, WrongUsage
from faildrill.system.exit_codes import ExitCode

if TYPE_CHECKING:
    from faildrill.cli.file_check import Checked

_FIRST = Path("drills/first-drill.yaml")
_SCHEMAS = {
    "drill": "faildrill.explaining.json_schema:drill_schema",
    "environment": "faildrill.explaining.json_schema:environment_schema",
    "standard": "faildrill.explaining.json_schema:standard_schema",
    "game-day": "faildrill.explaining.json_schema:game_day_schema",
    "result": "faildrill.judging:schema",
    "set": "faildrill.judging.set_result:schema",
    "events": "faildrill.cli.event_stream:schema",
}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--env", "env", metavar="NAME|FILE", help="Check against this environment, not the one a drill names.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def validate(files: tuple[Path, ...], env: str | None, output: str) -> None:
    """Check drill, environment and standard files; every mistake at its place. Nothing is touched, nothing is asked.

    Exits 0 when all are valid, 2 when one is not. A drill for a lab that isn't up is checked by itself; where something
    is wrong with its environment, the mistakes of both are said.
    """
    from faildrill.cli.file_check import check

    checked = list({file.file: file for path in files for file in check(path, env)}.values())
    if output == "json":
        click.echo(json.dumps([asdict(file) | {"valid": file.valid} for file in checked], indent=2, ensure_ascii=False))
    else:
        for file in checked:
            _print(file)
    sys.exit(ExitCode.PASSED if all(file.valid for file in checked) else ExitCode.WRONG_USAGE)


def _print(one: "Checked") -> None:
    for mistake in one.mistakes:
        click.echo(f"{one.file}:{mistake.line}:{mistake.column}: {mistake.message}")
    for warning in one.warnings:
        click.echo(f"{one.file}:{warning.line}:{warning.column}: warning: {warning.message}")
    if one.valid:
        click.echo(f"{one.file}: valid" + (f" ({one.note})" if one.note else ""))


@click.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("drills"))
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def list_drills(folder: Path, output: str) -> None:
    """List the drills of a folder: what each is about, where it runs, and which targets it needs."""
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is no folder; `faildrill init` writes a first drill into drills/")
    listed = [_listed(path) for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])]
    if output == "json":
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for drill in listed:
        if "mistakes" in drill:
            click.echo(f"{click.style('bad', fg='red')}  {drill['file']}: {drill['mistakes']}; see: faildrill validate")
            continue
        click.echo(f"{click.style(str(drill['drill']), bold=True)}  in {drill['environment']}  ({drill['file']})")
        lines = [
            drill["about"],
            f"needs {drill['needs']}",
            *(f"{key} {drill[key]}" for key in ("tags", "satisfies", "ways", "twin") if drill[key]),
        ]
        click.echo("\n".join(f"  {line}" for line in lines if line))
    if not listed:
        click.echo(f"no drills in {folder}/; `faildrill init` writes a first one")


def _labels(one: dict[str, str]) -> list[str]:
    return [f"{key} {one[key]}" for key in ("tags", "ways", "twin") if one[key]]


def _listed(path: Path) -> dict[str, str]:
    from faildrill.loading import load_drill
    from faildrill.loading.needed_targets import needs

    try:
        drill = load_drill(path, None).drill
    except InvalidFile as error:
        count = len(error.mistakes)
        return {"file": str(path), "mistakes": f"{count} mistake{'s' if count > 1 else ''}"}
    except WrongUsage as error:
        return {"file": str(path), "mistakes": str(error)}
    return {
        "file": str(path),
        "drill": drill.name,
        "about": " ".join(drill.about.split()),
        "environment": drill.environment,
        "needs": ", ".join(needs(drill)) or "no target",
        "tags": ", ".join(drill.tags),
        "satisfies": ", ".join(drill.satisfies),
        "ways": ", ".join(way.name for way in drill.ways),
        "twin": drill.twin,
        "failover": drill.failover or "",
    }


@click.command()
@click.argument("kind", required=False)
@click.option("--markdown", is_flag=True, help="Write the reference of all kinds, as docs/kinds.md holds it.")
def explain(kind: str | None, *, markdown: bool) -> None:
    """Explain a kind: what it does, its parameters, an example. Without KIND, list all kinds."""
    from faildrill.cli import kind_text

    if markdown:
        from faildrill.explaining.kinds_page import markdown as document

        click.echo(document(), nl=False)
    elif kind is None:
        kind_text.print_all()
    else:
        kind_text.print_one(kind)


@click.command()
@click.argument("what", type=click.Choice(list(_SCHEMAS)), default="drill")
def schema(what: str) -> None:
    """Print the JSON Schema of what people write (drill, environment, standard, game-day), or a program reads.

    Programs read `result` (result.json, `-o json` of a run), `set` (set.json, of a suite or a set) and `events` (a line
    of `-o ndjson`).
    """
    module, _, name = _SCHEMAS[what].partition(":")
    made = getattr(importlib.import_module(module), name)
    click.echo(json.dumps(made(), indent=2, ensure_ascii=False))


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=_FIRST)
def init(path: Path) -> None:
    """Write a first drill to start from, and beside it the JSON Schema that editors check it with."""
    from faildrill.explaining.first_drill import write

    for written in write(path):
        click.echo(f"wrote {written}")
    click.echo(f"check it with: faildrill validate {path}")
    click.echo(f"run it on the embedded lab with: faildrill run {path} --env lab")
