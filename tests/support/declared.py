"""Drills on a place of their own, written into a folder of a test."""

from pathlib import Path
from typing import Final

from faildrill.testing import FakePlace

DRILL: Final = """\
drill: alpha
environment: here
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: alpha}}, every: 20ms}}
steps:
  - name: break alpha
    simulated.fault: {{folder: "{place}", name: {of}}}
    within: 3s
    undo_within: 3s
  - wait: {wait}
expect:
  - outage: {{of: pay, at_most: {at_most}, hold: 0s}}
"""
ENVIRONMENT: Final = 'environment: here\ndrillable: true\nidentity:\n  - simulated.word: {{about: "{place}"}}\n'


def written(folder: Path, at_most: str = "30s", of: str = "alpha", wait: str = "200ms") -> Path:
    """Write a drill on a place of its own."""
    place = FakePlace(folder / "place").folder
    (folder / "environments").mkdir()
    (folder / "environments" / "here.yaml").write_text(ENVIRONMENT.format(place=place), encoding="utf-8")
    file = folder / "alpha.yaml"
    file.write_text(DRILL.format(place=place, at_most=at_most, of=of, wait=wait), encoding="utf-8")
    return file
