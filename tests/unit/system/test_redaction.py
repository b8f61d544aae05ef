"""Secrets in every form are kept out of text; what is no secret stays."""

import base64
import io
import json
import subprocess
import sys
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as some

from faildrill.errors import UnresolvedSecret
from faildrill.secrets import Reference
from faildrill.system import redaction

VALUE = "Tr0ub4dor&3 ü/x"


@pytest.fixture(autouse=True)
def _known() -> None:
    redaction.learn(VALUE)


@given(some.text(max_size=20), some.text(max_size=20))
def test_a_value_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert VALUE not in redaction.clean(before + VALUE + after)


@given(some.binary(max_size=9), some.binary(max_size=9))
def test_base64_of_a_value_is_found_wherever_it_begins(before: bytes, after: bytes) -> None:
    whole = base64.b64encode(before + VALUE.encode() + after).decode()
    cleaned = redaction.clean(whole)
    assert redaction.HIDDEN in cleaned
    hidden = len(whole) - len(cleaned.replace(redaction.HIDDEN, ""))
    assert hidden >= len(VALUE.encode()) * 8 / 6 - 2  # at the most a character at either end, shared with others


EVERY_BYTE = "".join(f"%{byte:02X}" for byte in VALUE.encode())


@pytest.mark.parametrize(
    "written",
    [
        repr(VALUE),
        json.dumps(VALUE),
        quote_plus(VALUE),
        ascii(VALUE),
        VALUE.encode().hex(),
        str(VALUE.encode()),
        EVERY_BYTE,
        EVERY_BYTE.lower(),
    ],
)
def test_a_value_is_found_as_it_is_written_elsewhere(written: str) -> None:
    assert redaction.HIDDEN in redaction.clean(f"before {written} after")
    assert "Tr0ub4dor" not in redaction.clean(f"before {written} after")


def test_every_long_line_of_a_key_is_a_secret() -> None:
    redaction.learn("-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n")
    assert redaction.clean("read kqhkiG9w0BAQEF from it") == "read ••• from it"


def test_data_is_cleaned_in_its_depth_and_told_to_hold_a_secret() -> None:
    data = {"a": [1, None, (f"x{VALUE}",)], VALUE: True}
    assert redaction.clean_all(data) == {"a": [1, None, ("x•••",)], "•••": True}
    assert redaction.holds_secret(data)
    assert not redaction.holds_secret({"a": [1, "x"]})


def test_what_comes_in_parts_is_cleaned_as_a_whole() -> None:
    out = io.StringIO()
    stream = redaction.Stream(out)
    for part in ("say ", VALUE[:5], VALUE[5:], "\nand ", VALUE[:3]):
        stream.write(part)
    stream.write(VALUE[3:] + "\n")
    assert out.getvalue() == "say •••\nand •••\n"


def test_a_traceback_of_a_process_has_no_secret_in_it() -> None:
    program = (
        "import os, sys; from faildrill.system import redaction; from faildrill.secrets import Reference\n"
        "sys.stderr = redaction.Stream(sys.stderr)\n"
        "raise RuntimeError(Reference('env:CANARY').resolve().reveal())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"CANARY": VALUE}, capture_output=True, text=True, check=False
    )
    assert "RuntimeError: •••" in done.stderr


@pytest.mark.parametrize("value", ["", "a", "abc"])
def test_a_secret_too_short_to_be_kept_out_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", value)
    with pytest.raises(UnresolvedSecret, match="env:SHORT: a secret of less than 4 characters"):
        Reference("env:SHORT").resolve()
