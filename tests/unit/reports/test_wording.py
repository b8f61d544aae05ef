import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.judging.result import Bounds
from faildrill.reports import wording
from unit.reports import hostile


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_no_control_or_reordering_character_is_left_in_a_text(text: str) -> None:
    cleaned = wording.plain(text)
    assert not [one for one in cleaned if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(cleaned) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufffe")


@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_can_be_written_to_a_file_on_one_line(text: str) -> None:
    cleaned = wording.plain(text)
    assert cleaned.encode().decode() == cleaned
    assert len(cleaned.splitlines()) <= 1


def test_letters_of_every_script_and_joined_signs_stay_as_they_are() -> None:
    assert wording.plain("Zürich, सर्वर, 支払い, ✓ 👩‍💻") == "Zürich, सर्वर, 支払い, ✓ 👩‍💻"


def test_a_text_that_is_too_long_says_that_it_was_cut() -> None:
    cut = wording.plain("x" * 10_000)
    assert len(cut) == wording.LONGEST
    assert cut.endswith("…")


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_bounds_in_words_never_claim_more_than_is_proven(low: float, more: float) -> None:
    words = wording.bounds(Bounds(at_least=low, at_most=low + more))
    least, most = (_seconds(one) for one in words.removeprefix("at least ").split(", at most "))
    assert least <= low + 1e-5
    assert most >= low + more - 1e-5


def _seconds(text: str) -> float:
    units = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
    parts = text.split()
    return sum(float(number) * units[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))


def test_an_outage_that_was_not_seen_to_end_says_so() -> None:
    open_end = Bounds(at_least=4.2, at_most=None)
    assert wording.bounds(open_end).startswith("at least 4.2")
    assert wording.bounds(open_end).endswith(", and not over when the looking ended")
    assert wording.headline(open_end).startswith("≥ 4.2")


@pytest.mark.parametrize("text", ["# title", "- item", "1. item", "---", "> quote", "=== x"])
def test_a_text_starts_nothing_in_markdown(text: str) -> None:
    assert (
        wording.markdown(text)[0] not in "#->=" or wording.markdown(text)[1] == "\\" or "\\" in wording.markdown(text)
    )


def test_ordinary_names_stay_readable_in_markdown() -> None:
    assert wording.markdown("kill_the_primary of payments-db, 0.1.0 (30 s)") == (
        "kill_the_primary of payments-db, 0.1.0 (30 s)"
    )


@pytest.mark.parametrize("text", ["a b", "$(reboot)", "a';reboot;'", "`id`", ""])
def test_a_folder_in_a_command_line_is_one_word_and_never_run(text: str) -> None:
    import shlex  # noqa: PLC0415 - the oracle of this test alone

    assert shlex.split(wording.shell(text)) == [text]


@pytest.mark.says(
    "The headline of a report shows one figure beside them, the likeliest length ([why, and how it is "
    "made](decisions/0014-a-likeliest-length-beside-the-bounds.md))."
)
def test_a_headline_shows_the_likeliest_length_and_where_there_is_none_the_middle_of_the_bounds() -> None:
    assert wording.headline(Bounds(at_least=1.98, at_most=2.02)) == "2 s"
    assert wording.headline(Bounds(at_least=1.98, at_most=2.02, likely=2.01)) == "2.01 s"
