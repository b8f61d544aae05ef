"""`faildrill validate`, `explain`, `schema`, `list` and `init`."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.explaining.first_drill import SCHEMA

ROOT = Path(__file__).parents[2]
INVALID = Path(__file__).parent / "loading" / "invalid" / "drills"
EXAMPLE = ROOT / "drills" / "environments" / "example.yaml"
FIVE = INVALID / "five-different-mistakes.yaml"

OTHERS_KIND = '''
from pydantic import model_validator

from faildrill.ports import Kind, Seen
from faildrill.record.samples import Outcome

class Nod(Kind):
    """Nods at every look.

        pay: {others.nod: {times: 3}, every: 1s}
    """

    times: int
    word: str = ""

    @model_validator(mode="after")
    def _plain(self):
        if "$" in self.word:
            raise ValueError("a word has no $ in it")
        return self

    async def look(self, given):
        """Nod."""
        return Seen(Outcome.OK)
'''


def _run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_a_valid_file_exits_0() -> None:
    result = _run("validate", str(ROOT / "drills" / "postgres-switchover.yaml"), "--env", str(EXAMPLE))
    assert result.output.endswith("postgres-switchover.yaml: valid\n")
    assert result.exit_code == 0


def test_an_environment_can_be_checked_by_itself() -> None:
    result = _run("validate", str(EXAMPLE))
    assert (result.output, result.exit_code) == (f"{EXAMPLE}: valid\n", 0)


def test_every_mistake_is_a_line_and_the_exit_code_is_2() -> None:
    result = _run("validate", str(FIVE), "--env", str(EXAMPLE))
    assert len(result.output.splitlines()) == 5
    assert all(line.startswith(f"{FIVE}:") for line in result.output.splitlines())
    assert result.exit_code == 2


def test_one_bad_file_among_good_ones_exits_2() -> None:
    result = _run("validate", str(EXAMPLE), str(FIVE), "--env", str(EXAMPLE))
    assert f"{EXAMPLE}: valid" in result.output
    assert result.exit_code == 2


def test_a_drill_without_its_environment_is_checked_by_itself_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    text = (ROOT / "drills" / "postgres-switchover.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("environment: lab", "environment: lab-hosts"), encoding="utf-8")
    result = _run("validate", str(path))
    assert "valid (checked without its environment: lab-hosts is not up)" in result.output
    assert result.exit_code == 0


def test_a_drill_whose_environment_is_not_to_be_found_is_wrong_at_that_place(tmp_path: Path) -> None:
    path = _broken_drill(tmp_path, "environment: shpo")
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "shop.yaml").write_text("environment: shop\n", encoding="utf-8")
    result = _run("validate", str(path))
    assert f"{path}:2:14: no environment is called 'shpo'; did you mean 'shop'?" in result.output
    assert f"{path}:4:62: a time needs a number" in result.output
    assert result.exit_code == 2


def test_a_broken_environment_does_not_hide_the_mistakes_of_the_drill(tmp_path: Path) -> None:
    path = _broken_drill(tmp_path, "environment: shop")
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "shop.yaml").write_text("environment: shop\ndrillable: yes\n", encoding="utf-8")
    assert _run("validate", str(path)).output.splitlines() == [
        f"{tmp_path}/environments/shop.yaml:2:12: must be true or false",
        f"{path}:4:62: a time needs a number and a unit (us, ms, s, m, h, d), e.g. 100s or 100ms",
    ]


def _broken_drill(folder: Path, environment: str) -> Path:
    path = folder / "case.yaml"
    text = (INVALID / "time-without-a-unit.yaml").read_text(encoding="utf-8").split("#:")[0]
    path.write_text(text.replace("environment: example", environment), encoding="utf-8")
    return path


def test_an_environment_that_was_asked_for_must_be_there() -> None:
    result = _run("validate", str(FIVE), "--env", "nowhere")
    assert "no environment is called 'nowhere'" in result.output
    assert result.exit_code == 2


def test_the_mistakes_can_be_had_as_json() -> None:
    result = _run("validate", str(FIVE), "--env", str(EXAMPLE), "-o", "json")
    [one] = json.loads(result.output)
    assert one["valid"] is False
    assert len(one["mistakes"]) == 5
    assert set(one["mistakes"][0]) == {"line", "column", "message"}


def test_a_mistake_in_the_environment_is_said_of_its_file() -> None:
    bad = INVALID.parent / "environments" / "port-in-quotes.yaml"
    result = _run("validate", str(ROOT / "drills" / "postgres-switchover.yaml"), "--env", str(bad))
    assert result.output.startswith(f"{bad}:12:66: ")
    assert result.exit_code == 2


def test_a_file_that_is_not_there_exits_2(tmp_path: Path) -> None:
    result = _run("validate", str(tmp_path / "none.yaml"))
    assert "there is no such file" in result.output
    assert result.exit_code == 2


@pytest.mark.parametrize("name", ["../environments/example", "a/../../b", "..", "a\0b", "‥", "x" * 4096])
def test_a_name_of_an_environment_is_never_a_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps({"drill": "case", "environment": name}), encoding="utf-8")
    result = _run("validate", str(path))
    assert result.exit_code == 2
    assert (
        "1:34: a name has" in result.output or "1:34: must have at most" in result.output or "control" in result.output
    )


def test_list_tells_what_each_drill_is_about_and_needs() -> None:
    result = _run("list", str(ROOT / "drills"))
    assert "payment-server-crash  in lab" in result.output
    assert "needs clusters payments, groups payment-servers, services payments" in result.output
    assert result.exit_code == 0


def test_list_shows_a_bad_drill_as_bad(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(FIVE.read_bytes())
    result = _run("list", str(tmp_path))
    assert result.output.startswith("bad  ")
    assert "3 mistakes; see: faildrill validate" in result.output


def test_list_can_be_had_as_json() -> None:
    listed = json.loads(_run("list", str(ROOT / "drills"), "-o", "json").output)
    assert {one["drill"] for one in listed} >= {"postgres-primary-crash", "postgres-switchover"}


def test_explain_lists_every_kind_by_shape() -> None:
    result = _run("explain")
    assert re.search(r"^  patroni\.kill_primary +Kills the node", result.output, re.MULTILINE)
    assert result.output.index("probe:") < result.output.index("action:") < result.output.index("reach:")


def test_explain_tells_the_parameters_of_a_kind() -> None:
    result = _run("explain", "member.kill")
    assert "group: name of one of the environment's groups, required" in result.output
    assert "member.kill: {group: payment-servers, member: pay1}" in result.output


def test_explain_tells_every_shape_of_a_name() -> None:
    result = _run("explain", "outage")
    assert "outage: expectation" in result.output
    assert "outage: abort" in result.output


def test_explain_of_an_unknown_kind_says_what_was_perhaps_meant() -> None:
    result = _run("explain", "outgae")
    assert "no kind is called 'outgae'; did you mean 'outage'?" in result.output
    assert result.exit_code == 2


@pytest.mark.parametrize("what", ["drill", "environment", "standard"])
def test_schema_prints_json(what: str) -> None:
    assert json.loads(_run("schema", what).output)["additionalProperties"] is False


def test_init_writes_a_drill_that_is_valid_and_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "drills" / "mine.yaml"
    assert _run("init", str(path)).exit_code == 0
    assert path.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    assert json.loads((path.parent / SCHEMA).read_text(encoding="utf-8"))["type"] == "object"
    assert _run("validate", str(path), "--env", str(EXAMPLE)).output == f"{path}: valid\n"


@pytest.mark.parametrize("name", ["true", "null", "42", "12e4", "12345e6789", "1234567890123456789", "0x1f", "1.5"])
def test_init_writes_a_valid_drill_whatever_its_name_looks_like(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yaml"
    assert _run("init", str(path)).exit_code == 0
    assert _run("validate", str(path), "--env", str(EXAMPLE)).output.count("not a number") == 0
    assert f'drill: "{name}"' in path.read_text(encoding="utf-8")


def test_init_never_writes_over_a_drill(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    result = _run("init", str(path))
    assert "is there already; nothing was written" in result.output
    assert result.exit_code == 2
    assert path.read_text(encoding="utf-8") == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def others(tmp_path: Path) -> Callable[[str, str], str]:
    """Install somebody else's package with a kind in it, and validate a drill that uses it."""
    (tmp_path / "others.py").write_text(OTHERS_KIND, encoding="utf-8")
    info = tmp_path / "others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[faildrill.kinds]\nothers.nod = others:Nod\n", encoding="utf-8")

    def validate(use: str, env: str) -> str:
        drill = tmp_path / "case.yaml"
        text = (INVALID / "no-expectation.yaml").read_text(encoding="utf-8").split("#:")[0]
        text = text.replace("simulated.service: {folder: /tmp, name: pay}", use)
        text = text.replace("environment: example", "environment: lab-hosts")
        drill.write_text(text + "expect:\n  - steady_again: {within: 60s}\n", encoding="utf-8")
        program = "from faildrill.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, "validate", str(drill), *(["--env", env] if env else [])],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.removeprefix(str(drill))

    return validate


