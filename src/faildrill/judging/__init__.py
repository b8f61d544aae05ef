"""Weigh a run: a pure function from its files to a result. The same files give the same bytes, on any machine.

    judge(folder) -> Result      read the timeline and the samples, and weigh them
    write(folder, result)        leave result.json beside them

The order is: what the engine did (`run_findings`), then what the drill expects (one class of kind in one file each),
then the verdict, the worst of all findings. No expectation passes in a run whose steps did not all take effect.
"""

from pathlib import Path
from typing import Final

import msgspec

from faildrill.judging.result import Result
from faildrill.system import atomic_file

FILE: Final = "result.json"


def judge(folder: Path) -> Result:
    """Weigh the run in a folder; nothing is written.

    Raises WrongUsage when it holds no run, or none that can be read, JournalDamaged when its files are not what was
    written, NotJudged for a defect of ours.
    """
    from faildrill.judging import run_judgement  # noqa: PLC0415 - takes long to import, and most read results only

    return run_judgement.judge(folder)


def encode(result: Result) -> bytes:
    """Write a result as JSON, indented, ended by a newline."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def write(folder: Path, result: Result) -> Path:
    """Leave result.json in the folder of a run, whole or not at all, and return its path."""
    return atomic_file.write(folder / FILE, encode(result))


def schema() -> dict[str, object]:
    """Return the JSON Schema of result.json."""
    return msgspec.json.schema(Result)
