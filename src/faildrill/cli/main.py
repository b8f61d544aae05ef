"""The command line. Starts without importing what a command does not need."""

import codecs
import gc
import importlib
import io
import os
import sys
import traceback
from typing import Any, TextIO, cast

import click

from faildrill import __version__, plain_text
from faildrill.cli.standard_output import Unheeded, discard, is_gone, unread
from faildrill.errors import FaildrillError, NotJudged
from faildrill.system import redaction
from faildrill.system.exit_codes import ExitCode, unless_unsafe
from faildrill.system.inherited_signals import hear
from faildrill.system.lazy_imports import lazily, without_collecting, without_plugins

_COMMANDS = {
    "run": "faildrill.cli.run:run",
    "plan": "faildrill.cli.plan:plan",
    "recover": "faildrill.cli.recover:recover",
    "doctor": "faildrill.cli.doctor:doctor",
    "audit": "faildrill.cli.audit:audit_command",
    "warrant": "faildrill.cli.warrant:warrant",
    "watch": "faildrill.cli.watch:watch",
    "approve": "faildrill.cli.approve:approve",
    "abort": "faildrill.cli.abort:abort",
    "halt": "faildrill.cli.halt:halt",
    "resume": "faildrill.cli.halt:resume",
    "status": "faildrill.cli.status:status",
    "validate": "faildrill.cli.drill_files:validate",
    "list": "faildrill.cli.drill_files:list_drills",
    "explain": "faildrill.cli.drill_files:explain",
    "schema": "faildrill.cli.drill_files:schema",
    "init": "faildrill.cli.drill_files:init",
    "judge": "faildrill.cli.judge:judge",
    "report": "faildrill.cli.judge:report",
    "runbook": "faildrill.cli.runbook:runbook",
    "note": "faildrill.cli.note:note",
    "export": "faildrill.cli.export:export",
    "bundle": "faildrill.cli.bundle:bundle",
    "evidence": "faildrill.cli.label_evidence:evidence",
    "history": "faildrill.cli.past_runs:history",
    "show": "faildrill.cli.recorded_run:show",
    "compare": "faildrill.cli.recorded_run:compare",
    "prune": "faildrill.cli.past_runs:prune",
    "trend": "faildrill.cli.trends:trend",
    "rebaseline": "faildrill.cli.recorded_run:rebaseline",
    "coverage": "faildrill.cli.proven_cells:coverage",
    "next": "faildrill.cli.proven_cells:next_drills",
    "metrics": "faildrill.cli.metrics:metrics",
    "trace": "faildrill.cli.signals_sent:trace",
    "annotate": "faildrill.cli.signals_sent:annotate",
    "schedule": "faildrill.cli.schedule:schedule",
    "kubernetes": "faildrill.cli.kubernetes:kubernetes",
    "lab": "faildrill.cli.lab:lab",
}
_SHORT = {
    "run": "Run drills, put everything back, judge and report.",
    "plan": "Show what a drill would touch and how it is put back; change nothing.",
    "recover": "Put back what a run that died left behind.",
    "warrant": "Ask independent observers whether failing a database over is warranted.",
    "watch": "Audit and probe until it is stopped, and tell people what deviates.",
    "audit": "Compare what is set at load balancers and databases with what was approved.",
    "doctor": "Check that an environment has all that a drill needs; change nothing.",
    "approve": "Approve a drill, for a while.",
    "abort": "Stop a run that is under way; everything is put back.",
    "halt": "Stop every drill of an environment, until `resume`.",
    "resume": "Let an environment be drilled again.",
    "status": "Show what runs on this machine, and which environments are dirty or halted.",
    "validate": "Check drill and environment files; every mistake at its place.",
    "list": "List the drills of a folder.",
    "explain": "Explain a kind, or list all kinds.",
    "schema": "Print the JSON Schema of drill files for editors, or of results for programs.",
    "init": "Write a first drill to start from.",
    "judge": "Judge a recorded run again: the same files give the same verdict.",
    "report": "Write the reports of a recorded run anew.",
    "runbook": "Write the procedure of a failover from the drill that proves it.",
    "note": "Add a line, a cause or a task to the review of a recorded run; nothing of it is ever lost.",
    "export": "Write the samples of a recorded run as CSV, Parquet or npz.",
    "bundle": "Put recorded runs into one signed file, or check such a file.",
    "evidence": "Say what was proven when, by the labels that drills carry.",
    "history": "List the runs that were recorded, the latest last.",
    "show": "Show one recorded run, judged again from its files.",
    "compare": "Say what differs between two recorded runs, and what their bounds prove of it.",
    "prune": "Remove the folders of old runs, but none that something rests on.",
    "trend": "Say whether outages became longer over time, as far as that is proven.",
    "rebaseline": "Say that a change is explained: what comes after it is the usual.",
    "coverage": "Say what was last proven, by which run and until when; fail where a drill is stale.",
    "next": "Say what to drill next, and why.",
    "metrics": "Write what is recorded as metrics, for Prometheus.",
    "trace": "Send a recorded run to a collector of OpenTelemetry, as a trace.",
    "annotate": "Mark a recorded run in Grafana.",
    "schedule": "Say when game days are due, and run what is due.",
    "kubernetes": "Print the least rights that a drill needs in a Kubernetes cluster.",
    "lab": "The embedded staging of real parts on this machine.",
}


