"""What a command prints has no secret in it, also where the terminal takes ASCII only."""

import os
import subprocess
import sys

import pytest

PRINTS = """
import click
from faildrill.cli.main import clean_streams
from faildrill.system import redaction
clean_streams()
redaction.learn("hunter22")
click.echo("on standard output: hunter22")
click.echo("on standard error: hunter22", err=True)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_secret_passes_either_stream(encoding: str) -> None:
    here = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PRINTS], env=here, capture_output=True, check=True)
    assert done.stdout.decode() == "on standard output: •••\n"
    assert done.stderr.decode() == "on standard error: •••\n"
