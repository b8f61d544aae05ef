"""Each sentence of docs/judging.md that promises something is a test, and no test quotes what the page doesn't say."""

from functools import cache
from pathlib import Path
from typing import Final

from unit.judging.page.sentences import quoted, sentences

TESTS: Final = Path(__file__).parents[3]
PAGE: Final = TESTS.parent / "docs/judging.md"

PROMISES_NOTHING: Final = (
    "Most readers need the verdicts and [what each expectation proves](#what-each-expectation-proves).",
    "The other sections are the exact rules behind them.",
    "| verdict | when | exit |",
    "Others may end a state: a reload, a supervisor, an operator.",
    "A look took `answered - sent`.",
    "Each look by itself proves this much, with `s` its sending, `a` its answer; *took* is `a - s`:",
    "| look | outcome | proves |",
    "Looks are points in time; an outage is a length.",
    "| `when` | the part |",
    "A condition is a probe (or `all`) and a word.",
    "To each word a look is *for* it, *against* it, both, or says nothing:",
    "| look | `is ok` | `is not ok` | `saw WHO` | `saw not WHO` |",
    "| condition | ends the run when |",
    "| expectation | FAILED | PASSED | INCONCLUSIVE between, and when |",
    "| `detected: {of, after, within, says?}` | see below | | |",
)
"""Headings of tables, words that are explained, and what leads to the sentences after it."""


@cache
def page() -> list[str]:
    return sentences(PAGE.read_text())


@cache
def held() -> dict[str, list[str]]:
    return quoted(TESTS)


def test_each_sentence_that_promises_something_is_a_test() -> None:
    untested = [one for one in page() if one not in PROMISES_NOTHING and one not in held()]
    assert not untested, "\n".join(untested)


def test_each_sentence_that_a_test_quotes_is_on_the_page() -> None:
    gone = {sentence: names for sentence, names in held().items() if sentence not in page()}
    assert not gone, "\n".join(f"{', '.join(names)}: {sentence}" for sentence, names in gone.items())
    assert [one for one in PROMISES_NOTHING if one not in page()] == []


def test_no_sentence_is_said_to_promise_nothing_and_is_tested() -> None:
    assert [one for one in PROMISES_NOTHING if one in held()] == []


def test_the_page_is_taken_apart_sentence_by_sentence() -> None:
    text = (
        "# Head\nOne. Two (`a`: b)!\n\n- **Bold.** Three\n  goes on. Four.\n\n| a | b |\n| --- | --- |\n| c. D | e |\n"
    )
    assert sentences(text + "```\nno code.\n```\n") == [
        "One.", "Two (`a`: b)!", "**Bold.** Three goes on.", "Four.", "| a | b |", "| c. D | e |",
    ]  # fmt: skip