def test_a_kind_of_somebody_else_s_package_is_used_like_any_other(others: Callable[[str, str], str]) -> None:
    said = others("others.nod: {times: many}", str(EXAMPLE))
    assert said == ":4:29: must be a whole number, without quotes\n"


def test_a_check_of_the_whole_waits_until_all_of_it_is_known(others: Callable[[str, str], str]) -> None:
    use = 'others.nod: {times: 3, word: "${services.payments}"}'
    assert others(use, "").startswith(": valid (checked without its environment")
    assert others(use.replace("${services.payments}", "$"), "") == ":4:21: a word has no $ in it\n"


def test_help_imports_nothing_that_is_slow() -> None:
    slow = ("pydantic", "yaml", "numpy", "asyncio", "aiohttp", "rich", "jinja2", "msgspec")
    asked = "import sys; from faildrill.cli.main import cli; cli(['--help'], standalone_mode=False)"
    program = f"{asked}; sys.stderr.write(str([name for name in {slow!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_the_hook_for_pre_commit_says_of_each_drill_that_is_committed_what_validate_says(tmp_path: Path) -> None:
    """As pre-commit does: the files that match, handed to the hook's own entry."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    bad, good = tmp_path / "bad.yaml", ROOT / "drills" / "postgres-switchover.yaml"
    bad.write_bytes(FIVE.read_bytes())
    program, *words = hook["entry"].split()
    assert (program, hook["language"], re.compile(hook["files"]).match("drills/a.yaml") is not None) == (
        "faildrill",
        "python",
        True,
    )
    assert _run(*words, str(good)).exit_code == 0
    refused = _run(*words, str(good), str(bad))
    assert (refused.exit_code, f"{bad}:" in refused.output) == (2, True)
