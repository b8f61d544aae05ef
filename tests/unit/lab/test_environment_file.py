"""What a lab writes is what `faildrill` reads: YAML 1.2, though PyYAML writes 1.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.lab.payments.environment_file import yaml_text
from faildrill.loading.yaml.scalars import resolve


@given(st.text("0123456789abcdefox+-._", min_size=1, max_size=16))
def test_the_identity_of_a_lab_is_text_for_who_reads_it(uid: str) -> None:
    written = yaml_text({"uid": uid}).removeprefix("uid: ").removesuffix("\n")
    if written == uid:
        assert resolve(written) == uid
    else:
        assert written in (f"'{uid}'", f'"{uid}"')


@pytest.mark.parametrize("uid", ["12345e6789012345", "12e4", "1.", "0o17", "0x1F", "0123456789012345", "089", "no"])
def test_an_identity_that_looks_like_a_number_is_quoted(uid: str) -> None:
    assert yaml_text({"uid": uid}) == f"uid: '{uid}'\n"


def test_a_number_stays_a_number() -> None:
    assert yaml_text({"port": 5432, "share": 0.5, "drillable": True}) == "port: 5432\nshare: 0.5\ndrillable: true\n"
