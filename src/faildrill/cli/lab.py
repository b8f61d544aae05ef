"""`faildrill lab`: start, look at and take down the embedded staging."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from faildrill.errors import FaildrillError
from faildrill.lab.core import sorts
from faildrill.lab.core.facts import Facts
from faildrill.lab.core.folders import Place
from faildrill.system import state_folder
from faildrill.system.exit_codes import ExitCode

_NAME = click.option("--name", default="lab", show_default=True, help="Which lab; several can be up side by side.")


@click.group()
def lab() -> None:
    """Run the embedded staging: PostgreSQL under Patroni, HAProxy, payment servers; real parts on this machine."""


@lab.command()
@_NAME
@click.option("--keep", is_flag=True, help="If it can't be started, leave what there is for you to look at.")
@click.option(
    "--of",
    metavar="SORT",
    help=f"Which sort: {', '.join(sorts.SORTS)}; a name such as lab-hosts implies it.",
)
def up(name: str, keep: bool, of: str | None) -> None:
    """Start a lab and wait until a payment goes through it; says so when it is up already."""
    from faildrill.lab.core import folders, startup

    place = folders.place(name)
    state_folder.check()
    before, sort = time.monotonic(), of or sorts.named(name) or sorts.PAYMENTS
    facts = startup.up(name, tell=lambda text: click.echo(text, err=True), keep=keep, of=sort)
    # When this command began, by the wall clock, which may have been set meanwhile: how long it took is of the other.
    already = facts.ready_at < time.time() - (time.monotonic() - before) - 0.001
    click.echo(f"lab {name!r} is up{' already' if already else ''}")
    for key, value in _worth_knowing(place, facts, sort):
        click.echo(f"  {key:<14}{value}")


@lab.command()
@click.argument("sort")
def build(sort: str) -> None:
    """Build what no wheel brings for a SORT of lab: the control plane of `kubernetes`, by Go; once, in minutes."""
    made = sorts.build(sort, lambda text: click.echo(text, err=True))
    click.echo(f"what a lab of the sort {sort!r} needs is in {made}")


def _worth_knowing(place: Place, facts: Facts, sort: str) -> list[tuple[str, object]]:
    service = [
        ("payments", f"{facts.payments}/payments"),
        ("database", f"127.0.0.1:{facts.database_port}"),
        ("HAProxy", facts.statistics),
    ]
    return [
        ("environment", facts.environment),
        *(service if sorts.has_payments(sort) else []),
        ("logs", facts.logs),
        ("take it down", place.command("down")),
    ]


@lab.command()
@_NAME
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def status(name: str, output: str) -> None:
    """Show every node and link of a lab, and where its environment file is. Exits 1 when it isn't up."""
    from faildrill.lab.core import control, folders

    place = folders.place(name)
    try:
        answer = control.ask(place.control, {"op": "status"}, 10.0)
    except control.NoLab:
        answer = {"phase": "remains" if place.folder.exists() else "down", "nodes": {}, "links": {}}
    except TimeoutError:
        answer = {"phase": "silent", "nodes": {}, "links": {}}
    if place.environment.exists():
        answer["environment"] = str(place.environment)
    if output == "json":
        click.echo(json.dumps({key: value for key, value in answer.items() if key != "ok"}, indent=2))
    else:
        click.echo("\n".join(table(place, answer)))
    if answer["phase"] != "ready":
        raise SystemExit(ExitCode.FAILED)


_SAID = {
    "down": "is not up: {up}",
    "remains": "is not up, but has left something behind: {down}",
    "silent": "does not answer: {down}",
    "failed": "failed to start and was kept: look at its logs, then {down}",
}


def _but(nodes: dict[str, Any]) -> str:
    """Say which nodes are not as in a lab that is whole; nothing where all are."""
    amiss = [f"{name} is {facts['state']}" for name, facts in nodes.items() if facts["state"] != "running"]
    return f", but {', '.join(amiss)}" if amiss else ""


def _width(words: Iterable[str], least: int) -> int:
    """Return how wide a column of words is, with the gap to the next one."""
    return max((least, *map(len, words))) + 1


def table(place: Place, answer: dict[str, Any]) -> Iterator[str]:
    """Tell what a lab answered about itself, a line at a time: first how it is, then each node and link."""
    phase = _SAID.get(answer["phase"], f"is {answer['phase']}") + _but(answer["nodes"])
    yield f"lab {place.name!r} {phase.format(up=place.command('up'), down=place.command('down'))}"
    if "environment" in answer:
        yield f"  environment: {answer['environment']}"
    parts = (facts["part"] for facts in answer["nodes"].values())
    name, part = (_width(words, least) for words, least in ((answer["nodes"], 8), (parts, 11)))
    if answer["nodes"]:
        yield f"  {'node':<{name}}{'part':<{part}}{'state':<10}{'for':>9}{'starts':>8}  processes"
    for node, facts in answer["nodes"].items():
        up_for = f"{time.time() - facts['since']:.0f} s" if facts["state"] != "absent" else "-"
        row = f"{node:<{name}}{facts['part']:<{part}}{facts['state']:<10}{up_for:>9}{facts['starts']:>8}"
        yield f"  {row}  {len(facts['pids'])}"
    for link, facts in answer["links"].items():
        delay = f" {facts['delay_ms']} ms" if facts["delay_ms"] else ""
        yield f"  link to {link}: {facts['mode']}{delay}"


@lab.command()
@click.argument("node", required=False)
@_NAME
@click.option("-f", "--follow", is_flag=True, help="Keep printing what is written from now on.")
@click.option("-n", "--lines", default=20, show_default=True, help="How many lines of each log.")
def logs(node: str | None, name: str, follow: bool, lines: int) -> None:
    """Print the logs of a lab: of one node, or of all."""
    from faildrill.lab.core import folders

    place = folders.place(name)
    files = {path.stem: path for path in sorted(place.logs.glob("*.log"))}
    if not files:
        raise FaildrillError(f"there are no logs of a lab {name!r}")
    if node is not None and node not in files:
        raise FaildrillError(f"no log of {node!r}; there are {', '.join(files)}")
    chosen = [files[node]] if node else list(files.values())
    _print_logs(chosen, lines)
    if follow:
        _follow(chosen)


def _print_logs(files: Iterable[Path], lines: int) -> None:
    for path in files:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
            click.echo(f"{path.stem:<8} {line}")


def _follow(files: list[Path]) -> None:
    """Print what is appended, until interrupted or until the logs are gone."""
    opened = {path: path.open(encoding="utf-8", errors="replace") for path in files}
    for file in opened.values():
        file.seek(0, 2)
    try:
        while any(path.exists() for path in files):
            for path, file in opened.items():
                for line in file:
                    click.echo(f"{path.stem:<8} {line.rstrip()}")
            time.sleep(0.2)
    except KeyboardInterrupt:
        return
    finally:
        for file in opened.values():
            file.close()


@lab.command()
@_NAME
@click.option("--keep-logs", is_flag=True, help="Leave the folder of its logs.")
def down(name: str, keep_logs: bool) -> None:
    """Take a lab down: no process, socket or folder of it stays, whatever was killed before."""
    from faildrill.lab.core import folders, teardown

    was_there = teardown.down(name, keep_logs=keep_logs)
    if not was_there:
        click.echo(f"lab {name!r} is not up")
        return
    click.echo(f"lab {name!r} is down")
    if keep_logs:
        click.echo(f"  its logs are kept in {folders.place(name).logs}")
