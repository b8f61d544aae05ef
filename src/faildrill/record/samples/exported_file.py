"""The samples of a run as CSV or Parquet, for other tools: streamed, so that any number of them takes little memory.

probe        the name of the probe
due_utc      when the look was due, as far as the wall clock of the run's start was right
due_ns       when it was due, in ns since the run's first event; exact, as every time in ns
sent_ns      when it was sent; empty for a look that never was
answered_ns  when its answer came, was given up or went wrong
outcome      ok, refused, reset, timed_out, wrong, unreachable, skipped, broken, open, throttled
who          who answered
detail       what was seen, in words
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import numpy as np

from faildrill.errors import WrongUsage
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns
from faildrill.system import atomic_file

FIELDS: Final = ("probe", "due_utc", "due_ns", "sent_ns", "answered_ns", "outcome", "who", "detail")
"""The columns, in their order."""
CHUNK: Final = 65_536
"""Samples that are in memory at once."""
_OUTCOMES: Final = tuple("" if not known else Outcome(known).name.lower() for known in range(max(Outcome) + 1))
"""By number of an outcome; 0 is none."""


class Origin(NamedTuple):
    """The first event of a run, on both clocks."""

    at: int
    wall: str


def write_csv(file: TextIO, probes: Mapping[str, Columns], origin: Origin) -> int:
    """Write the samples of all probes, one probe after the other, and return how many they were."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(FIELDS)
    number = 0
    for name, part in _chunks(probes):
        due_utc, sent = _utc(part, origin), (part.sent - origin.at).tolist()
        writer.writerows(
            zip(
                [name] * len(part),
                due_utc.tolist(),
                (part.due - origin.at).tolist(),
                ("" if not was else at for was, at in zip(part.sent.tolist(), sent, strict=True)),
                (part.answered - origin.at).tolist(),
                (_OUTCOMES[code] for code in part.outcome.tolist()),
                (part.names[place] for place in part.who.tolist()),
                (part.names[place] for place in part.detail.tolist()),
                strict=True,
            )
        )
        number += len(part)
    return number


def write_parquet(path: Path, probes: Mapping[str, Columns], origin: Origin, about: Mapping[str, str]) -> int:
    """Write the samples of all probes into a Parquet file, whole or not at all, and return how many they were.

    `about` becomes the file's own metadata. WrongUsage when pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - the same
    except ImportError as error:
        raise WrongUsage("Parquet needs pyarrow: pip install pyarrow (or export as CSV)") from error
    words, integer = pa.dictionary(pa.int32(), pa.string()), pa.int64()
    types = (words, pa.timestamp("ns", tz="UTC"), integer, integer, integer, words, words, words)
    schema = pa.schema(list(zip(FIELDS, types, strict=True)), metadata=dict(about))
    number = 0
    with (
        atomic_file.draft(path, atomic_file.SHARED) as draft,
        parquet.ParquetWriter(draft, schema, compression="zstd") as writer,
    ):
        for name, part in _chunks(probes):
            writer.write_table(pa.table(_arrays(pa, name, part, origin), schema=schema))
            number += len(part)
    return number


def _arrays(pa: Any, name: str, part: Columns, origin: Origin) -> list[Any]:  # noqa: ANN401 - pyarrow is untyped
    def worded(numbers: Any, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - the same
        return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(names))

    return [
        worded(np.zeros(len(part)), (name,)),
        pa.array(_wall(part, origin)).cast(pa.timestamp("ns", tz="UTC")),
        pa.array(part.due - origin.at),
        pa.array(part.sent - origin.at, mask=part.sent == 0),
        pa.array(part.answered - origin.at),
        worded(part.outcome, _OUTCOMES),
        worded(part.who, part.names),
        worded(part.detail, part.names),
    ]


def _chunks(probes: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    for name, columns in probes.items():
        for start in range(0, len(columns), CHUNK):
            yield name, columns.part(start, start + CHUNK)


def _wall(part: Columns, origin: Origin) -> "np.typing.NDArray[np.datetime64]":
    start = np.datetime64(datetime.fromisoformat(origin.wall).replace(tzinfo=None), "ns")
    return start + (part.due - origin.at).astype("timedelta64[ns]")


def _utc(part: Columns, origin: Origin) -> "np.typing.NDArray[np.str_]":
    return np.strings.add(np.datetime_as_string(_wall(part, origin), unit="us"), "Z")