class _Lazy(click.Group):
    """Imports the module of a command when it is called, and not for the list of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = _COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        if module not in sys.modules:
            with without_collecting():
                importlib.import_module(module)
        command: click.Command = getattr(sys.modules[module], name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SHORT.items()))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Say what is wrong where a command raises one of our errors: 2, nothing was touched; 7 for a defect."""
        try:
            return super().invoke(ctx)
        except FaildrillError as error:
            click.echo(str(error), err=True)
            ctx.exit(ExitCode.ERROR if isinstance(error, NotJudged) else ExitCode.WRONG_USAGE)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="faildrill")
def cli() -> None:
    """Run failover drills that tell the truth.

    A drill watches probes, takes steps, puts everything back, and expects something of what was seen. The exit code
    says how it ended: 0 PASSED, 1 FAILED, 2 wrong usage, 3 REFUSED, 4 INCONCLUSIVE, 5 ABORTED, 6 UNSAFE, 7 ERROR.
    """


def main() -> None:
    """Run the command line. A crash of ours never exits 1, which means that a drill failed."""
    hear()
    clean_streams()
    lazily()
    without_plugins()
    try:
        code = cli.main(standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        code = _cut_short(ExitCode.ABORTED)
    except click.ClickException as error:
        error.show()
        code = ExitCode.WRONG_USAGE
    except OSError as error:
        if not is_gone(error):
            click.echo(traceback.format_exc(), err=True)
        code = discard(error) if is_gone(error) else _cut_short(ExitCode.ERROR)
    except Exception:  # noqa: BLE001 - the one place where a defect of the command line becomes an exit code
        click.echo(traceback.format_exc(), err=True)
        code = _cut_short(ExitCode.ERROR)
    with unread():  # what is still to be written
        pass
    sys.stderr.flush()
    gc.freeze()  # nothing is searched for garbage at the end, either
    sys.exit(code if isinstance(code, int) else 0)


def _cut_short(code: ExitCode) -> ExitCode:
    """Return the code of a command that was cut short, or UNSAFE where an environment of this machine is marked."""
    from faildrill.locking.dirty_marks import all_marks

    return unless_unsafe(code, all_marks)


def clean_streams() -> None:
    """Let no secret pass to standard output and standard error from now on, nor what a terminal would obey."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        _speak_utf8(stream)
    heeded, unheeded = sys.stdout, cast("TextIO", Unheeded(sys.stderr))
    sys.stdout, sys.stderr = (
        cast("TextIO", redaction.Stream(cast("TextIO", plain_text.Stream(stream)))) for stream in (heeded, unheeded)
    )


def _speak_utf8(stream: TextIO) -> None:
    """Have a stream that takes ASCII only take UTF-8: click would, and write past what cleans it to do so."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name == "ascii":
        stream.reconfigure(encoding="utf-8", errors="replace")


def _nowhere() -> TextIO:
    """Stand for a standard stream that was closed before we were started."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it is open as long as we are
