"""`faildrill audit`: what is set at load balancers and databases, against what was approved."""

import sys
import urllib.parse
from pathlib import Path

import click

from faildrill.auditing import Audit, Grade, audit
from faildrill.auditing.measured_detection import measured
from faildrill.cli.environment_choice import environment
from faildrill.cli.named_runs import find_one
from faildrill.cli.time_options import seconds
from faildrill.errors import WrongUsage, reason
from faildrill.reports import audit_text, sarif
from faildrill.system import resolver
from faildrill.system.exit_codes import ExitCode


@click.command("audit")
@click.argument("env", metavar="ENV")
@click.option("-o", "--output", type=click.Choice(["text", "json", "junit", "sarif"]), default="text")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write JSON into this file, too.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit into this file, too.")
@click.option("--sarif", "as_sarif", type=click.Path(path_type=Path), help="Write SARIF into this file, too.")
@click.option(
    "--fail-on", type=click.Choice(["severe", "warning"]), default="warning", show_default=True, help="What exits 1."
)
@click.option("--objective", callback=seconds, metavar="TIME", help="How soon a dead server must be noticed, e.g. 5s.")
@click.option("--run", "run", metavar="RUN", help="Print beside it what this recorded run measured.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
def audit_command(
    *,
    env: str,
    output: str,
    as_json: Path | None,
    junit: Path | None,
    as_sarif: Path | None,
    fail_on: str,
    objective: float | None,
    run: str | None,
    reports: Path,
) -> None:
    """Compare what is set with what was approved, and with what can never be right. Changes nothing.

    ENV lists what is read (`settings`) and what was approved (`standards`). Exits 0 when all is as approved, 1 when
    something differs or can't be right, 2 for wrong usage, 4 when something could not be read and nothing else is
    wrong: what can't be read never passes.
    """
    with environment(env, Path("drill.yaml"), start_lab=False) as place:
        audited = resolver.run(audit(place, objective))
    if run is not None:
        audited = measured(audited, find_one(run, reports))
    texts = {
        "text": lambda: "\n".join(audit_text.lines(audited)),
        "json": lambda: audit_text.as_json(audited),
        "junit": lambda: audit_text.as_junit(audited).decode(),
        "sarif": lambda: sarif.render(audited, _placed(env, place.name)),
    }
    click.echo(texts[output]())
    for name, path in (("json", as_json), ("junit", junit), ("sarif", as_sarif)):
        if path is not None:
            _write(path, texts[name]())
    sys.exit(exit_code(audited, fail_on))


def _placed(env: str, name: str) -> str:
    """Return the environment's file as code hosts name it: a URI seen from where the command is called."""
    path = Path(env)
    if path.is_file() and path.resolve().is_relative_to(Path.cwd()):
        return urllib.parse.quote(path.resolve().relative_to(Path.cwd()).as_posix())
    return f"drills/environments/{name}.yaml"


def exit_code(found: Audit, fail_on: str = "warning") -> int:
    """Return 1 where something is wrong that counts, else 4 where something could not be read, else 0."""
    grades = {remark.grade for remark in found.remarks}
    if Grade.SEVERE in grades or (fail_on == "warning" and Grade.WARNING in grades):
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if Grade.UNREAD in grades else ExitCode.PASSED


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{path} can't be written: {reason(error)}") from error
