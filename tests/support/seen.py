"""`make seen OF=FOLDER`: take from the runs that lie below a folder which kinds acted and were undone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from faildrill import judging
from faildrill.errors import FaildrillError
from faildrill.explaining.kinds_page import FILE, Seen, last_seen
from faildrill.judging.result import Result, Verdict


def seen_in(result: Result) -> Iterator[tuple[str, Seen]]:
    """Yield the kinds that acted and were undone in a run that PASSED, by more than the word of whoever was asked."""
    if result.verdict is not Verdict.PASSED:
        return
    for one in result.steps:
        if one.outcome == "done" and one.undo == "verified" and not one.kind.startswith("simulated."):
            yield (
                one.kind,
                Seen(
                    day=result.started[:10],
                    drill=result.drill,
                    environment=result.environment,
                    version=result.version,
                    run=result.run,
                ),
            )


def collected(folder: Path, known: dict[str, Seen]) -> dict[str, Seen]:
    """Return what is known with what the runs below a folder show; each is judged again, and the latest day counts."""
    found = dict(known)
    for file in sorted(folder.rglob(judging.FILE)):
        try:
            result = judging.judge(file.parent)
        except (FaildrillError, OSError):
            continue
        for kind, one in seen_in(result):
            if kind not in found or (found[kind].day, found[kind].run) < (one.day, one.run):
                found[kind] = one
    return dict(sorted(found.items()))


if __name__ == "__main__":
    now = collected(Path(sys.argv[1]), last_seen())
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=2) + b"\n")
