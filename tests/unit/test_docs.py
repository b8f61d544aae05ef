"""The pages are found, lead where they say, and use the words that the glossary explains."""

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from faildrill.acting.call import IN_TRANSIT
from faildrill.explaining.kind_description import SHAPES
from faildrill.judging.result import Verdict
from faildrill.kinds import trait
from faildrill.kinds.table import ACTIONS, TARGETS
from faildrill.loading.environment_rules import RULES
from faildrill.ports.effect import ACTS_LATE
from faildrill.record.samples import Outcome

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
GLOSSARY: Final = DOCS / "glossary.md"
PAGES: Final = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
LINE: Final = re.compile(r"^- \*\*([^*]+)\*\*: (.+)$", re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
OF_THE_DESIGN: Final = (
    *("environment", "target", "probe", "sample", "step", "action", "undo", "event", "expectation", "finding"),
    *("verdict", "RTO", "RPO", "switchover", "failover", "failback"),
)
"""The words of the sentence that a drill is: without them no page can be read."""


@cache
def glossary() -> list[tuple[str, str]]:
    return LINE.findall(GLOSSARY.read_text(encoding="utf-8"))


@cache
def other_pages() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page != GLOSSARY).lower()


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_each_word_has_one_line() -> None:
    words = [word for word, _ in glossary()]
    assert len(words) == len({word.lower() for word in words})
    assert all(meaning.endswith((".", ")")) for _, meaning in glossary())


@pytest.mark.parametrize("word", OF_THE_DESIGN)
def test_the_words_that_a_drill_is_made_of_are_explained(word: str) -> None:
    assert word in dict(glossary())


def test_every_verdict_and_every_outcome_of_a_look_is_explained() -> None:
    lines = dict(glossary())
    assert [one for one in Verdict if one not in lines["verdict"]] == []
    assert [one for one in Outcome if one.name.lower().replace("_", " ") not in lines["outcome"]] == []


def test_every_shape_of_kind_is_explained() -> None:
    names = {"abort": "abort condition", "settings": "setting"}
    assert [one for one in SHAPES if names.get(one, one) not in dict(glossary())] == []


@pytest.mark.parametrize("word", [word for word, _ in glossary()])
def test_a_word_that_is_explained_is_used(word: str) -> None:
    assert re.search(rf"\b{re.escape(word.lower())}", other_pages()), f"{word} is on no other page: leave it out"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    links = [one for one in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))) if "://" not in one]
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


def test_the_page_of_the_files_names_every_section_of_an_environment() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", (DOCS / "drills.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert {*TARGETS, *RULES} - named == set()


def test_the_page_of_the_files_says_for_how_long_each_kind_may_act_late() -> None:
    page = (DOCS / "drills.md").read_text(encoding="utf-8")
    [told] = re.findall(r"^\*\*An open outcome\.\*\*(.*?)\n\n", page, re.MULTILINE | re.DOTALL)
    said = {float(seconds) for seconds in re.findall(r"\b(\d+) s\b", told)}
    assert {float(late) for name in ACTIONS if (late := trait(name, "action", ACTS_LATE)) and late > IN_TRANSIT} <= said


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall((DOCS / "README.md").read_text())}
    of_decisions = DOCS / "decisions"
    pages = {page for page in DOCS.rglob("*.md") if page.parent != of_decisions} - {DOCS / "README.md"}
    assert pages - listed == set()
    assert of_decisions / "README.md" in listed


def test_the_front_page_leads_to_the_list_of_pages_and_the_glossary() -> None:
    links = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"docs/README.md", "docs/glossary.md"} <= set(links)


def test_every_module_that_a_page_names_by_its_path_is_there() -> None:
    source = ROOT / "src" / "faildrill"
    folders = {path.parent.name for path in source.glob("*/__init__.py")}
    gone = []
    for page in PAGES:
        named = re.findall(r"`(?:src/faildrill/)?([a-z_]+/[a-z_/]+\.py)`", page.read_text(encoding="utf-8"))
        there = [path for path in named if path.split("/")[0] in folders]
        gone += [f"{page.relative_to(ROOT)}: {path}" for path in there if not (source / path).is_file()]
    assert gone == []


def test_every_module_and_test_that_the_page_of_promises_names_is_there() -> None:
    there = [
        path.relative_to(ROOT).as_posix()
        for part in ("src", "tests", "contrib")
        for path in (ROOT / part).rglob("*.py")
    ]
    named = re.findall(r"`([\w./-]+\.py)`", (DOCS / "safety.md").read_text(encoding="utf-8"))
    missing = [name for name in named if not any(path.endswith(f"/{name}") or path == name for path in there)]
    assert named
    assert missing == []
