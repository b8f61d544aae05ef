"""The end of a set of runs: judged, reported, and told."""

import sys
import traceback
from pathlib import Path

import click

from faildrill.cli.standard_output import unread
from faildrill.errors import FaildrillError
from faildrill.judging import set_result
from faildrill.reports import set_text


def conclude(folder: Path) -> set_result.SetResult:
    """Judge the set in a folder, and write its result and its reports there.

    A report that can't be written never hides the verdict: that is said on standard error. Raises JournalDamaged
    when the set's own file was altered.
    """
    result = set_result.judge(folder)
    try:
        set_result.write(folder, result)
        set_text.write(folder, result)
    except (OSError, FaildrillError) as error:
        click.echo(f"the reports in {folder} are not all written: {error}", err=True)
    except Exception:  # noqa: BLE001 - a picture that can't be drawn is no reason to keep the verdict back
        click.echo(
            f"the reports in {folder} are not all written, because of a defect in faildrill:\n{traceback.format_exc()}",
            err=True,
        )
    return result


def tell(result: set_result.SetResult, folder: Path, output: str, *, quiet: bool = False) -> None:
    """Print what came of a set: as JSON, or in words with the verdict last."""
    with unread():
        if output == "json":
            click.echo(set_result.encode(result), nl=False)
        else:
            set_text.summary(result, folder, sys.stdout, quiet=quiet)
