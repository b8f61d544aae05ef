"""The strict composer of YAML."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from faildrill.errors import InvalidFile
from faildrill.loading.yaml.composer import DEEPEST, MOST_NODES, compose
from faildrill.loading.yaml.mistakes import MOST, Mistakes
from faildrill.loading.yaml.nodes import Entry, Place, place_of, plain


def _plain(text: str | bytes) -> object:
    data = text.encode() if isinstance(text, str) else text
    mistakes = Mistakes("a.yaml")
    node = compose(data, mistakes)
    mistakes.refuse()
    return plain(node)


def _mistakes(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        _plain(text)
    return [f"{one.line}:{one.column}: {one.message}" for one in caught.value.mistakes]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("42", 42),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1.2.3", "1.2.3"),
        ("2026-11-22", "2026-11-22"),
        ("'42'", "42"),
        ('"true"', "true"),
        ("=", "="),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(written: str, value: object) -> None:
    found = _plain(f"a: {written}\n")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_a_key_is_the_word_that_is_written() -> None:
    assert _plain("on: 1\nno: 2\n1: 3\nnull: 4\n") == {"on": 1, "no": 2, "1": 3, "null": 4}


def test_an_anchor_is_repeated_by_its_aliases() -> None:
    assert _plain("a: &x {b: [1]}\nc: *x\n") == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_a_byte_order_mark_and_windows_lines_are_no_mistake() -> None:
    assert _plain(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


def test_every_value_and_key_knows_its_place() -> None:
    root = Entry(Place(1, 1), compose(b"a:\n  - b: 1\n    '\xc3\xa9': {c: x}\n", Mistakes("a.yaml")))
    assert place_of(root, ["a", 0, "b"]) == (2, 8)
    assert place_of(root, ["a", 0, "é", "c"]) == (3, 14)
    assert place_of(root, ["a", 0, "é", "c"], at_key=True) == (3, 11)
    assert place_of(root, ["a", 0, "é", "nowhere", "else"]) == (3, 10)


def test_bytes_that_are_not_utf_8_are_placed() -> None:
    assert _mistakes("é: 1\nb: ".encode() + b"\xff") == ["2:4: the file is not UTF-8 from here on"]


def test_a_nul_is_placed() -> None:
    assert _mistakes(b"a: 1\nbc: \x00") == ["2:5: U+0000 is a control character; nothing that is typed has one"]


def test_a_mistake_that_is_found_before_broken_yaml_is_said_too() -> None:
    said = _mistakes("a: 1\na: 2\nb: [1\n")
    assert [one.split(":")[0] for one in said] == ["2", "3"]


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    [said] = _mistakes("\n".join(lines))
    assert said.endswith(f"more than {MOST_NODES:,} values, those repeated by aliases counted each time")


@pytest.mark.parametrize("version", ["1.1", "1.0", "1.3", "2.0"])
def test_a_file_that_says_it_is_another_yaml_is_refused_where_it_says_so(version: str) -> None:
    [said] = _mistakes(f"# a drill\n%YAML {version}\n---\na: yes\n")
    assert said == "2:1: this is YAML 1.2; leave the %YAML line out"
    assert _plain("%YAML 1.2\n---\na: yes\n") == {"a": "yes"}


def test_deep_nesting_is_refused() -> None:
    [said] = _mistakes("a: " + "[" * DEEPEST + "]" * DEEPEST)
    assert said.endswith(f"values nested more than {DEEPEST} deep")


def test_not_more_mistakes_are_shown_than_somebody_reads() -> None:
    said = _mistakes("".join("a: 1\n" for _ in range(500)))
    assert len(said) == MOST + 1
    assert said[-1].endswith(f"and {499 - MOST} more mistakes after this one")


@given(some.binary(max_size=400))
@example(b"%YAML 1.1\n---\na: 1")
@example(b"a: !<tag:yaml.org,2002:python/none> x")
@example(b"? &a *a\n: b")
@example(b"\xef\xbb\xbf\xef\xbb\xbfa: 1")
@example("a: \u2028b".encode())
def test_any_bytes_are_a_mapping_or_placed_mistakes(data: bytes) -> None:
    _a_mapping_or_placed_mistakes(data)


@given(some.text(alphabet="ab \n\t:-?,[]{}&*!|>'\"%@`#<~01.$\\\x85\u2028é", max_size=200))
def test_any_text_made_of_yaml_s_own_signs_is_a_mapping_or_placed_mistakes(text: str) -> None:
    _a_mapping_or_placed_mistakes(text.encode())


def _a_mapping_or_placed_mistakes(data: bytes) -> None:
    lines = data.decode(errors="replace").replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    last = lines.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    found: object = None
    placed: list[tuple[int, int]] = []
    try:
        found = _plain(data)
    except InvalidFile as error:
        placed = [(one.line, one.column) for one in error.mistakes]
    assert isinstance(found, dict) or placed
    assert all(1 <= line <= last and column >= 1 for line, column in placed)
