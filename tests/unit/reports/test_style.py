"""The colours of the page can be read by those who see badly, by day and by night."""

import re
from pathlib import Path

import pytest

import faildrill.reports

CSS = (Path(faildrill.reports.__file__).parent / "html" / "templates" / "report.css").read_text(encoding="utf-8")
READABLE = 4.5
"""Contrast that WCAG 2.2 asks of text, level AA."""
SEEN = 3.0
"""Contrast that it asks of what is no text but has a meaning."""


def _theme(number: int) -> dict[str, str]:
    blocks = re.findall(r":root \{([^}]*)\}", CSS)
    found: dict[str, str] = {}
    for block in blocks[: number + 1]:
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})[;\s]", block))
    return found


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_light(one), _light(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "warn", "calm", "series", "undo"])
def test_text_stands_out_from_the_paper_and_the_cards(theme: int, text: str) -> None:
    colours = _theme(theme)
    assert contrast(colours[text], colours["card"]) >= READABLE
    assert contrast(colours[text], colours["paper"]) >= READABLE


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("tone", ["good", "bad", "warn", "calm"])
def test_the_verdict_stands_out_from_its_banner(theme: int, tone: str) -> None:
    colours = _theme(theme)
    assert contrast(colours[tone], colours[f"{tone}-tint"]) >= READABLE
    assert contrast(colours["soft"], colours[f"{tone}-tint"]) >= READABLE


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("row", [f"who{number}" for number in range(6)])
def test_every_row_of_the_picture_can_be_seen(theme: int, row: str) -> None:
    assert contrast(_theme(theme)[row], _theme(theme)["card"]) >= SEEN
