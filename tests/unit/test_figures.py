"""The figures of the source: what has reached its goal stays there, and each is counted as it is named."""

import gc

import pytest

from support.house.figures import Figure, figures
from support.house.repeats import pairs
from support.house.source import Module, read

REACHED = {
    "lines of the longest module",
    "of these, for one reader, without a reason",
    "the same, of adapters, but for roles",
    "the same, outside of the adapters and the lab",
    "files at the root of the package",
    "lines of the 95th in a hundred",
    "lines of the longest",
    "kinds that the engine decides by, by name",
    "comments and notes in a hundred lines",
    "noqa",
    "noqa without a reason",
    "pairs of places that say the same",
    "parameters packed into a tuple",
}
"""Figures that met their goal once: from then on they are held to it."""

A_RUN = """
def {name}({given}):
    {made} = {given}.make({number}, "{text}")
    if {made}.is_done and {made}.count > {number}:
        raise ValueError(f"{text} {{{made}}}")
    for {one} in {made}:
        {one}.tell({given}, {number})
    return {made}
"""


@pytest.fixture(scope="module")
def counted() -> dict[str, Figure]:
    gc.disable()  # millions of small pieces, none of them garbage: the collector would take half of the time
    try:
        return {figure.name: figure for figure in figures(read())}
    finally:
        gc.enable()


@pytest.mark.parametrize("name", sorted(REACHED))
def test_a_goal_that_was_reached_is_kept(name: str, counted: dict[str, Figure]) -> None:
    assert counted[name].is_reached, "\n".join([str(counted[name]), *counted[name].where])


def _one(name: str, *texts: str) -> Figure:
    modules = [Module(f"part_{number}/module_{number}.py", text) for number, text in enumerate(texts)]
    return next(figure for figure in figures(modules) if figure.name == name)


def test_a_private_function_is_called_once_where_its_module_names_it_once() -> None:
    text = "def _often(): ...\ndef _once(): _often()\ndef told(): return _often(), _once()\n"
    assert _one("private functions called once, in a hundred", text).where == ["part_0/module_0.py:2 _once"]


def test_one_of_one_or_two_statements_is_counted_apart_its_docstring_not_among_them() -> None:
    small = 'def _small():\n    """Say so."""\n    one()\n    two()\n'
    text = small + "def _step():\n    one()\n    two()\n    three()\n_small(), _step()\n"
    assert _one("the same, of one or two statements", text).where == ["part_0/module_0.py:1 _small"]


def test_a_text_behind_a_name_is_a_note_and_a_docstring_is_none() -> None:
    made = 'class A:\n    """Says so."""\n    b: int\n    """Metres."""\n    def _c(): _c()\n'
    text = '"""Says what."""\nLONG = 3\n"""Seconds."""\n' + made
    assert _one("of these, notes on a value", text).where == ["part_0/module_0.py:3", "part_0/module_0.py:7"]


def test_two_worlds_may_call_a_file_alike_where_it_is_a_role_of_both() -> None:
    names = ["adapters/a/identity.py", "adapters/b/identity.py", "adapters/a/lines.py", "adapters/b/lines.py"]
    found = figures([Module(name, "def _of(): ...\n") for name in names])
    assert next(one for one in found if one.name == "the same, of adapters, but for roles").where == ["lines"]


def test_a_short_module_that_one_other_reads_alone_needs_a_reason() -> None:
    texts = {
        "a/short.py": "def _of(): ...\n",
        "a/shared.py": "def of(): ...\n",
        "a/long.py": "from faildrill.a import shared\nfrom faildrill.a.short import _of\n" + "_of()\n" * 40,
        "b/other.py": "from faildrill.a.shared import of\n" + "of()\n" * 40,
    }
    alone = figures([Module(name, text) for name, text in texts.items()])
    assert next(one for one in alone if one.name.startswith("of these, for one reader")).where == ["a/short.py"]


@pytest.mark.parametrize(
    ("annotation", "is_packed"),
    [
        ("tuple[str, float]", True),
        ("tuple[float, float]", False),
        ("tuple[str, ...]", False),
        ("tuple[str, int]", False),
    ],
    ids=["of different types", "a span", "a list", "an address"],
)
def test_a_tuple_of_different_things_is_a_pack_of_parameters(annotation: str, *, is_packed: bool) -> None:
    text = f"def _told(what: {annotation}) -> None: ...\n"
    assert bool(_one("parameters packed into a tuple", text).where) is is_packed


def test_a_comment_is_what_a_reader_is_told_and_no_order_to_a_program() -> None:
    text = (
        "first = 1  # because it is the first\nsecond = 2  # noqa: E501 - it is long\nthird = 3  # type: ignore[misc]\n"
    )
    text += "\n\nfourth = '# no comment'\ndef _of(): ...\n"
    assert _one("of these, comments", text).value == 20.0
    assert (
        _one("comments and notes in a hundred lines", text + '"""Why it is."""\nfifth = 5\n"""Seconds."""\n').value
        == 25.0
    )
    assert _one("noqa", text).value == 1


def test_a_noqa_says_why() -> None:
    text = "a = 1  # noqa: E501 - it is long\nb = 2  # noqa: E501, F401\nc = 3  # noqa\ndef _of(): ...\n"
    assert _one("noqa without a reason", text).where == ["part_0/module_0.py:2", "part_0/module_0.py:3"]


def test_a_kind_is_named_where_a_string_is_its_name_and_nothing_else() -> None:
    text = "def _is(kind): return kind == 'patroni.kill_primary'\nEXAMPLE = 'write patroni.kill_primary'\n"
    name = "kinds that the engine decides by, by name"
    assert _one(name, text).where == ["part_0/module_0.py:1 patroni.kill_primary"]


def test_runs_of_one_shape_are_told_whatever_their_names() -> None:
    left = A_RUN.format(name="first", given="source", made="built", number=3, text="a text", one="each")
    right = "# another\n\n" + A_RUN.format(name="other", given="place", made="found", number=7, text="b", one="member")
    told = pairs([Module("left.py", left), Module("right.py", right), Module("apart.py", "def nothing(): ...\n")])
    assert [str(pair) for pair in told] == ["left.py:2 ~ right.py:4 (and 1 lines on)"]


def test_a_table_is_no_repetition_of_itself() -> None:
    text = "\n".join(f'TABLE_{number} = made("{number}", of={number}, by=[1, 2, {number}])' for number in range(30))
    assert pairs([Module("table.py", text)]) == []
